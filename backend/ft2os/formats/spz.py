"""Niantic's .spz: attributes one after another, fixed-point and logarithmic, in gzip (v1–v3) or zstd (v4).

Our own, since numpy and the standard library suffice for v1–v3 and Blender's Python must carry no compiled
wheel; the libraries that read it right are C++. We write v3: rotations as the smallest three, higher bands
with all 8 bits rather than the reference encoder's 5 and 4. Layout: nianticlabs/spz (MIT). Sizes are compared
with the header before anything is unpacked.

The format's text says that axes are right-up-back, but nothing in a file says so, and the converters in use
(splat-transform, SuperSplat, gaussforge, gsply) put a PLY's right-down-forward numbers in as they are. So do
we: their files come the right way up. A capture of Niantic's own app stands on its head: import it with Y up.
"""

from __future__ import annotations

import struct
import zlib
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ft2os import budget
from ft2os.errors import MissingError
from ft2os.files import damaged, open_regular, read_error, size_of
from ft2os.formats import columns
from ft2os.formats.format import Format, begins_with
from ft2os.formats.quantised import SMALLER, from_smallest_three, smallest_three, to_byte
from ft2os.gaussians import Gaussians
from ft2os.pieces import Beat, no_beat, pieces

MAGIC = 0x5053474E  # "NGSP"
_HEADER = struct.Struct("<IIIBBBB")  # magic, version, count, degree, fractional bits, flags, streams (v4)
_TABLE_AT = struct.Struct("<I")  # v4: where the table of streams begins
_STREAM = struct.Struct("<QQ")  # its compressed and its own size
_COLOUR_SCALE = 0.15
_PIECE = 1 << 20  # of a packed file
_MOST_AT_ONCE = 32 << 20  # unpacked
_MAX_FRACTION_BITS = 20


def read(path: Path, beat: Beat = no_beat) -> Gaussians:
    """The Gaussians of a .spz file, versions 1 to 4, degree 0 to 4.

    Raises
    ------
    FileError
        If the file is missing, damaged, or of a version that is not known.
    MissingError
        If it is a v4 and no zstd is installed.
    """
    try:
        with open_regular(path) as stream:
            header, streams = _streams(stream, beat)
        return _decoded(header, streams, beat)
    except OSError as error:
        raise read_error(path, error) from error
    except (ValueError, struct.error, zlib.error) as error:
        reason = "it is cut short" if isinstance(error, struct.error) else error
        raise damaged(path, reason) from error


def write(path: Path, gaussians: Gaussians) -> None:
    """Write a .spz file of version 3; groups and further properties are left out."""
    reach = float(np.abs(gaussians.means).max(initial=1e-6))
    bits = int(np.clip(np.floor(23 - np.log2(reach * 1.0001)), 0, _MAX_FRACTION_BITS))
    fixed = np.rint(gaussians.means.astype(np.float64) * (1 << bits))
    fixed = np.clip(fixed, -(1 << 23), (1 << 23) - 1).astype("<i4")
    colours = gaussians.sh[:, 0] * (_COLOUR_SCALE * 255) + 127.5
    parts = [
        _HEADER.pack(MAGIC, 3, len(gaussians), gaussians.degree, bits, 0, 0),
        fixed.view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
        to_byte(gaussians.opacities * 255).tobytes(),
        to_byte(colours).tobytes(),
        to_byte((columns.log(gaussians.scales) + 10) * 16).tobytes(),
        _pack_rotations(gaussians.quats).tobytes(),
        to_byte(gaussians.sh[:, 1:] * 128 + 128).tobytes(),
    ]
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    with path.open("wb") as stream:
        for part in parts:
            stream.write(packer.compress(part))
        stream.write(packer.flush())


def _streams(stream: BufferedReader, beat: Beat) -> tuple[tuple[int, int, int, int], list[np.ndarray]]:
    """(version, count, degree, fractional bits) and the six attributes' bytes, checked against each other."""
    size = size_of(stream)
    packed = stream.peek(2)[:2] == b"\x1f\x8b"
    unpacked = _Unpacked(stream, beat) if packed else None
    plain = unpacked or stream
    magic, version, count, degree, bits, _, streams = _HEADER.unpack(plain.read(_HEADER.size))
    if magic != MAGIC or not 1 <= version <= 4:
        raise ValueError(f"it is no .spz of version 1 to 4 (version {version})")
    if degree > 4 or bits > 23:
        raise ValueError(f"its header says degree {degree} and {bits} bits behind the point")
    budget.check_gaussians(count, degree, size)
    sizes = _sizes(version, count, degree)
    if version == 4:
        parts = _zstd_streams(stream, streams, sizes)
    else:
        parts = [plain.read(size) for size in sizes]
    if [len(part) for part in parts] != sizes or (unpacked is not None and not unpacked.whole()):
        raise ValueError("it is cut short")
    return (version, count, degree, bits), [np.frombuffer(part, np.uint8) for part in parts]


def _sizes(version: int, count: int, degree: int) -> list[int]:
    """Bytes of positions, opacities, colours, scales, rotations and higher bands."""
    each = (6 if version == 1 else 9, 1, 3, 3, 3 if version < 3 else 4, 3 * ((degree + 1) ** 2 - 1))
    return [count * size for size in each]


class _Unpacked:
    """What is in a gzip stream, as much of it as is asked for: it may hold far more than it should."""

    def __init__(self, stream: BinaryIO, beat: Beat) -> None:
        self._stream, self._beat = stream, beat
        self._unpacker, self._left = zlib.decompressobj(31), b""

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer where the stream ends."""
        parts = []
        while size and not self._unpacker.eof:
            self._beat()
            self._left = self._left or self._stream.read(_PIECE)
            if not self._left:
                break
            parts.append(self._unpacker.decompress(self._left, min(size, _MOST_AT_ONCE)))
            self._left = self._unpacker.unconsumed_tail
            size -= len(parts[-1])
        return b"".join(parts)

    def whole(self) -> bool:
        """Whether the stream goes on or ends as it should; vendors' extensions may follow."""
        return bool(self.read(1)) or self._unpacker.eof


def _zstd_streams(stream: BinaryIO, count: int, sizes: list[int]) -> list[bytes]:
    (at,) = _TABLE_AT.unpack(stream.read(_TABLE_AT.size))
    stream.seek(at)
    table = [_STREAM.unpack(stream.read(_STREAM.size)) for _ in range(count)]
    wanted = [size for size in sizes if size]
    if [size for _, size in table] != wanted:
        raise ValueError("its streams do not fit its header")
    if sum(packed for packed, _ in table) > size_of(stream):
        raise ValueError("it is cut short")
    parts = [_unzstd(stream.read(packed), size) for packed, size in table]
    return parts + [b""] * (len(sizes) - len(parts))


def _unzstd(packed: bytes, size: int) -> bytes:
    """One zstd stream of exactly ``size`` bytes."""
    try:
        from compression import zstd  # pyright: ignore[reportMissingImports]  Python 3.14

        reader, failure = zstd.ZstdDecompressor(), zstd.ZstdError
        unpack = lambda: reader.decompress(packed, size)  # noqa: E731
    except ImportError:
        try:
            import zstandard
        except ImportError as error:
            raise MissingError(
                "A .spz of version 4 needs the package zstandard, which is not installed.",
                "Install the backend: pip install 'ft2os[lite]'.",
            ) from error
        reader, failure = zstandard.ZstdDecompressor(max_window_size=1 << 27), zstandard.ZstdError
        unpack = lambda: reader.stream_reader(packed).read(size)  # noqa: E731
    try:
        out = unpack()
    except failure as error:
        raise ValueError(str(error)) from error
    if len(out) != size:
        raise ValueError("a stream is shorter than its header says")
    return out


def _decoded(header: tuple[int, int, int, int], streams: list[np.ndarray], beat: Beat) -> Gaussians:
    version, count, degree, bits = header
    positions, opacities, colours, scales, rotations, bands = (s.reshape(count, -1) for s in streams)
    oriented = _smallest_three if version >= 3 else _first_three
    meant = (np.arange(256, dtype=np.float32) - 128) / 128
    out = Gaussians.unfilled(count, degree)
    out.opacities[:] = opacities[:, 0].astype(np.float32) / np.float32(255)
    for rows in pieces(count, beat):
        out.means[rows] = _positions(positions[rows], version, bits)
        out.quats[rows] = oriented(rotations[rows])
        out.scales[rows] = np.exp(scales[rows].astype(np.float32) / 16 - 10)
        shown = colours[rows] / np.float32(255) - np.float32(0.5)
        out.sh[rows, 0] = shown / np.float32(_COLOUR_SCALE)
        if degree:
            out.sh[rows, 1:] = meant[bands[rows]].reshape(-1, (degree + 1) ** 2 - 1, 3)
    return out


def _positions(raw: np.ndarray, version: int, bits: int) -> np.ndarray:
    """Half floats, or signed 24-bit numbers with ``bits`` behind the point.  [N, 3] float32"""
    if version == 1:
        return raw.view("<f2").astype(np.float32)
    wide = np.zeros((raw.size // 3, 4), np.uint8)
    wide[:, 1:] = raw.reshape(-1, 3)
    return ((wide.view("<i4")[:, 0] >> 8).astype(np.float64) / (1 << bits)).astype(np.float32).reshape(-1, 3)


def _first_three(raw: np.ndarray) -> np.ndarray:
    """x, y, z of versions 1 and 2; w is what is missing to length 1.  [N, 4] wxyz"""
    xyz = raw.astype(np.float32) / np.float32(127.5) - 1
    w = np.sqrt(np.maximum(1 - (xyz**2).sum(axis=1, keepdims=True), 0))
    return columns.normalise(np.concatenate([w, xyz], axis=1))


def _smallest_three(raw: np.ndarray) -> np.ndarray:
    """Three components in 9 bits and a sign; the two highest bits say which is left out.  [N, 4] wxyz"""
    word = np.ascontiguousarray(raw).view("<u4")
    part = (word >> np.array([20, 10, 0], np.uint32)) & np.uint32(1023)  # [N, 3]
    sign = np.where(part & 512, np.float32(-1), np.float32(1))
    others = (part & 511).astype(np.float32) * (np.float32(SMALLER) / 511) * sign
    xyzw = from_smallest_three(others, word[:, 0] >> np.uint32(30))
    return columns.normalise(np.roll(xyzw, 1, axis=1))


def _pack_rotations(quats: np.ndarray) -> np.ndarray:
    """The inverse of `_smallest_three`.  [N] uint32"""
    others, largest = smallest_three(np.roll(quats, -1, axis=1))
    part = np.minimum(np.rint(np.abs(others) / np.float32(SMALLER) * 511), 511).astype("<u4")
    part |= np.where(others < 0, 512, 0).astype("<u4")
    return (largest.astype("<u4") << 30) | (part[:, 0] << 20) | (part[:, 1] << 10) | part[:, 2]


FORMAT = Format(
    name="spz",
    title="SPZ",
    endings=(".spz",),
    reads="Niantic, v1–v4",
    reader=read,
    writer=write,
    writes="v3",
    magic=begins_with(b"NGSP", b"\x1f\x8b\x08"),  # as it is (v4), and in gzip
    degree=4,
    loses="groups",
    rounds="position to 24 bits, rotation to 10, the rest to 8",
    backend_only="v4",
)
