"""Reading 3D Gaussian PLY files in every dialect: any property order, degree 0 to 4, text or binary.

``ply_file`` has the container read; here is what its columns mean. Writing is in ``ply_write``.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import BinaryIO

import numpy as np

from ft2os.errors import FileError
from ft2os.files import open_regular, read_error
from ft2os.formats import ply_file
from ft2os.formats.columns import REQUIRED, activate, degree_of, read_group
from ft2os.gaussians import Gaussians, Source
from ft2os.pieces import Beat, no_beat

_PIECE = 1 << 20  # hashed at a time


def read(path: str | Path, beat: Beat = no_beat) -> Gaussians:
    """The Gaussians of a PLY file, with ``source``, ``row`` and, where there is such a column, ``group``.

    Raises
    ------
    FileError
        If the file is missing, cut short, not a PLY, or not one of Gaussians.
    """
    path = Path(path)
    with open_regular(path) as stream:
        try:
            header = ply_file.read_header(path, stream)
            _check(path, header)
            ply_file.check_size(path, stream, header)
            elements = ply_file.read_elements(path, stream, header, beat)
            columns = elements.pop("vertex").data
            gaussians, sha256 = _activated_and_hashed(columns, stream, beat)
        except OSError as error:
            raise read_error(path, error) from error
    group = read_group(columns["group"]) if "group" in columns.dtype.names else None
    others = tuple(elements.values())
    source = Source(columns, sha256, path.resolve(), header.comments, group=group, others=others)
    return gaussians.replace(group=group, source=source, row=np.arange(len(columns), dtype=np.int32))


def _activated_and_hashed(columns: np.ndarray, stream: BinaryIO, beat: Beat) -> tuple[Gaussians, str]:
    """Both at once: hashing takes as long as the rest, and lets go of the interpreter."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        hashed = pool.submit(_sha256, stream, stop)
        try:
            gaussians = activate(columns, degree_of(columns.dtype.names) or 0, beat)
            while wait([hashed], 0.1).not_done:
                beat()
        finally:
            stop.set()
        return gaussians, hashed.result()


def _sha256(stream: BinaryIO, stop: Event) -> str:
    state = hashlib.sha256()
    stream.seek(0)
    while not stop.is_set() and (piece := stream.read(_PIECE)):
        state.update(piece)
    return state.hexdigest()


def _check(path: Path, header: ply_file.Header) -> None:
    """Refuse a file that is not one of Gaussians."""
    if "vertex" not in header.elements:
        raise FileError(f"{path.name} holds no points.", "Choose a PLY file of 3D Gaussians.")
    types = ply_file.types(header.elements["vertex"])
    names = set(types)
    missing = [n for n in REQUIRED if n not in names]
    if missing:
        raise FileError(
            f"{path.name} is not a file of 3D Gaussians: it has no property {', '.join(missing)}.",
            "Choose a PLY file that a 3D Gaussian splatting tool has written.",
        )
    if "list" in types.values():
        raise FileError(f"{path.name} has lists among its Gaussians.", "Export it again as a plain PLY.")
    if degree_of(names) is None:
        count = sum(n.startswith("f_rest_") for n in names)
        raise FileError(
            f"{path.name} has {count} f_rest properties, which make no spherical harmonics of degree 0 to 4.",
            "Export the file again; 0, 9, 24, 45 or 72 of them, numbered from 0, are expected.",
        )
    if not header.counts["vertex"]:
        raise FileError(f"{path.name} holds 0 Gaussians.", "Choose a file that has some.")
