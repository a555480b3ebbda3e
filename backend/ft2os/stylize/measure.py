"""Figures that say whether a look is worth keeping: blown whites, and how much of the object still shows."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from ft2os.colour import LUMA
from ft2os.stylize.view_buffers import SurfaceView

CLIPPED = 254.5 / 255
_SIGMA = 1.5  # the window of Wang et al. 2004


def measure(surface_views: list[SurfaceView], colours: np.ndarray) -> dict[str, float]:
    """Over all views' object pixels.

    Returns
    -------
    dict
        ``clipped``: share of pixels that are white, all channels at 255; ``clipped_any``: with at least one
        channel there; ``ssim``: luminance SSIM with the original, mean.
    """
    white = any_channel = total = 0
    ssim = []
    for s in surface_views:
        image = s.view.image(colours)
        inside = s.mask & (s.view.alpha.reshape(s.mask.shape) > 0.9)
        pixels = image[inside]
        white += int((pixels >= CLIPPED).all(axis=1).sum())
        any_channel += int((pixels >= CLIPPED).any(axis=1).sum())
        total += len(pixels)
        if len(pixels):
            ssim.append(float(luminance_ssim(s.original @ LUMA, image @ LUMA)[inside].mean()))
    share = max(total, 1)
    return {
        "clipped": round(white / share, 5),
        "clipped_any": round(any_channel / share, 5),
        "ssim": round(float(np.mean(ssim)) if ssim else 0.0, 4),
    }


def luminance_ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity, pixel by pixel.  [H, W], [H, W] in 0..1 -> [H, W]

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, with its
    constants and a Gaussian window.
    """
    c1, c2 = 0.01**2, 0.03**2

    def blur(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, _SIGMA)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return numerator / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
