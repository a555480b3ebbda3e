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

from ft2os import budget
from ft2os.errors import FileError
from ft2os.files import damaged, open_regular, read_error, size_of
from ft2os.formats import columns
from ft2os.formats.format import Format
from ft2os.gaussians import Gaussians, dc_of
from ft2os.pieces import Beat, no_beat, pieces

_HEADER = 4096
_SECTION = 1024
_MOST_SECTIONS = 4096  # real files have one
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


@dataclass(frozen=True)
class _Section:
    """What a section's header says, and where its rows are."""

    count: int
    degree: int
    rows: np.ndarray  # [count] structured
    centres: np.ndarray  # [buckets, 3]
    full: int  # buckets that are, each with `capacity` rows
    capacity: int
    in_full: int  # rows that are in those
    ends: np.ndarray  # where the rows of each of the other buckets end
    block: float  # a bucket's side
    steps: int  # of half of it

    def bucket(self, rows: slice) -> np.ndarray:
        """Which bucket each of some rows is in: the full ones first, then the others.  [N]"""
        row = np.arange(rows.start, min(rows.stop, self.count))
        partial = self.full + np.searchsorted(self.ends, row, side="right")
        return np.where(row < self.in_full, row // max(self.capacity, 1), partial)


def read(path: Path, beat: Beat = no_beat) -> Gaussians:
    """The Gaussians of a .ksplat file, degree 0 to 3.

    Raises
    ------
    FileError
        If the file is missing, damaged, or of a version that is not known.
    """
    with open_regular(path) as stream:
        if not size_of(stream):  # which cannot be mapped
            raise FileError(f"{path.name} is empty.", "Download the file again.")
        try:
            return _read(np.asarray(np.memmap(stream, np.uint8, "r")), beat)
        except OSError as error:
            raise read_error(path, error) from error
        except (ValueError, IndexError, struct.error) as error:
            reason = "it is cut short" if isinstance(error, struct.error | IndexError) else error
            raise damaged(path, reason) from error


def _read(data: np.ndarray, beat: Beat) -> Gaussians:
    head = bytes(data[:44])
    major, minor = head[0], head[1]
    (sections,) = struct.unpack_from("<I", head, 4)
    (count,) = struct.unpack_from("<I", head, 16)
    (level,) = struct.unpack_from("<H", head, 20)
    low, high = struct.unpack_from("<ff", head, 36)
    if major != 0 or minor < 1 or level > 2:
        raise ValueError(f"its version is {major}.{minor}, its level {level}")
    if sections > _MOST_SECTIONS:
        raise ValueError(f"it claims {sections:,} sections")
    at = _HEADER + sections * _SECTION
    if at > len(data):
        raise ValueError("it is cut short")
    file = _File(level, low or -1.5, high or 1.5)
    read_sections = []
    for i in range(sections):
        section, size = _section(data[at:], bytes(data[_HEADER + i * _SECTION :][:44]), file)
        at += size
        read_sections.append(section)
    total = sum(section.count for section in read_sections)
    if total != count:
        raise ValueError(f"it holds {total:,} Gaussians, its header says {count:,}")
    degree = max((section.degree for section in read_sections), default=0)
    budget.check_gaussians(count, degree, len(data))
    return _unpacked(read_sections, file, count, degree, beat)


def _section(data: np.ndarray, header: bytes, file: _File) -> tuple[_Section, int]:
    """One section, and its bytes."""
    count, most, capacity, buckets = struct.unpack_from("<4I", header)
    (block,) = struct.unpack_from("<f", header, 16)
    (centre_bytes,) = struct.unpack_from("<H", header, 20)
    (steps,) = struct.unpack_from("<I", header, 24)
    full, partial = struct.unpack_from("<2I", header, 32)
    (degree,) = struct.unpack_from("<H", header, 40)
    if degree not in _COEFFICIENTS:
        raise ValueError(f"its degree is {degree}")
    row = _row(file.level, _COEFFICIENTS[degree])
    before = partial * 4 + buckets * centre_bytes
    size = before + most * row.itemsize
    if size > len(data) or count > most:
        raise ValueError("a section is cut short")
    rows = data[before : before + count * row.itemsize].view(row)
    in_full = min(full * capacity, count)
    ends = in_full + np.cumsum(data[: partial * 4].view("<u4"), dtype=np.int64)
    centres = np.zeros((1, 3), np.float32)
    if file.level and count:
        if centre_bytes < 12 or not buckets:
            raise ValueError("a section has no buckets")
        centres = data[partial * 4 : before].view("<f4").reshape(-1, centre_bytes // 4)[:, :3]
    steps = steps or _HALF_RANGE
    return _Section(count, degree, rows, centres, full, capacity, in_full, ends, block, steps), size


def _unpacked(sections: list[_Section], file: _File, count: int, degree: int, beat: Beat) -> Gaussians:
    out = Gaussians.unfilled(count, degree)
    out.sh[:] = 0  # sections may have fewer bands
    at = 0
    for section in sections:
        for piece in pieces(section.count, beat):
            rows = section.rows[piece]
            to = slice(at + piece.start, at + piece.start + len(rows))
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                out.means[to] = _means(section, piece, file)
                out.quats[to] = columns.normalise(rows["rotation"].astype(np.float32))
                out.scales[to] = rows["scale"]
                out.opacities[to] = rows["rgba"][:, 3] / np.float32(255)
                out.sh[to, : (section.degree + 1) ** 2] = _colours(rows, file, section.degree)
        at += section.count
    return out


def _means(section: _Section, piece: slice, file: _File) -> np.ndarray:
    means = section.rows[piece]["position"].astype(np.float32)
    if not file.level:
        return means
    step = np.float32(section.block / 2 / section.steps)
    return (means - section.steps) * step + section.centres[section.bucket(piece)]


def _row(level: int, bands: int) -> np.dtype:
    place, number = ("<f4" if level == 0 else "<u2"), _FLOATS[level]
    fields = [("position", place, 3), ("scale", number, 3), ("rotation", number, 4), ("rgba", "u1", 4)]
    return np.dtype([*fields, ("bands", _BANDS[level], bands)])


def _colours(rows: np.ndarray, file: _File, degree: int) -> np.ndarray:
    """Raw coefficients.  [N, K, 3] float32"""
    bands = rows["bands"].astype(np.float32)
    if file.level == 2:
        bands = np.float32(file.low) + bands * np.float32((file.high - file.low) / 255)
    sh = np.empty((len(rows), (degree + 1) ** 2, 3), np.float32)
    sh[:, 0] = dc_of(rows["rgba"][:, :3].astype(np.float32) / np.float32(255))
    for band in range(1, degree + 1):
        first, width = band**2, 2 * band + 1
        own = bands[:, 3 * (first - 1) :][:, : 3 * width]
        sh[:, first : first + width] = own.reshape(-1, 3, width).transpose(0, 2, 1)
    return sh


FORMAT = Format(
    name="ksplat",
    title="KSplat",
    endings=(".ksplat",),
    reads="mkkellogg, levels 0–2",
    reader=read,
    degree=3,
)
