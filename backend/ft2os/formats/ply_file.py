"""PLY as a container: a header, and elements whose rows become arrays. What they mean is for others to say.

Ours, because plyfile (which writes our files) believes a header's counts and reads text and lists value by
value. Here a header is refused before memory is taken if the file cannot hold what it promises; rows of
binary files are mapped, and rows of text read a few thousand at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ft2os import budget
from ft2os.errors import FileError
from ft2os.files import brief, damaged, size_of
from ft2os.pieces import Beat

_MOST_HEADER = 1 << 20
_MOST_LINE = 1 << 20
_MOST_BEHIND = 1 << 20  # bytes after the last row: all are hashed
_MOST_DIGITS = 20  # times a text may be longer than its shortest
_MOST_TOKEN = 64  # characters of a number in a text
_MOST_ELEMENTS = 100
_MOST_PROPERTIES = 10_000
_NUMBERS = 1 << 17  # of a text at a time
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_TYPES = {
    **dict.fromkeys(("char", "int8", "i1"), "i1"),
    **dict.fromkeys(("uchar", "uint8", "u1"), "u1"),
    **dict.fromkeys(("short", "int16", "i2"), "i2"),
    **dict.fromkeys(("ushort", "uint16", "u2"), "u2"),
    **dict.fromkeys(("int", "int32", "i4"), "i4"),
    **dict.fromkeys(("uint", "uint32", "u4"), "u4"),
    **dict.fromkeys(("float", "float32", "f4"), "f4"),
    **dict.fromkeys(("double", "float64", "f8"), "f8"),
}


@dataclass(frozen=True)
class Property:
    """One value of a row, or a list of them.

    Parameters
    ----------
    name : str
    type : str
        numpy's short name without a byte order, such as ``"f4"``.
    length : str
        The type of a list's length, ``""`` where this is no list.
    """

    name: str
    type: str
    length: str = ""


@dataclass
class Element:
    """Rows of the same properties; ``comments`` are those below its header line."""

    name: str
    count: int
    properties: list[Property]
    comments: list[str]

    @property
    def lists(self) -> dict[str, Property]:
        """The properties that are lists, by name."""
        return {p.name: p for p in self.properties if p.length}

    def types(self) -> dict[str, str]:
        """The properties' types by name, ``"list"`` for a list."""
        return {p.name: "list" if p.length else p.type for p in self.properties}

    def dtype(self, order: str) -> np.dtype:
        """Of a row as an array has it; a list is an object there."""
        return np.dtype([(p.name, "O" if p.length else order + p.type) for p in self.properties])

    def least(self, text: bool) -> int:
        """The fewest bytes of a row; in a text a digit and a separator a value."""
        if text:
            return 2 * len(self.properties)
        return sum(np.dtype(p.length or p.type).itemsize for p in self.properties)


@dataclass(frozen=True)
class Header:
    """What a PLY says of itself.

    Parameters
    ----------
    order : str
        ``"<"`` or ``">"``, ``""`` for text.
    elements : dict of str to Element
        By name, in the order of their rows.
    comments : tuple of str
        Those above all elements.
    size : int
        Bytes up to the first row.
    """

    order: str
    elements: dict[str, Element]
    comments: tuple[str, ...]
    size: int


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
    end = head.find(newline + b"end_header" + newline)
    if end < 0:
        raise FileError(f"{path.name} is damaged: its header has no end.", "Export or download it again.")
    try:
        lines = head[:end].decode("ascii").split(newline.decode())
        order, elements, comments = _parse(lines[1:])
    except ValueError as error:
        raise FileError(
            f"{path.name} has a header that makes no sense: {brief(error)}.",
            "Export or download the file again.",
        ) from error
    return Header(order, elements, comments, end + 2 * len(newline) + len(b"end_header"))


def _parse(lines: list[str]) -> tuple[str, dict[str, Element], tuple[str, ...]]:
    order, elements, comments, properties = None, {}, [], 0
    element = None
    for line in lines:
        match line.split():
            case [] | ["obj_info", *_]:
                pass
            case ["comment", *_]:
                (element.comments if element else comments).append(line.strip()[len("comment") + 1 :])
            case ["format", name, "1.0"] if order is None and name in _ORDERS:
                order = _ORDERS[name]
            case ["element", name, count] if order is not None and name not in elements:
                element = elements[name] = Element(name, _count(count), [], [])
            case ["property", "list", length, kind, name] if element:
                element.properties.append(Property(name, _TYPES.get(kind, ""), _TYPES.get(length, "")))
                properties += 1
            case ["property", kind, name] if element:
                element.properties.append(Property(name, _TYPES.get(kind, "")))
                properties += 1
            case _:
                raise ValueError(f"{line!r:.80} is not expected there")
        budget.check(len(elements), _MOST_ELEMENTS, "elements")
        budget.check(properties, _MOST_PROPERTIES, "properties")
    if order is None:
        raise ValueError("it has no format")
    for element in elements.values():
        _check_names(element)
    elements = {name: element for name, element in elements.items() if element.properties}
    return order, elements, tuple(comments)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r:.40} is no count")
    return int(text)


def _check_names(element: Element) -> None:
    names = {p.name for p in element.properties}
    if len(names) < len(element.properties):
        raise ValueError(f"two properties of {element.name} have one name")
    if element.count and not names:
        raise ValueError(f"its {element.name} has no properties")
    if not all(p.type for p in element.properties):
        raise ValueError(f"a type in its {element.name} is not known")


def check_size(path: Path, stream: BinaryIO, header: Header) -> None:
    """Refuse a file that is shorter than its header says, or has more lists than a scene could.

    Raises
    ------
    FileError
        If it is or has.
    """
    elements, text = header.elements.values(), not header.order
    needed = sum(e.count * e.least(text) for e in elements)
    there = size_of(stream) - header.size
    if there < needed - text:  # the last separator of a text may be missing
        raise FileError(
            f"{path.name} is cut short: its header promises at least {needed:,} bytes of data, "
            f"the file has {there:,}.",
            "Export or download the file again.",
        )
    if not any(e.lists for e in elements) and there > (_MOST_DIGITS if text else 1) * needed + _MOST_BEHIND:
        raise FileError(
            f"{path.name} is damaged: its header promises {needed:,} bytes of data, the file has {there:,}.",
            "Export or download the file again.",
        )
    listed = sum(e.count * len(e.properties) for e in elements if e.lists)
    if listed > budget.MOST_LISTS:
        raise FileError(
            f"{path.name} has {listed:,} lists beside its Gaussians; a scene has none.",
            "Export it again without faces.",
        )


def read_elements(path: Path, stream: BinaryIO, header: Header, beat: Beat) -> dict[str, np.ndarray]:
    """The rows of each element by name, those of binary files mapped where they have no lists.

    Parameters
    ----------
    path, stream, header
        Of a file that `check_size` let pass.
    beat : callable
        Called after each few thousand rows of a text; may raise to end the work.

    Raises
    ------
    FileError
        If the rows are not what the header says.
    """
    stream.seek(header.size)
    read = _binary if header.order else _text
    try:
        return {name: read(stream, e, header.order, beat) for name, e in header.elements.items()}
    except (ValueError, OverflowError) as error:
        raise damaged(path, error) from error


def _binary(stream: BinaryIO, element: Element, order: str, beat: Beat) -> np.ndarray:
    dtype = element.dtype(order)
    if element.lists or not element.count:
        rows = np.empty(element.count, dtype)
        for i in range(element.count):
            for p in element.properties:
                rows[p.name][i] = _binary_value(stream, p, order)
        return rows
    start, size = stream.tell(), element.count * dtype.itemsize
    if start + size > size_of(stream):  # after lists that were longer than the least
        raise ValueError("it is cut short")
    rows = np.memmap(stream, dtype, "r", start, (element.count,))
    stream.seek(start + size)
    return rows


def _binary_value(stream: BinaryIO, p: Property, order: str) -> np.generic | np.ndarray:
    if not p.length:
        return _binary_numbers(stream, order + p.type, 1)[0]
    return _binary_numbers(stream, order + p.type, int(_binary_numbers(stream, order + p.length, 1)[0]))


def _binary_numbers(stream: BinaryIO, kind: str, count: int) -> np.ndarray:
    size = count * np.dtype(kind).itemsize
    if not 0 <= size <= size_of(stream) - stream.tell():
        raise ValueError("it is cut short")
    return np.frombuffer(stream.read(size), kind)


def _text(stream: BinaryIO, element: Element, order: str, beat: Beat) -> np.ndarray:
    rows = np.empty(element.count, element.dtype("="))
    values_of = _values_and_lists if element.lists else _values
    step = 1 if element.lists else max(1, _NUMBERS // len(element.properties))
    for start in range(0, element.count, step):
        beat()
        part = rows[start : start + step]
        values = [values_of(_tokens(stream, element), element) for _ in range(len(part))]
        for p, column in zip(element.properties, zip(*values, strict=True), strict=True):
            if p.length:
                for i, tokens in enumerate(column):
                    part[p.name][i] = _numbers(tokens, p.type)
            else:
                part[p.name] = _numbers(column, p.type)
    return rows


def _numbers(tokens: Sequence[bytes], kind: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array(list(map(float if kind[0] == "f" else int, tokens)), "=" + kind)


def _tokens(stream: BinaryIO, element: Element) -> list[bytes]:
    """The numbers of the next line as they are written."""
    line = stream.readline(_MOST_LINE)
    tokens = line.split()
    if not line:
        raise ValueError("it is cut short")
    if len(line) == _MOST_LINE or max(map(len, tokens), default=0) > _MOST_TOKEN:
        raise ValueError(f"a line of its {element.name} has no end")
    return tokens


def _values(tokens: list[bytes], element: Element) -> list[bytes]:
    if len(tokens) != len(element.properties):
        raise ValueError(
            f"a line of its {element.name} has {len(tokens)} numbers, not {len(element.properties)}"
        )
    return tokens


def _values_and_lists(tokens: list[bytes], element: Element) -> list[bytes | list[bytes]]:
    left = iter(tokens)
    try:
        values = [
            [next(left) for _ in range(int(next(left)))] if p.length else next(left)
            for p in element.properties
        ]
    except StopIteration as error:
        raise ValueError(f"a line of its {element.name} is cut short") from error
    if next(left, None) is not None:
        raise ValueError(f"a line of its {element.name} has too many numbers")
    return values
