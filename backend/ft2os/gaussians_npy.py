"""How Gaussians pass between Blender and the worker: one structured ``.npy`` a set, named by its content.

It is no file format for keeping: no raw source columns, no labels, same machine on both ends. Values pass
bit for bit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ft2os.errors import FileError
from ft2os.files import replacing, write_array
from ft2os.gaussians import Gaussians
from ft2os.npy import read_rows

_FLOATS = {"means": 3, "quats": 4, "scales": 3}
_INTS = ("group", "row")


def write(path: Path | str, gaussians: Gaussians) -> Path:
    """Write ``gaussians`` beside ``path`` and rename; ``identity`` and ``source`` stay behind.

    Raises
    ------
    FileError
        If the file cannot be written (the folder is read-only, the disk is full).
    """
    path = Path(path)
    ints = [name for name in _INTS if getattr(gaussians, name) is not None]
    rows = np.empty(len(gaussians), _dtype(gaussians.sh.shape[1], ints))
    for name in rows.dtype.names or ():
        rows[name] = getattr(gaussians, name)
    with replacing(path) as temporary:
        write_array(temporary, rows)
    return path


def read(path: Path | str) -> Gaussians:
    """Read what `write` wrote.

    Raises
    ------
    FileError
        If the file is missing, truncated or something else.
    """
    path = Path(path)
    try:
        columns = read_rows(path)
        given = {name: (column.dtype, column.shape[1:]) for name, column in columns.items()}
        bands = (given.get("sh", (None, ()))[1] or (0,))[0]
        wanted = _dtype(bands, [name for name in _INTS if name in given])
        if given != {name: (wanted[name].base, wanted[name].shape) for name in wanted.names or ()}:
            raise ValueError("it has other columns")
        arrays: dict[str, Any] = columns
        return Gaussians(**arrays)
    except ValueError as error:
        raise FileError(f"{path} does not hold Gaussians: {error}.", "Send the object again.") from error


def digest(gaussians: Gaussians) -> str:
    """Hex hash of everything that `write` writes: equal content, equal key."""
    state = hashlib.blake2b(digest_size=16)
    for name in ("means", "quats", "scales", "opacities", "sh", *_INTS):
        value = getattr(gaussians, name)
        if value is not None:
            state.update(f"{name}{value.shape}{value.dtype.str}".encode())
            state.update(np.ascontiguousarray(value).data if value.size else b"")
    return state.hexdigest()


def _dtype(bands: int, ints: list[str]) -> np.dtype:
    fields = [(name, "<f4", (width,)) for name, width in _FLOATS.items()]
    fields += [("opacities", "<f4"), ("sh", "<f4", (bands, 3))]
    return np.dtype(fields + [(name, "<i4") for name in ints])
