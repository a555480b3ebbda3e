"""Several views in one picture: editors that know nothing of batches make them agree by themselves.

Where a view was edited before, its edit is the first tile, and the words ask for the same on the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft2os.guidance.editors.door import GREY, resized

COLUMNS = ROWS = 2
TILES = COLUMNS * ROWS
_LIKE_ANCHOR = " The top left picture is finished: make the other three pictures look the same."


def tile(views: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:  # [2 h, 2 w, 3]
    """Up to four views as one picture of tiles of that size (h, w); places that are left over are grey."""
    height, width = size
    picture = np.full((ROWS * height, COLUMNS * width, 3), GREY, np.float32)
    for i, view in enumerate(views):
        _place(picture, i, size)[:] = resized(view, size)
    return picture


def untile(picture: np.ndarray, count: int) -> list[np.ndarray]:  # count of [h, w, 3]
    """The first tiles of such a picture, whatever size it has come back in."""
    size = (picture.shape[0] // ROWS, picture.shape[1] // COLUMNS)
    return [_place(picture, i, size).copy() for i in range(count)]


def instruction(prompt: str, anchored: bool) -> str:
    """The words for a grid, which say what the first tile is."""
    return prompt.rstrip(". ") + "." + _LIKE_ANCHOR if anchored else prompt


def _place(picture: np.ndarray, at: int, size: tuple[int, int]) -> np.ndarray:
    row, column = divmod(at, COLUMNS)
    return picture[row * size[0] : (row + 1) * size[0], column * size[1] : (column + 1) * size[1]]
