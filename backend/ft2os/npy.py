"""Reading the structured ``.npy`` files in which Gaussians and looks pass between Blender and the worker.

What a header claims is held against the bytes that are there before memory is taken. The file is read, not
mapped: a mapped file that is cut short meanwhile kills the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from ft2os import budget
from ft2os.files import open_regular, read_error, size_of

_BLOCK = 8 << 20  # bytes read at a time


def read_rows(path: str | Path) -> dict[str, np.ndarray]:
    """The columns of a one-dimensional structured array, each contiguous.

    Raises
    ------
    ValueError
        If the file is not one, or shorter than it says.
    FileError
        If it is missing, no regular file, unreadable, or larger than the memory.
    """
    path = Path(path)
    with open_regular(path) as stream:
        count, dtype = _header(stream)
        size = count * dtype.itemsize
        if size > size_of(stream) - stream.tell():
            raise ValueError(f"it is cut short: {count} rows do not fit into it")
        budget.check_memory(size, path.name)
        columns = {
            name: np.empty((count, *dtype[name].shape), dtype[name].base) for name in dtype.names or ()
        }
        try:
            _fill(columns, stream, count, dtype)
        except OSError as error:
            raise read_error(path, error) from error
    return columns


def _header(stream: BinaryIO) -> tuple[int, np.dtype]:
    """How many rows of which type follow."""
    try:
        if np.lib.format.read_magic(stream) != (1, 0):  # the later ones are for longer headers than ours
            raise ValueError("it is of another version")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # a damaged header makes numpy raise about anything
        raise ValueError(f"its header is damaged ({error})") from error
    if dtype.hasobject or not dtype.names or not dtype.itemsize or [type(n) for n in shape] != [int]:
        raise ValueError("it holds something else")
    return shape[0], dtype


def _fill(columns: dict[str, np.ndarray], stream: BinaryIO, count: int, dtype: np.dtype) -> None:
    step = max(1, _BLOCK // dtype.itemsize)
    for start in range(0, count, step):
        wanted = min(step, count - start)
        rows = np.frombuffer(stream.read(wanted * dtype.itemsize), dtype)
        if len(rows) < wanted:
            raise ValueError("it became shorter while it was read")
        for name, column in columns.items():
            column[start : start + wanted] = rows[name]
