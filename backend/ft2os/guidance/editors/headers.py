"""What a safetensors file says that it holds, read and checked before any of it is taken into memory.

The format: eight bytes with the length of a JSON header, the header with a dtype, a shape and two offsets for
each tensor, then the numbers. Needs no torch.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ft2os.errors import FileError
from ft2os.files import brief, damaged, open_regular, size_of

MOST_HEADER = 32 << 20  # bytes; models of 20 billion parameters have some hundred thousand
_WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"), 1),
}
_NAMED = 3  # tensors that a message names


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: its dtype as safetensors calls it, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


def read(path: Path) -> dict[str, Entry]:
    """The tensors of a safetensors file by name.

    Raises
    ------
    FileError
        If it is no such file, is cut short, or its header and its size disagree.
    """
    with open_regular(path) as stream:
        size = size_of(stream)
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(MOST_HEADER, size - 8):
            raise FileError(
                f"{path.name} is no safetensors file, or it is cut short.", "Download it again, or another."
            )
        text = stream.read(length)
    try:
        content = json.loads(text.decode("utf-8"))
        return {name: _entry(item, size - 8 - length) for name, item in content.items() if name[:2] != "__"}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(path, brief(error)) from error


def check(
    path: Path,
    found: Mapping[str, tuple[int, ...]],
    wanted: Mapping[str, tuple[int, ...]],
) -> None:
    """Refuse a checkpoint whose tensors are not the wanted ones, and name some that differ.

    Raises
    ------
    FileError
    """
    both = found.keys() & wanted.keys()
    differences = {
        "missing": wanted.keys() - found.keys(),
        "unknown": found.keys() - wanted.keys(),
        "of another shape": {name for name in both if tuple(found[name]) != tuple(wanted[name])},
    }
    if any(differences.values()):
        raise foreign(path, differences)


def foreign(path: Path, differences: Mapping[str, Collection[str]]) -> FileError:
    """The sentence for a checkpoint of another model: how many tensors differ in what way, and some names."""
    told = "; ".join(f"{len(names)} {how} ({_some(names)})" for how, names in differences.items() if names)
    return FileError(
        f"{path.name} holds another model than its config says: tensors {told}.",
        "Choose the checkpoint of this model, or download it again.",
    )


def _some(names: Collection[str]) -> str:
    shown = sorted(names)[:_NAMED]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _entry(item: Mapping, room: int) -> Entry:
    """One entry of the header, checked against the bytes that the file has for numbers."""
    dtype, shape, (start, end) = item["dtype"], item["shape"], item["data_offsets"]
    if not all(isinstance(value, int) and value >= 0 for value in (*shape, start, end)):
        raise ValueError("a shape or an offset is no whole number")
    entry = Entry(dtype, tuple(shape))
    if dtype in _WIDTHS and entry.numbers * _WIDTHS[dtype] != end - start:
        raise ValueError("a tensor's size is not that of its shape")
    if end > room:
        raise ValueError("it is cut short")
    return entry
