"""The object's own light and dark, kept through the new material: a face remains a face.

Two things carry it. The ``detail`` that materials take moves them along their own palette (dark lines into
lava's crust, bright eyes into its glow). What the texture then still hides is brought back by a gain on its
luminance, as far as the material's ``keep`` says.
"""

from __future__ import annotations

import numpy as np

from ft2os.stylize.survey import LUMA, masked_blur

FINE, COARSE = 1 / 64, 1 / 10  # blur radii over the picture's width: lines and features; forms
DETAIL_LIMIT = 0.5
BRIGHT = 0.5  # of bright detail: white parts would push every material to the pale end of its palette
GAIN = (0.3, 1.5)
WHITE = 0.94  # where the shoulder begins to hold bright parts back


def detail(luminance: np.ndarray, mask: np.ndarray, median: float, spread: float) -> np.ndarray:
    """Signed luminance detail, about ±0.5, of the masked pixels.  [H, W], [H, W] -> [P']

    Fine lines count most, then features, then the overall light and dark of the object.

    Parameters
    ----------
    median, spread : float
        Of the whole object's luminance, so that every view is measured by the same rule.
    """
    width = luminance.shape[1]
    forms = masked_blur(luminance, mask, COARSE * width)
    features = masked_blur(luminance, mask, FINE * width)
    scale = 1.0 / max(spread, 0.06)
    parts = 1.0 * (luminance - features) + 0.7 * (features - forms) + 0.22 * (forms - median)
    signed = DETAIL_LIMIT * np.tanh(0.45 * scale * parts[mask] / DETAIL_LIMIT)
    return np.where(signed > 0, BRIGHT * signed, signed).astype(np.float32)


def relight(
    colours: np.ndarray,  # [P', 3]
    luminance: np.ndarray,  # [H, W]
    mask: np.ndarray,  # [H, W]
    keep: float,
) -> np.ndarray:  # [P', 3]
    """The texture with the original's luminance structure brought back, and whites held."""
    width = luminance.shape[1]
    own = np.zeros_like(luminance)
    own[mask] = np.log(colours @ LUMA + 0.03)
    wanted = np.where(mask, np.log(luminance + 0.06), 0)
    gain = np.zeros(int(mask.sum()), np.float32)
    # Band by band: what the original has beyond a blur replaces a share of what the texture has there.
    for inner, outer, share in ((0.0, FINE, 0.9), (FINE, COARSE, 0.8), (COARSE, None, 0.25)):
        band_wanted, band_own = (
            _band(wanted, mask, inner, outer, width),
            _band(own, mask, inner, outer, width),
        )
        gain += share * keep * (band_wanted - 0.3 * band_own)
    return shoulder(colours * np.exp(np.clip(gain, np.log(GAIN[0]), np.log(GAIN[1])))[:, None])


def _band(image: np.ndarray, mask: np.ndarray, inner: float, outer: float | None, width: int) -> np.ndarray:
    """What a picture has between two blurs, at the masked pixels; ``outer`` None is the mean."""
    fine = image if inner == 0 else masked_blur(image, mask, inner * width)
    coarse = image[mask].mean() if outer is None else masked_blur(image, mask, outer * width)
    return (fine - coarse)[mask]


def shoulder(colours: np.ndarray) -> np.ndarray:
    """Values bent so that they near 1 without reaching it, by the pixel's largest channel (hue is kept)."""
    peak = np.maximum(colours.max(axis=-1, keepdims=True), 1e-6)
    over = np.maximum(peak - WHITE, 0)
    room = 0.985 - WHITE
    held = np.where(peak > WHITE, WHITE + room * (1 - np.exp(-over / room)), peak)
    return colours * (held / peak)
