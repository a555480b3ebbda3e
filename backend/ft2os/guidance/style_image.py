"""Reading the picture whose style an object should take: any file an artist may name, see `picture_file`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ft2os.errors import FileError
from ft2os.guidance import picture_file
from ft2os.guidance.picture_file import SMALLEST

LARGEST = 1024  # pixels on the longer side of what comes out; strokes are matched at half of it at most
_OPAQUE = 0.5


def load(path: str | Path, largest: int = LARGEST) -> np.ndarray:
    """The picture of a file.

    Parameters
    ----------
    path : str or Path
        Of any kind that `picture_file.decode` reads.
    largest : int
        The longer side of a larger picture is brought down to this many pixels.

    Returns
    -------
    ndarray, float32, [H, W, 3]
        0..1. Transparent parts take the mean colour of the rest, so that they bring no style of their own.

    Raises
    ------
    FileError
        If there is no such file, it is no picture, is cut short, is too small, too large or empty.
    """
    rgb, alpha = picture_file.read(path, largest)
    rgb = picture_file.bounded(rgb, largest)
    if alpha is None:
        return rgb
    return _filled(rgb, picture_file.bounded(alpha[..., None], largest)[..., 0], Path(path).name)


def _filled(rgb: np.ndarray, alpha: np.ndarray, name: str) -> np.ndarray:
    """The opaque part's box, what is transparent in it filled with the mean colour."""
    opaque = alpha > _OPAQUE
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if len(rows) < SMALLEST or len(columns) < SMALLEST:
        raise FileError(f"{name} is transparent all over, or nearly.", "Use a picture with something on it.")
    mean = rgb[opaque].mean(axis=0)
    filled = mean + alpha[..., None] * (rgb - mean)
    return np.ascontiguousarray(filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], np.float32)
