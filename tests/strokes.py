"""A style picture: wide strokes in blue and gold."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write(path: Path) -> Path:
    """Save the picture; its path."""
    from PIL import Image

    colours = np.array([[20, 40, 120], [30, 60, 180], [90, 130, 220], [230, 190, 60]], np.uint8)
    places = np.random.default_rng(2).integers(0, 4, (24, 30))
    Image.fromarray(colours[places].repeat(6, 0).repeat(6, 1)).save(path)
    return path
