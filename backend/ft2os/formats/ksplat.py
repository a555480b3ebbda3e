"""mkkellogg's .ksplat: sections of buckets, exact (level 0), half floats (1), or bytes for the bands (2).

Read only; web viewers make these files. Our own, since the one library that reads it here (gaussforge) mixes
the bands up from degree 2. Positions are offsets from their bucket's centre in 16 bits, above level 0. Bands
lie one after another, each channel by channel. Layout: GaussianSplats3D (MIT) and splat-transform (MIT).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ft2os.errors import FileError
from ft2os.files import read_error
from ft2os.formats import columns
from ft2os.gaussians import C0, Gaussians, concatenate

_HEADER = 4096
_SECTION = 1024
_HALF_RANGE = 32767  # of a position's 16 bits, where the section says nothing
_COEFFICIENTS = {0: 0, 1: 9, 2: 24, 3: 45}
_FLOATS = {0: "<f4", 1: "<f2", 2: "<f2"}  # of scale and rotation, by level
_BANDS = {0: "<f4", 1: "<f2", 2: "u1"}


@dataclass(frozen=True)
class _File:
    """What the main header says."""

    level: int
    low: float  # of the bands' bytes at level 2
    high: float


def read(path: Path) -> Gaussians:
    """The Gaussians of a .ksplat file, degree 0 to 3.

    Raises
    ------
    FileError
        If the file is missing, damaged, or of a version that is not known.
    """
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        if isinstance(error, OSError):
            raise read_error(path, error) from error
        raise FileError(f"{path.name} is empty.", "Download the file again.") from error
    try:
        return _read(data)
    except (ValueError, IndexError, struct.error, KeyError) as error:
        reason = "it is cut short" if isinstance(error, struct.error | IndexError) else error
        raise FileError(f"{path.name} is damaged: {reason}.", "Export or download the file again.") from error


def _read(data: np.ndarray) -> Gaussians:
    head = bytes(data[:44])
    major, minor = head[0], head[1]
    (sections,) = struct.unpack_from("<I", head, 4)
    (count,) = struct.unpack_from("<I", head, 16)
    (level,) = struct.unpack_from("<H", head, 20)
    low, high = struct.unpack_from("<ff", head, 36)
    if major != 0 or minor < 1 or level > 2:
        raise ValueError(f"its version is {major}.{minor}, its level {level}")
    at = _HEADER + sections * _SECTION
    if at > len(data):
        raise ValueError("it is cut short")
    file = _File(level, low or -1.5, high or 1.5)
    parts = []
    for i in range(sections):
        header = bytes(data[_HEADER + i * _SECTION :][:44])
        part, size = _section(data[at:], header, file)
        at += size
        if part is not None:
            parts.append(part)
    found = sum(map(len, parts))
    if not found or found != count:
        raise ValueError(f"it holds {found:,} Gaussians, its header says {count:,}")
    return concatenate(parts)


def _section(data: np.ndarray, header: bytes, file: _File) -> tuple[Gaussians | None, int]:
    """One section's Gaussians, and its bytes."""
    count, most, capacity, buckets = struct.unpack_from("<4I", header)
    (block,) = struct.unpack_from("<f", header, 16)
    (centre_bytes,) = struct.unpack_from("<H", header, 20)
    (steps,) = struct.unpack_from("<I", header, 24)
    full, partial = struct.unpack_from("<2I", header, 32)
    (degree,) = struct.unpack_from("<H", header, 40)
    row = _row(file.level, _COEFFICIENTS[degree])
    before = partial * 4 + buckets * centre_bytes
    size = before + most * row.itemsize
    if size > len(data) or count > most:
        raise ValueError("a section is cut short")
    if not count:
        return None, size
    rows = data[before : before + count * row.itemsize].view(row)
    means = rows["position"].astype(np.float32)
    if file.level:
        lengths = data[: partial * 4].view("<u4")
        centres = data[partial * 4 : before].view("<f4").reshape(-1, centre_bytes // 4)[:, :3]
        bucket = _buckets(count, capacity, full, lengths)
        steps = steps or _HALF_RANGE
        means = (means - steps) * np.float32(block / 2 / steps) + centres[bucket]
    return _gaussians(rows, means, file, degree), size


def _row(level: int, bands: int) -> np.dtype:
    place, number = ("<f4" if level == 0 else "<u2"), _FLOATS[level]
    fields = [("position", place, 3), ("scale", number, 3), ("rotation", number, 4), ("rgba", "u1", 4)]
    return np.dtype([*fields, ("bands", _BANDS[level], bands)])


def _buckets(count: int, capacity: int, full: int, lengths: np.ndarray) -> np.ndarray:
    """Which bucket each row is in: the full ones first, then those of these ``lengths``.  [N]"""
    row = np.arange(count)
    in_full = full * capacity
    ends = in_full + np.cumsum(lengths, dtype=np.int64)
    partial = full + np.searchsorted(ends, row, side="right")
    return np.where(row < in_full, row // max(capacity, 1), partial)


def _gaussians(rows: np.ndarray, means: np.ndarray, file: _File, degree: int) -> Gaussians:
    rgba = rows["rgba"].astype(np.float32) / np.float32(255)
    bands = rows["bands"].astype(np.float32)
    if file.level == 2:
        bands = np.float32(file.low) + bands * np.float32((file.high - file.low) / 255)
    sh = np.empty((len(rows), (degree + 1) ** 2, 3), np.float32)
    sh[:, 0] = (rgba[:, :3] - 0.5) / C0
    for band in range(1, degree + 1):
        first, width = band**2, 2 * band + 1
        own = bands[:, 3 * (first - 1) :][:, : 3 * width]
        sh[:, first : first + width] = own.reshape(-1, 3, width).transpose(0, 2, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Gaussians(
            means=np.ascontiguousarray(means, np.float32),
            quats=columns.normalise(rows["rotation"].astype(np.float32)),
            scales=rows["scale"].astype(np.float32),
            opacities=np.ascontiguousarray(rgba[:, 3]),
            sh=sh,
        )
