"""The object's own light and dark, kept through the new material: a face remains a face.

Two things carry it. The ``detail`` that materials take moves them along their own palette (dark lines into
lava's crust, bright eyes into its glow). What the texture then still hides is brought back by a gain on its
luminance, as far as the material's ``luminance_keep`` says.
"""

from __future__ import annotations

import numpy as np

from ft2os.colour import LUMA
from ft2os.stylize.view_buffers import masked_blur

FINE, COARSE = 1 / 64, 1 / 10  # blur radii over the picture's width: lines and features; coarse
DETAIL_LIMIT = 0.5
BRIGHT = 0.5  # of bright detail: white parts would push every material to the pale end of its palette
GAIN = (0.3, 1.5)
WHITE = 0.94  # peak from which bright parts are held back
CEILING = 0.985  # what no channel passes


def detail(luminance: np.ndarray, mask: np.ndarray, median: float, spread: float) -> np.ndarray:
    """Signed luminance detail, about ±0.5, of the masked pixels.  [H, W], [H, W] -> [P']

    Fine lines count most, then features, then the overall light and dark of the object.

    Parameters
    ----------
    median, spread : float
        Of the whole object's luminance, so that every view is measured by the same rule.
    """
    width = luminance.shape[1]
    coarse = masked_blur(luminance, mask, COARSE * width)
    features = masked_blur(luminance, mask, FINE * width)
    scale = 1.0 / max(spread, 0.06)
    parts = 1.0 * (luminance - features) + 0.7 * (features - coarse) + 0.22 * (coarse - median)
    signed = DETAIL_LIMIT * np.tanh(0.45 * scale * parts[mask] / DETAIL_LIMIT)
    return np.where(signed > 0, BRIGHT * signed, signed).astype(np.float32)


def relight(
    colours: np.ndarray,  # [P', 3]
    luminance: np.ndarray,  # [H, W]
    mask: np.ndarray,  # [H, W]
    luminance_keep: float,
) -> np.ndarray:  # [P', 3]
    """The texture with the original's luminance structure brought back, and whites held."""
    width = luminance.shape[1]
    # What the original has beyond a blur, less some of what the texture has there, band by band. Blurs are
    # linear, so both go through them together.
    lack = np.where(mask, np.log(luminance + 0.06), 0)
    lack[mask] -= 0.3 * np.log(colours @ LUMA + 0.03)
    features, coarse = (masked_blur(lack, mask, share * width) for share in (FINE, COARSE))
    bands = 0.9 * (lack - features) + 0.8 * (features - coarse) + 0.25 * (coarse - lack[mask].mean())
    gain = luminance_keep * bands[mask]
    return hold_highlights(colours * np.exp(np.clip(gain, np.log(GAIN[0]), np.log(GAIN[1])))[:, None])


def hold_highlights(colours: np.ndarray) -> np.ndarray:
    """Values bent so that they near `CEILING` without reaching it, by the pixel's largest channel.

    So hue is kept. ``materials.palette.shoulder`` bends each channel by itself instead, as film does: there
    saturated lights should pale.
    """
    peak = np.maximum(colours.max(axis=-1, keepdims=True), 1e-6)
    over = np.maximum(peak - WHITE, 0)
    room = CEILING - WHITE
    held = np.where(peak > WHITE, WHITE + room * (1 - np.exp(-over / room)), peak)
    return colours * (held / peak)
