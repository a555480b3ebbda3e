"""PlayCanvas' compressed PLY: chunks of 256 Gaussians, each packed into 16 bytes beside the chunk's bounds.

The packing is ours, because the libraries that read and write it right are compiled (gsply through numba,
gaussforge) and Blender's Python must not carry them. Position, log scale and colour are fractions of their
chunk's bounds, rotation is the three smaller components in 10 bits each, and higher bands, where there are
any, one byte in −4..4. Chunks are of neighbours: in the order of a training one far Gaussian would stretch
every chunk over the whole scene, and its steps with it.
Layout: PlayCanvas' splat-transform and engine (MIT).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement

from ft2os.errors import FileError
from ft2os.files import damaged, open_regular, read_error
from ft2os.formats import columns, ply_file
from ft2os.formats.format import Format
from ft2os.formats.quantised import SMALLER, from_smallest_three, smallest_three
from ft2os.gaussians import Gaussians, dc_of, with_degree
from ft2os.pieces import Beat, no_beat, pieces

CHUNK = 256
PACKED = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_BOUNDS = tuple(f"{end}_{axis}" for end in ("min", "max") for axis in "xyz")
_SCALE_BOUNDS = tuple(f"{end}_scale_{axis}" for end in ("min", "max") for axis in "xyz")
_COLOUR_BOUNDS = tuple(f"{end}_{channel}" for end in ("min", "max") for channel in "rgb")
_AXIS_BITS = (11, 10, 11)
_ROTATION_BITS = 10
_SCALE_CLAMP = 20.0  # of the log scale, as the other writers do: a scale of 0 would stretch the chunk
_SH_SPAN = 8.0
_SPREAD = (  # two zeros behind each of 21 bits, by halves
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def _band_levels() -> np.ndarray:
    """What a byte of the bands stands for: the middle of its 256th, the outermost two for the ends."""
    level = np.arange(256)
    fraction = np.where(level == 0, 0, np.where(level == 255, 1, (level + 0.5) / 256))
    return ((fraction - 0.5) * _SH_SPAN).astype(np.float32)


_MEANT = _band_levels()


def read(path: Path, beat: Beat = no_beat) -> Gaussians:
    """The Gaussians of a compressed PLY file, degree 0 to 3.

    Raises
    ------
    FileError
        If the file is missing, cut short, or its elements do not fit together.
    """
    with open_regular(path) as stream:
        try:
            header = ply_file.read_header(path, stream)
            degree = _check(path, header)
            ply_file.check_size(path, stream, header)
            elements = ply_file.read_elements(path, stream, header, beat)
            rows = {name: element.data for name, element in elements.items()}
        except OSError as error:
            raise read_error(path, error) from error
    with np.errstate(over="ignore", invalid="ignore"):  # what hostile bounds make, `Gaussians.invalid` finds
        return _unpacked(rows, degree, beat)


def write(path: Path, gaussians: Gaussians) -> None:
    """Write a compressed PLY: in `order`, degrees above 3 and everything but the Gaussians left out."""
    gaussians = gaussians.replace(source=None, row=None).subset(order(gaussians.means))
    chunk = np.empty(
        -(-len(gaussians) // CHUNK), [(n, "<f4") for n in _BOUNDS + _SCALE_BOUNDS + _COLOUR_BOUNDS]
    )
    vertex = np.empty(len(gaussians), [(n, "<u4") for n in PACKED])
    scales = np.clip(columns.log(gaussians.scales), -_SCALE_CLAMP, _SCALE_CLAMP)
    position = _fractions(gaussians.means, chunk, _BOUNDS)
    scale = _fractions(scales, chunk, _SCALE_BOUNDS)
    colour = _fractions(gaussians.base_colours.astype(np.float32), chunk, _COLOUR_BOUNDS)
    vertex["packed_position"] = _pack(position, _AXIS_BITS)
    vertex["packed_scale"] = _pack(scale, _AXIS_BITS)
    vertex["packed_color"] = _pack(np.column_stack([colour, gaussians.opacities]), (8, 8, 8, 8))
    vertex["packed_rotation"] = _pack_rotation(gaussians.quats)
    elements = [PlyElement.describe(chunk, "chunk"), PlyElement.describe(vertex, "vertex")]
    degree = min(gaussians.degree, 3)
    if degree:
        elements.append(PlyElement.describe(_pack_bands(with_degree(gaussians.sh, degree)), "sh"))
    PlyData(elements, byte_order="<").write(str(path))


def order(means: np.ndarray) -> np.ndarray:
    """Rows along a Morton curve, so that chunks hold neighbours; as they are where that is as good.  [N]"""
    low, high = means.min(axis=0).astype(np.float64), means.max(axis=0).astype(np.float64)
    cells = (means - low) / np.where(high > low, high - low, 1) * ((1 << 21) - 1)
    key = np.zeros(len(means), np.uint64)
    for axis, cell in enumerate(cells.T.astype(np.uint64)):
        for shift, mask in _SPREAD:
            cell = (cell | (cell << np.uint64(shift))) & np.uint64(mask)
        key |= cell << np.uint64(axis)
    curve = np.argsort(key, kind="stable")
    return curve if _reach(means[curve]) < 0.95 * _reach(means) else np.arange(len(means))


def _reach(means: np.ndarray) -> float:
    """Typical extent of a chunk: the geometric mean, so that a few wide ones do not outweigh all others."""
    starts = np.arange(0, len(means), CHUNK)
    span = np.maximum.reduceat(means, starts) - np.minimum.reduceat(means, starts)
    return float(np.exp(np.log(np.maximum(span.max(axis=1), 1e-12)).mean()))


def _check(path: Path, header: ply_file.Header) -> int:
    """The degree, once the header holds what is needed."""
    types = {name: ply_file.types(element) for name, element in header.elements.items()}
    count = header.counts
    bounds = types.get("chunk", {})
    have = dict.fromkeys(PACKED, "u4").items() <= types.get("vertex", {}).items()
    have &= dict.fromkeys(_BOUNDS + _SCALE_BOUNDS, "f4").items() <= bounds.items()
    have &= {bounds.get(name, "f4") for name in _COLOUR_BOUNDS} == {"f4"}
    have &= set(types.get("sh", {}).values()) <= {"u1"}
    if not have or not header.order:
        raise FileError(
            f"{path.name} is not a compressed PLY as PlayCanvas writes it.", "Export or download it again."
        )
    if not count["vertex"]:
        raise FileError(f"{path.name} holds 0 Gaussians.", "Choose a file that has some.")
    degree = columns.degree_of(types.get("sh", ()))
    if count["chunk"] * CHUNK < count["vertex"] or degree is None or degree > 3:
        raise damaged(path, "its chunks or bands do not fit its Gaussians")
    if degree and count["sh"] != count["vertex"]:
        raise damaged(path, f"it has {count['sh']:,} rows of bands for {count['vertex']:,} Gaussians")
    return degree


def _unpacked(elements: dict[str, np.ndarray], degree: int, beat: Beat) -> Gaussians:
    vertex, chunk = elements["vertex"], elements["chunk"]
    n = len(vertex)
    out = Gaussians.unfilled(n, degree)
    coloured = set(_COLOUR_BOUNDS) <= set(columns.names_of(chunk))  # files of before 2024 are not
    for rows in pieces(n, beat):  # whole chunks
        position, rotation, scale, colour = (np.ascontiguousarray(vertex[rows][name]) for name in PACKED)
        own = np.asarray(chunk[rows.start // CHUNK : rows.stop // CHUNK])
        of_chunk = np.arange(len(position)) // CHUNK
        colour = _unpack(colour, (8, 8, 8, 8))
        base = _within(colour[:, :3], own, _COLOUR_BOUNDS, of_chunk) if coloured else colour[:, :3]
        out.means[rows] = _within(_unpack(position, _AXIS_BITS), own, _BOUNDS, of_chunk)
        out.quats[rows] = _unpack_rotation(rotation)
        out.scales[rows] = columns.exp(_within(_unpack(scale, _AXIS_BITS), own, _SCALE_BOUNDS, of_chunk))
        out.opacities[rows] = colour[:, 3]
        out.sh[rows, 0] = dc_of(base)
        if degree:
            levels = columns.matrix(elements["sh"][rows], columns.rest_names(degree), np.uint8)
            out.sh[rows, 1:] = _MEANT[levels].reshape(len(levels), 3, -1).transpose(0, 2, 1)
    return out


def _fractions(values: np.ndarray, chunk: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """``values`` [N, 3] as fractions of their chunk's bounds, which are noted in ``chunk``."""
    starts = np.arange(0, len(values), CHUNK)
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    for i in range(3):
        chunk[names[i]], chunk[names[3 + i]] = low[:, i], high[:, i]
    of_chunk = np.arange(len(values)) // CHUNK
    span = (high - low)[of_chunk]
    return (values - low[of_chunk]) / np.where(span > 0, span, 1)


def _within(
    fractions: np.ndarray, chunk: np.ndarray, names: tuple[str, ...], of_chunk: np.ndarray
) -> np.ndarray:
    """The inverse of `_fractions`.  [N, 3] float32"""
    low, high = columns.matrix(chunk, names[:3]), columns.matrix(chunk, names[3:])
    return (low[of_chunk] + fractions * (high - low)[of_chunk]).astype(np.float32)


def _pack(fractions: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Fractions [N, C] as one 32-bit word, the first in the highest bits."""
    word = np.zeros(len(fractions), np.uint32)
    for i, b in enumerate(bits):
        top = (1 << b) - 1
        level = np.clip(np.rint(fractions[:, i] * top), 0, top).astype(np.uint32)
        word = (word << np.uint32(b)) | level
    return word


def _unpack(word: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """The inverse of `_pack`.  [N, C] float32"""
    out = np.empty((len(word), len(bits)), np.float32)
    shift = sum(bits)
    for i, b in enumerate(bits):
        shift -= b
        top = (1 << b) - 1
        out[:, i] = ((word >> np.uint32(shift)) & np.uint32(top)).astype(np.float32) / np.float32(top)
    return out


def _pack_rotation(quats: np.ndarray) -> np.ndarray:
    """Which component is the largest in 2 bits, the others (its sign made positive) in 10 bits each."""
    others, largest = smallest_three(quats)
    word = _pack(others * (0.5 / SMALLER) + 0.5, (_ROTATION_BITS,) * 3)
    return word | (largest.astype(np.uint32) << np.uint32(3 * _ROTATION_BITS))


def _unpack_rotation(word: np.ndarray) -> np.ndarray:
    """The inverse of `_pack_rotation`.  [N, 4] wxyz, unit"""
    others = (_unpack(word, (_ROTATION_BITS,) * 3) - 0.5) * (2 * SMALLER)
    quats = from_smallest_three(others, word >> np.uint32(3 * _ROTATION_BITS))
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


def _pack_bands(sh: np.ndarray) -> np.ndarray:
    """Bands from degree 1 as bytes, channel-major like f_rest.  [N] structured"""
    rest = sh[:, 1:].transpose(0, 2, 1).reshape(len(sh), -1)
    level = np.clip(np.floor((rest / _SH_SPAN + 0.5) * 256), 0, 255).astype(np.uint8)
    rows = np.empty(len(sh), [(f"f_rest_{i}", "u1") for i in range(rest.shape[1])])
    rows.view(np.uint8).reshape(len(sh), -1)[:] = level
    return rows


def _is_packed(head: bytes) -> bool:
    """Whether a PLY's header names a packed property."""
    header = io.BytesIO(head.replace(b"\r", b"\n"))
    return head.startswith((b"ply\n", b"ply\r")) and any(
        line.split()[-1:] == [b"packed_position"] for line in iter(header.readline, b"")
    )


FORMAT = Format(
    name="compressed-ply",
    title="Compressed PLY",
    endings=(".compressed.ply",),
    reads="PlayCanvas",
    reader=read,
    writer=write,
    magic=_is_packed,
    degree=3,
    loses="groups, order, extra properties",
    rounds="position and size to 1/2047 (y: 1/1023) of the box of 256 neighbours, rotation to 10 bits, "
    "colour and opacity to 8, bands to 1/32",
)
