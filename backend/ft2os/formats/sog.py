"""PlayCanvas' SOG: WebP pictures whose pixels are Gaussians, and a meta.json, in a folder or a .sog zip.

Read by us with Pillow for the pictures (both versions; the libraries either know only the zip or only one
version, and trust the sizes they are told). The packed pictures bound how many Gaussians there can be, and
these how large a picture is unpacked. Written through gaussforge, which writes it right; clustering the
higher bands takes it minutes for a million Gaussians. Layout: splat-transform (MIT).
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import warnings
import zipfile
from dataclasses import dataclass
from os.path import isfile  # unlike Path.is_file also says no to names that no file can have
from pathlib import Path
from typing import Any

import numpy as np

from ft2os import budget
from ft2os.errors import FileError
from ft2os.files import damaged, read_bytes, read_error, size_of
from ft2os.formats import archive, columns
from ft2os.formats.format import Format, begins_with
from ft2os.formats.quantised import SMALLER, from_smallest_three
from ft2os.gaussians import Gaussians, with_degree
from ft2os.pieces import Beat, no_beat, pieces

META = "meta.json"
_COEFFICIENTS = {1: 3, 2: 8, 3: 15}
_FIRST_TAG = 252  # of a rotation's fourth byte: which component is the largest
_PALETTE_ROW = 64  # entries of the bands' palette side by side
_PALETTE = 1 << 20  # pixels: 65,536 entries of 15 coefficients
_PICTURES = {"means": 2, "scales": 1, "quats": 1, "sh0": 1, "shN": 2}  # of each attribute
_MOST_META = 1 << 20
_MOST_PICTURE = 256 << 20
_BYTE = np.arange(256)[:, None]

Part = dict[str, Any]


@dataclass(frozen=True)
class _Folder:
    """The files of a scene that lie beside its ``meta.json``."""

    meta: Path

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return os.stat(self._path(name)).st_size

    def read(self, name: str, most: int) -> bytes:
        """A file of at most ``most`` bytes."""
        return read_bytes(self._path(name), most)

    def whole(self) -> int:
        """No bound beside the files' own sizes."""
        return sys.maxsize

    def _path(self, name: str) -> Path:
        return self.meta if name == META else self.meta.with_name(name)


@dataclass(frozen=True)
class _Zip:
    """The files of a scene in a zip, whose names it keeps with or without a folder."""

    file: zipfile.ZipFile

    def size(self, name: str) -> int:
        """Bytes of a file as it is packed."""
        return self.file.getinfo(self._inside(name)).compress_size

    def whole(self) -> int:
        """Bytes of all files together, whatever the zip says of each."""
        assert self.file.fp is not None  # which it is once the file is closed
        return size_of(self.file.fp)

    def read(self, name: str, most: int) -> bytes:
        """A file of at most ``most`` bytes; a picture hardly packs further, so what does is a bomb."""
        return archive.read(self.file, self._inside(name), min(most, 2 * self.size(name) + _MOST_META))

    def _inside(self, name: str) -> str:
        return next(
            (n for n in self.file.namelist() if n.replace("\\", "/").rpartition("/")[2] == name), name
        )


def read(path: Path, beat: Beat = no_beat) -> Gaussians:
    """The Gaussians of a .sog file, or of the folder whose ``meta.json`` this is; degree 0 to 3.

    Raises
    ------
    FileError
        If something is missing, damaged or larger than it says.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # `Gaussians.invalid` finds what comes of it
            if path.suffix.lower() == ".json":
                return _read(_Folder(path), beat)
            with archive.opened(path) as file:
                return _read(_Zip(file), beat)
    except OSError as error:
        if error.errno is not None:
            raise read_error(Path(error.filename or path), error) from error
        raise _damaged(path, error) from error  # Pillow's word for a broken picture
    except (
        *archive.ERRORS,
        TypeError,
        IndexError,
        OverflowError,
        SyntaxError,
        struct.error,
    ) as error:
        raise _damaged(path, error) from error


def write(path: Path, gaussians: Gaussians) -> None:
    """Write a .sog file, degree 0 to 3."""
    import gaussforge

    from ft2os.formats.ply_write import save_ply

    kept = gaussians.replace(
        source=None,
        row=None,
        group=None,
        identity=None,
        sh=with_degree(gaussians.sh, min(gaussians.degree, 3)),
    )
    between = path.with_name(f"{path.name}.ply")
    try:
        save_ply(between, kept)
        answer = gaussforge.GaussForge().convert(between.read_bytes(), "ply", "sog")
    finally:
        between.unlink(missing_ok=True)
    if "error" in answer:
        raise FileError(f"The .sog could not be made: {answer['error']}.", "Choose another format.")
    path.write_bytes(answer["data"])


def _damaged(path: Path, reason: object) -> FileError:
    return damaged(path.parent if path.suffix.lower() == ".json" else path, reason)


def _read(files: _Folder | _Zip, beat: Beat) -> Gaussians:
    meta = json.loads(files.read(META, _MOST_META))
    if not isinstance(meta, dict):
        raise ValueError(f"its {META} is no object")
    old = meta.get("version") != 2
    names = [name for name in _PICTURES if name != "shN" or meta.get(name)]
    parts = {name: _part(meta, name) for name in names}
    count = _whole(parts["means"]["shape"][0] if old else meta["count"])
    pictures = {file for name, part in parts.items() for file in part["files"][: _PICTURES[name]]}
    size = min(sum(map(files.size, pictures)), files.whole())
    budget.check_gaussians(count, 3 if "shN" in parts else 0, size)
    low, high = (_pixels(files, name, count) for name in parts["means"]["files"][:2])
    scales, quats, colour = (_pixels(files, parts[name]["files"][0], count) for name in names[1:4])
    bands = _Bands(files, parts["shN"], count, old) if "shN" in parts else None
    out = Gaussians.unfilled(count, bands.degree if bands else 0)
    bounds = _numbers(parts["means"], "mins", 3), _numbers(parts["means"], "maxs", 3)
    scale_of, colour_of = _meanings(parts["scales"], 3, old), _meanings(parts["sh0"], 4 if old else 3, old)
    for rows in pieces(count, beat):
        out.means[rows] = _means(low[rows, :3], high[rows, :3], *bounds)
        out.quats[rows] = _rotations(quats[rows])
        out.scales[rows] = columns.exp(_meant(scales[rows], scale_of))
        base = _meant(colour[rows], colour_of)
        out.opacities[rows] = columns.sigmoid(base[:, 3]) if old else colour[rows, 3] / np.float32(255)
        out.sh[rows, 0] = base[:, :3]
        if bands:
            out.sh[rows, 1:] = bands.of(rows)
    return out


def _part(meta: dict[str, Any], name: str) -> Part:
    """What ``meta.json`` says of one of the attributes, its files' names checked."""
    part = meta[name]
    if not isinstance(part, dict) or not isinstance(part["files"], list):
        raise ValueError(f"its {name} are no object with files")
    for file in part["files"]:
        if not isinstance(file, str) or Path(file).name != file or "\\" in file:
            raise ValueError(f"{file!r} is not a name of a picture")
    return part


def _whole(value: Any) -> int:
    """A number of Gaussians; some write it with a point."""
    if type(value) not in (int, float) or value != value or value in (float("inf"), float("-inf")):
        raise ValueError("its count is no number")
    return int(value)


def _numbers(part: Part, name: str, count: int) -> np.ndarray:
    """Exactly so many numbers; one may stand alone.  [count] float64"""
    values = np.array(part[name], np.float64)
    if values.shape != (count,) and (count > 1 or values.shape != ()):
        raise ValueError(f"its {name} are not {count} numbers")
    return values.reshape(count)


def _pixels(files: _Folder | _Zip, name: str, count: int) -> np.ndarray:
    """The first ``count`` pixels of a picture.  [count, 4] uint8"""
    return _picture(files, name, count, 2 * count + (1 << 16)).reshape(-1, 4)[:count]


def _picture(files: _Folder | _Zip, name: str, least: int, most: int) -> np.ndarray:
    """A picture of so many pixels, which are compared before it is unpacked.  [H, W, 4] uint8"""
    from PIL import Image

    data = files.read(name, min(5 * most + _MOST_META, _MOST_PICTURE))  # nothing packs to more than it is
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures, which are compared here
        try:
            image = Image.open(io.BytesIO(data), formats=["WEBP", "PNG"])
        except Image.DecompressionBombError as error:
            raise ValueError(str(error)) from error
    with image:
        if not least <= image.width * image.height <= most:
            raise ValueError(f"{name} has {image.width}×{image.height} pixels, not {least:,}")
        return np.asarray(image.convert("RGBA"))


def _means(low: np.ndarray, high: np.ndarray, mins: np.ndarray, maxs: np.ndarray) -> np.ndarray:
    """16 bits between bounds of sign(x)·ln(|x| + 1).  [N, 3] float32"""
    span = np.where(maxs == mins, 1, maxs - mins)
    value = mins + span * ((low + 256.0 * high) / 65535)
    return (np.sign(value) * np.expm1(np.abs(value))).astype(np.float32)


def _rotations(pixels: np.ndarray) -> np.ndarray:
    """The smallest three in a byte each; without a tag none at all.  [N, 4] wxyz"""
    others = (pixels[:, :3].astype(np.float32) / 255 * 2 - 1) * np.float32(SMALLER)
    tagged = pixels[:, 3] >= _FIRST_TAG
    largest = np.where(tagged, pixels[:, 3] - np.minimum(pixels[:, 3], _FIRST_TAG), 0)
    quats = from_smallest_three(others, largest)
    quats[~tagged] = [1, 0, 0, 0]
    return columns.normalise(quats)


def _meanings(part: Part, channels: int, old: bool) -> np.ndarray:
    """What each byte of each channel means: a codebook's entry, in version 1 a step between bounds.

    A shorter codebook is filled up with zeros, so that no byte points outside.  [256, channels] float32
    """
    if old:
        mins, maxs = (_numbers(part, name, channels).astype(np.float32) for name in ("mins", "maxs"))
        return (mins + (maxs - mins) * (_BYTE.astype(np.float32) / 255)).astype(np.float32)
    values = np.array(part["codebook"], np.float32)
    if values.ndim != 1 or len(values) > 256:
        raise ValueError("its codebook is not a list of 256 numbers")
    book = np.concatenate([values, np.zeros(256 - len(values), np.float32)])
    return np.broadcast_to(book[:, None], (256, channels))


def _meant(pixels: np.ndarray, meanings: np.ndarray) -> np.ndarray:
    """Bytes [N, ≥ C] as what they mean.  [N, C] float32"""
    channel = np.arange(meanings.shape[1])
    return meanings[pixels[:, channel], channel]


class _Bands:
    """Bands from degree 1: each Gaussian's label names one of at most 65,536 sets of them."""

    def __init__(self, files: _Folder | _Zip, part: Part, count: int, old: bool) -> None:
        palette = _picture(files, part["files"][0], 1, _PALETTE)
        by_width = {_PALETTE_ROW * n: degree for degree, n in _COEFFICIENTS.items()}
        self.degree = by_width.get(palette.shape[1], 0)
        if not self.degree or (not old and self.degree != part["bands"]):
            raise ValueError(f"its palette of bands is {palette.shape[1]} pixels wide")
        self._entries = palette[..., :3].reshape(-1, _COEFFICIENTS[self.degree], 3)
        self._labels = _pixels(files, part["files"][1], count)
        self._meanings = _meanings(part, 1, old)[:, 0]

    def of(self, rows: slice) -> np.ndarray:
        """The bands of some Gaussians; a label beyond the palette means none.  [N, K-1, 3] float32"""
        label = self._labels[rows, 0] + 256 * self._labels[rows, 1].astype(np.int64)
        known = label < len(self._entries)
        bands = self._meanings[self._entries[np.where(known, label, 0)]]
        bands[~known] = 0
        return bands


def _planes(folder: Path) -> Path | None:
    """The ``meta.json`` of a folder that holds the pictures too; other tools' files are called so as well."""
    return folder / META if isfile(folder / META) and isfile(folder / "means_l.webp") else None


FORMAT = Format(
    name="sog",
    title="SOG",
    endings=(".sog",),
    reads="PlayCanvas, zip or folder, v1 and v2",
    reader=read,
    writer=write,
    writes="zip",
    magic=begins_with(b"PK\x03\x04"),
    index=META,
    folder=_planes,
    degree=3,
    loses="groups, order",
    rounds="position to 16 bits, the rest to 8, bands to a palette of 65,536",
    reader_needs=("PIL",),
    writer_needs=("gaussforge",),
    slow=True,
)
