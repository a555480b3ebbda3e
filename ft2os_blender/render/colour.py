"""Between the Gaussians' display-referred values and Blender's linear ones. NumPy only.

The view transform Standard undoes `to_linear`, so a picture is shown as the Gaussians were trained.
"""

from __future__ import annotations

import numpy as np


def to_linear(colour: np.ndarray) -> np.ndarray:
    """sRGB values (any range, negative ones mirrored) as linear light."""
    size = np.abs(colour)
    linear = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.copysign(linear, colour).astype(np.float32)


def to_display(colour: np.ndarray) -> np.ndarray:
    """The inverse of `to_linear`."""
    size = np.abs(colour)
    display = np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.copysign(display, colour).astype(np.float32)


def combined(picture: np.ndarray) -> np.ndarray:
    """Blender's Combined pass from the worker's picture.

    Parameters
    ----------
    picture : ndarray, float32, [H, W, 4 or more]
        Display-referred r, g, b premultiplied by alpha; top row first.

    Returns
    -------
    ndarray, float32, [H, W, 4]
        Linear, premultiplied; bottom row first. The curve applies to the colour itself, so it is divided by
        alpha first and multiplied again.
    """
    picture = np.asarray(picture)[::-1]
    alpha = picture[..., 3:4]
    straight = np.divide(picture[..., :3], alpha, out=np.zeros_like(picture[..., :3]), where=alpha > 0)
    return np.concatenate([to_linear(straight) * alpha, alpha], axis=2)
