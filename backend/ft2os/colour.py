"""Display-referred colour in numpy: luminance, and the bytes of a picture.

Colours are what a screen shows, 0 to 1, not linear light. How they stand in spherical harmonics is said in
``gaussians`` (``base_colours``, ``dc_of``).
"""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601: colours [..., 3] @ LUMA is their luminance


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """Values of any shape as bytes: the nearest of 255 steps, what lies outside 0..1 clamped."""
    return (255 * np.clip(picture, 0, 1) + 0.5).astype(np.uint8)
