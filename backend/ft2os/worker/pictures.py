"""The raw files of pictures that a client owns: written part by part, never mapped.

A client may cut or replace its file at any time; in a mapped one that would kill the process.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ft2os.errors import RequestError
from ft2os.files import open_regular, size_of, write_error

if TYPE_CHECKING:
    from ft2os.tiles import Window


class Pictures:
    """Little-endian float32 pictures [C, H, W, channels] in a file that exists, for a ``with`` block.

    Parameters
    ----------
    path : str
    shape : tuple of int

    Raises
    ------
    FileError
        If there is no such file, or it is no regular one.
    RequestError
        If it is too small.
    """

    def __init__(self, path: str, shape: tuple[int, int, int, int]) -> None:
        self._path, self._shape = Path(path), shape
        self._stream = _open_for_writing(self._path)
        if size_of(self._stream) < 4 * np.prod(shape, dtype=np.int64):
            self._stream.close()
            raise RequestError(f"{path} is too small for pictures of shape {shape}.", "Make it larger first.")

    def __enter__(self) -> Pictures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def write(self, index: int, window: Window, pixels: np.ndarray) -> None:
        """Put ``pixels`` [h, w, channels] into a window of picture ``index``."""
        rows = np.ascontiguousarray(pixels, "<f4")
        try:
            for place, part in self._stretches(index, window, rows):
                self._stream.seek(place)
                rest = part.data.cast("B")
                while rest:
                    rest = rest[self._stream.write(rest) :]
        except OSError as error:
            raise write_error(self._path, error) from error

    def _stretches(self, index: int, window: Window, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Where parts of ``rows`` lie in the file: all in one if the window is as wide as the picture."""
        _, height, width, channels = self._shape
        first = index * height + window.rows.start
        if rows.shape[1] == width:
            return [(4 * channels * width * first, rows)]
        starts = [4 * channels * (width * (first + y) + window.columns.start) for y in range(len(rows))]
        return list(zip(starts, rows))


def _open_for_writing(path: Path) -> BinaryIO:
    open_regular(path).close()  # refuses what is no file, a pipe or a device
    try:
        return open(path, "r+b", buffering=0, opener=_without_waiting)
    except OSError as error:
        raise write_error(path, error) from error


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
