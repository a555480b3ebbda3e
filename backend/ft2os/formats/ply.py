"""Reading 3D Gaussian PLY files in every dialect: any property order, degree 0 to 4, text or binary.

``ply_file`` has the container read; here is what its columns mean. Writing is in ``ply_write``.
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor, wait
from os.path import isfile  # unlike Path.is_file also says no to names that no file can have
from pathlib import Path
from threading import Event
from typing import BinaryIO

import numpy as np

from ft2os.errors import FileError
from ft2os.files import open_regular, read_error
from ft2os.formats import ply_file
from ft2os.formats.columns import REQUIRED, activate, degree_of, names_of, read_group
from ft2os.formats.format import Format, begins_with
from ft2os.formats.ply_write import save_ply
from ft2os.gaussians import Gaussians, Source
from ft2os.pieces import Beat, no_beat

_PIECE = 1 << 20  # hashed at a time
ITERATION = re.compile(r"iteration_(\d+)")


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
    group = read_group(columns["group"]) if "group" in names_of(columns) else None
    others = tuple(elements.values())
    source = Source(columns, sha256, path.resolve(), header.comments, group=group, others=others)
    return gaussians.replace(group=group, source=source, row=np.arange(len(columns), dtype=np.int32))


def _activated_and_hashed(columns: np.ndarray, stream: BinaryIO, beat: Beat) -> tuple[Gaussians, str]:
    """The Gaussians and the file's hash, computed side by side: hashing takes as long as the rest."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        hashed = pool.submit(_sha256, stream, stop)
        try:
            gaussians = activate(columns, degree_of(names_of(columns)) or 0, beat)
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


def _newest_iteration(folder: Path) -> Path | None:
    """The last scene in the output folder of a training: ``point_cloud/iteration_N/point_cloud.ply``."""
    runs = [(int(m[1]), p) for p in folder.glob("point_cloud/*/") if (m := ITERATION.fullmatch(p.name))]
    runs = [(n, p / "point_cloud.ply") for n, p in runs if isfile(p / "point_cloud.ply")]
    return max(runs)[1] if runs else None


FORMAT = Format(
    name="ply",
    title="3DGS PLY",
    endings=(".ply",),
    reads="binary of either byte order or text, any property order",
    reader=read,
    writer=save_ply,
    magic=begins_with(b"ply\n", b"ply\r"),
    folder=_newest_iteration,
    degree=4,
    exact=True,
)
