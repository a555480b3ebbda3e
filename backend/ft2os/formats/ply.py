"""Reading 3D Gaussian PLY files in every dialect: any property order, degree 0 to 4, text or binary.

plyfile parses; this module makes sure beforehand that the file can hold what its header promises, so that a
hostile or broken header costs an error message and not the machine's memory. Writing is in ``ply_write``.
"""

from __future__ import annotations

import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement, PlyListProperty, PlyParseError

from ft2os.errors import FileError
from ft2os.files import read_error
from ft2os.formats.columns import REQUIRED, activate, degree_of, read_group
from ft2os.gaussians import Gaussians, Source

_MAX_HEADER = 1 << 20
_END = re.compile(rb"(?:\A|[\r\n])end_header[ \t]*(\r\n|\n|\r)")
_ELEMENT = re.compile(rb"^(element[ \t]+\S+[ \t]+)(\S+)[ \t]*$", re.MULTILINE)


def read(path: str | Path) -> Gaussians:
    """The Gaussians of a PLY file, with ``source``, ``row`` and, where there is such a column, ``group``.

    Raises
    ------
    FileError
        If the file is missing, cut short, not a PLY, or not one of Gaussians.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            _check(path, stream)
        data = PlyData.read(str(path), mmap="r")
    except OSError as error:
        raise read_error(path, error) from error
    except (PlyParseError, ValueError, MemoryError) as error:
        raise FileError(f"{path.name} is damaged: {error}.", "Export or download the file again.") from error
    columns = data["vertex"].data
    with ThreadPoolExecutor(1) as pool:  # hashing takes as long as the rest, and lets go of the interpreter
        hashed = pool.submit(_sha256, path)
        gaussians = activate(columns, degree_of(columns.dtype.names) or 0)
        try:
            sha256 = hashed.result()
        except OSError as error:
            raise read_error(path, error) from error
    group = read_group(columns["group"]) if "group" in columns.dtype.names else None
    others = tuple(e for e in data.elements if e.name != "vertex")
    comments = tuple(data.comments)
    source = Source(columns, sha256, path.resolve(), comments, group=group, others=others)
    return gaussians.replace(group=group, source=source, row=np.arange(len(columns), dtype=np.int32))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_header(path: Path, stream: io.BufferedIOBase) -> tuple[PlyData, list[int], int]:
    """The header as plyfile understands it (elements without rows), each element's count, its length.

    Raises
    ------
    FileError
        If this is not a PLY header.
    """
    head = stream.read(_MAX_HEADER)
    if not head.startswith((b"ply\n", b"ply\r")):
        raise FileError(f"{path.name} is not a PLY file.", "Choose a PLY file of 3D Gaussians.")
    end = _END.search(head)
    if not end:
        raise FileError(f"{path.name} is damaged: its header has no end.", "Export or download it again.")
    header = head[: end.end()].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        counts = [int(count) for _, count in _ELEMENT.findall(header)]
        empty = PlyData.read(io.BytesIO(_ELEMENT.sub(rb"\g<1>0", header)))
        if len(counts) != len(empty.elements) or min(counts, default=0) < 0:
            raise ValueError("an element has no count")
    except (PlyParseError, ValueError) as error:
        raise FileError(
            f"{path.name} has a header that makes no sense: {error}.", "Export or download the file again."
        ) from error
    return empty, counts, end.end()


def _check(path: Path, stream: io.BufferedIOBase) -> None:
    """Refuse a file that is not one of Gaussians or is shorter than its header says, before reading it."""
    header, counts, start = read_header(path, stream)
    if "vertex" not in header:
        raise FileError(f"{path.name} holds no points.", "Choose a PLY file of 3D Gaussians.")
    _check_properties(path, header)
    if not counts[[e.name for e in header].index("vertex")]:
        raise FileError(f"{path.name} holds 0 Gaussians.", "Choose a file that has some.")
    check_size(path, stream, header, counts, start)


def check_size(path: Path, stream: io.BufferedIOBase, header: PlyData, counts: list[int], start: int) -> None:
    """Refuse a file that is shorter than its header says."""
    needed = sum(n * _row_bytes(e, header.text) for n, e in zip(counts, header, strict=True))
    there = stream.seek(0, io.SEEK_END) - start
    if there < needed:
        raise FileError(
            f"{path.name} is cut short: its header promises at least {needed:,} bytes of data, "
            f"the file has {there:,}.",
            "Export or download the file again.",
        )


def _check_properties(path: Path, header: PlyData) -> None:
    vertex = header["vertex"]
    names = {p.name for p in vertex.properties}
    missing = [n for n in REQUIRED if n not in names]
    if missing:
        raise FileError(
            f"{path.name} is not a file of 3D Gaussians: it has no property {', '.join(missing)}.",
            "Choose a PLY file that a 3D Gaussian splatting tool has written.",
        )
    if any(isinstance(p, PlyListProperty) for p in vertex.properties):
        raise FileError(f"{path.name} has lists among its Gaussians.", "Export it again as a plain PLY.")
    if degree_of(names) is None:
        count = sum(n.startswith("f_rest_") for n in names)
        raise FileError(
            f"{path.name} has {count} f_rest properties, which make no spherical harmonics of degree 0 to 4.",
            "Export the file again; 0, 9, 24, 45 or 72 of them, numbered from 0, are expected.",
        )


def _row_bytes(element: PlyElement, text: bool) -> int:
    """The least that one row of ``element`` takes in the file (text: a digit and a separator a value)."""
    if text:
        return 2 * len(element.properties)
    return sum(
        np.dtype(p.list_dtype()[0] if isinstance(p, PlyListProperty) else p.dtype()).itemsize
        for p in element.properties
    )
