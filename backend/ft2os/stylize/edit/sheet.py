"""The contact sheet: all edits of a round in one picture, for the panel while the editor works."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import zoom

from ft2os.colour import to_uint8

_SIDE = 160  # pixels of a tile at most
_GAP = 4
_EMPTY = 0.22  # grey of a view that is not edited yet


def contact_sheet(pictures: Sequence[np.ndarray | None], size: tuple[int, int]) -> np.ndarray:
    """Views [H, W, 3] of ``size`` beside each other, None where there is nothing yet.  uint8 [H', W', 3]"""
    columns = int(np.ceil(np.sqrt(len(pictures) * size[0] / size[1])))
    rows = -(-len(pictures) // columns)
    shrink = min(1.0, _SIDE / max(size))
    height, width = (max(1, round(side * shrink)) for side in size)
    sheet = np.full(
        (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), _EMPTY / 2, np.float32
    )
    for i, picture in enumerate(pictures):
        y, x = i // columns * (height + _GAP), i % columns * (width + _GAP)
        tile = np.float32(_EMPTY) if picture is None else _shrunk(picture, (height, width))
        sheet[y : y + height, x : x + width] = tile
    return to_uint8(sheet)


def _shrunk(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    factors = (size[0] / picture.shape[0], size[1] / picture.shape[1], 1)
    return zoom(picture, factors, order=1, grid_mode=True, mode="nearest")[: size[0], : size[1]]
