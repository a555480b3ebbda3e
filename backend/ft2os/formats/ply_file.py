"""PLY as a container: a header, and elements whose rows become arrays. ``ply`` knows what they mean.

plyfile parses headers, and reads lists and text value by value. It takes memory for whatever a header claims,
and seconds for a header of many lines. So this guard stands before it: plyfile gets a header without its
counts, which are compared with the file's bytes before any rows are read; few lists pass; and text is handed
over a few thousand lines at a time, so that reading can be stopped. Rows of a binary file without lists are
mapped here: under numpy 1, plyfile fails on an element without rows at the end of both file and memory page.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from plyfile import PlyData, PlyElement, PlyElementParseError, PlyListProperty, PlyParseError

from ft2os import budget
from ft2os.errors import FileError
from ft2os.files import damaged, size_of
from ft2os.pieces import Beat

_MOST_HEADER = 1 << 20
_MOST_LINE = 1 << 20
_MOST_BEHIND = 1 << 20  # bytes after the last row: all are hashed
_MOST_IN_LISTS = 16 << 20  # bytes
_MOST_DIGITS = 20  # times a text may be longer than its shortest
_MOST_ELEMENTS = 100
_MOST_PROPERTIES = 10_000
_VALUES = 1 << 16  # of a text at a time
_LINES = 32  # of a text at a time, at least


@dataclass(frozen=True)
class Header:
    """What a PLY says of itself.

    Parameters
    ----------
    order : str
        ``"<"`` or ``">"``, ``""`` for text.
    elements : dict of str to PlyElement
        By name, in the order of their rows, of which they have none yet.
    counts : dict of str to int
        How many rows each is said to have.
    comments : tuple of str
        Those above all elements.
    size : int
        Bytes up to the first row.
    """

    order: str
    elements: dict[str, PlyElement]
    counts: dict[str, int]
    comments: tuple[str, ...]
    size: int


def types(element: PlyElement) -> dict[str, str]:
    """The properties' types by name, such as ``"f4"``; ``"list"`` for a list."""
    return {p.name: "list" if isinstance(p, PlyListProperty) else p.val_dtype for p in element.properties}


def _lists(element: PlyElement) -> list[PlyListProperty]:
    return [p for p in element.properties if isinstance(p, PlyListProperty)]


def read_header(path: Path, stream: BinaryIO) -> Header:
    """The header of an open file.

    Raises
    ------
    FileError
        If this is no PLY, or its header makes no sense.
    """
    head = stream.read(_MOST_HEADER)
    if not head.startswith((b"ply\n", b"ply\r")):
        raise FileError(f"{path.name} is not a PLY file.", "Choose a PLY file of 3D Gaussians.")
    newline = b"\r\n" if head.startswith(b"ply\r\n") else head[3:4]
    last = newline + b"end_header" + newline
    end = head.find(last)
    if end < 0:
        raise damaged(path, "its header has no end")
    try:
        lines, counts = _without_counts(head[:end].decode("ascii").split(newline.decode()))
        data = PlyData.read(io.BytesIO(newline.join(line.encode() for line in lines) + last))
        for element in data:
            _check_element(element, counts[element.name])
    except (PlyParseError, ValueError) as error:
        raise damaged(path, f"its header makes no sense: {error}") from error
    order = "" if data.text else data.byte_order
    elements = {element.name: element for element in data if element.properties}
    return Header(order, elements, counts, tuple(data.comments), end + len(last))


def _check_element(element: PlyElement, count: int) -> None:
    if count and not element.properties:
        raise ValueError(f"its {element.name} has no properties")
    # plyfile takes -1 bytes for all that are left
    if count and any(p.len_dtype[0] != "u" and p.val_dtype in ("i1", "u1") for p in _lists(element)):
        raise ValueError(f"lists of bytes in its {element.name} may have lengths below 0")


def _without_counts(lines: list[str]) -> tuple[list[str], dict[str, int]]:
    """A header's lines with 0 rows in each element, and how many they said."""
    bare, counts, properties = [], {}, 0
    for line in lines:
        match line.split():
            case ["element", name, count] if name not in counts and count.isdecimal() and len(count) < 100:
                counts[name] = int(count)
                budget.check(len(counts), _MOST_ELEMENTS, "elements")
                line = f"element {name} 0"
            case ["element", *_]:
                raise ValueError(f"{line!r:.80} makes no element")
            case ["property", *_]:
                properties += 1
                budget.check(properties, _MOST_PROPERTIES, "properties")
        bare.append(line)
    return bare, counts


def check_size(path: Path, stream: BinaryIO, header: Header) -> None:
    """Refuse a file that its header does not fit, or that has more lists than a scene could.

    Raises
    ------
    FileError
        If this is such a file.
    """
    text, elements = not header.order, [(e, header.counts[name]) for name, e in header.elements.items()]
    needed = sum(count * _least(e, text) for e, count in elements)
    there = size_of(stream) - header.size
    if there < needed - text:  # the last separator of a text may be missing
        raise FileError(
            f"{path.name} is cut short: its header promises at least {needed:,} bytes of data, "
            f"the file has {there:,}.",
            "Export or download the file again.",
        )
    listed = sum(count * len(e.properties) for e, count in elements if _lists(e))
    if listed > budget.MOST_LISTS:
        raise FileError(
            f"{path.name} has {listed:,} lists beside its Gaussians; a scene has none.",
            "Export it again without faces.",
        )
    most = needed * (_MOST_DIGITS if text else 1) + (_MOST_IN_LISTS if listed else _MOST_BEHIND)
    if there > most:
        raise damaged(path, f"its header promises {needed:,} bytes of data, the file has {there:,}")


def _least(element: PlyElement, text: bool) -> int:
    """The fewest bytes of a row; in a text a digit and a separator a value."""
    kinds = [getattr(p, "len_dtype", p.val_dtype) for p in element.properties]
    return sum(2 if text else np.dtype(kind).itemsize for kind in kinds)


def read_elements(path: Path, stream: BinaryIO, header: Header, beat: Beat) -> dict[str, PlyElement]:
    """The elements by name with their rows, those of binary files mapped where they have no lists.

    Parameters
    ----------
    path, stream, header
        Of a file that `check_size` let pass.
    beat : callable
        Called after each few thousand values of a text; may raise to end the work.

    Raises
    ------
    FileError
        If the rows are not what the header says.
    """
    try:
        if not header.order:
            return _read_text(stream, header, beat)
        if not any(_lists(e) and header.counts[name] for name, e in header.elements.items()):
            return _mapped(stream, header)
        stream.seek(0)
        return {e.name: e for e in PlyData.read(stream, mmap="r") if e.properties}
    except (PlyParseError, ValueError, OverflowError) as error:
        raise damaged(path, error) from error


def _mapped(stream: BinaryIO, header: Header) -> dict[str, PlyElement]:
    start = header.size
    for name, element in header.elements.items():
        dtype, count = element.dtype(header.order), header.counts[name]
        element.data = np.memmap(stream, dtype, "r", start, (count,)) if count else np.empty(0, dtype)
        start += element.data.nbytes
    return header.elements


def _read_text(stream: BinaryIO, header: Header, beat: Beat) -> dict[str, PlyElement]:
    stream.seek(header.size)
    lines = io.TextIOWrapper(stream, "ascii")
    try:
        for name, element in header.elements.items():
            rows = np.empty(header.counts[name], element.dtype())
            step = max(_LINES, _VALUES // len(element.properties))
            for start in range(0, len(rows), step):
                beat()
                part = rows[start : start + step]
                part[:] = _parsed(element, [lines.readline(_MOST_LINE) for _ in range(len(part))], start)
            element.data = rows
    finally:
        lines.detach()
    return header.elements


def _parsed(element: PlyElement, lines: list[str], start: int) -> np.ndarray:
    """The rows of some lines, as plyfile reads a file that has no others."""
    if max(map(len, lines)) == _MOST_LINE:
        raise ValueError(f"a line of its {element.name} has no end")
    head = ["ply", "format ascii 1.0", f"element {element.name} {len(lines)}", *map(str, element.properties)]
    text = io.StringIO("\n".join([*head, "end_header", ""]) + "".join(lines))
    try:
        with np.errstate(over="ignore"), warnings.catch_warnings(action="ignore"):  # infinities, empty lists
            return PlyData.read(text)[element.name].data
    except PlyElementParseError as error:
        where = f"row {start + (error.row or 0):,} of its {element.name}"
        raise ValueError(f"{where} cannot be read: {error.message}") from error
