"""PlayCanvas' SOG: WebP pictures whose pixels are Gaussians, and a meta.json, in a folder or a .sog zip.

Read by us with Pillow for the pictures (both versions; the libraries either know only the zip or only one
version, and trust the sizes they are told). Written through gaussforge, which writes it right; its clustering
of the higher bands takes minutes for a million Gaussians. Layout: splat-transform (MIT).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ft2os.errors import FileError, MissingError
from ft2os.files import read_error
from ft2os.formats import columns
from ft2os.formats.quantised import SMALLER, from_smallest_three
from ft2os.gaussians import Gaussians

META = "meta.json"
_COEFFICIENTS = {1: 3, 2: 8, 3: 15}
_FIRST_TAG = 252  # of a rotation's fourth byte: which component is the largest
_PALETTE_ROW = 64  # entries of the bands' palette side by side
_MAX_META = 16 << 20
_MAX_PICTURE = 1 << 30  # bytes of a packed picture

Load = Callable[[str], bytes]


def read(path: Path) -> Gaussians:
    """The Gaussians of a .sog file, or of the folder whose ``meta.json`` this is; degree 0 to 3.

    Raises
    ------
    FileError
        If something is missing, damaged or larger than it says.
    """
    try:
        if path.suffix.lower() == ".json":
            return _read(lambda name: _bounded(path if name == META else path.parent / name))
        with zipfile.ZipFile(path) as archive:
            inside = {name.replace("\\", "/").rpartition("/")[2]: name for name in archive.namelist()}
            return _read(lambda name: _unzipped(archive, inside[name]))
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno is not None:
            raise read_error(Path(error.filename or path), error) from error
        raise _damaged(path, error) from error  # Pillow's word for a broken picture
    except KeyError as error:
        raise _damaged(path, f"{error} is missing") from error
    except (
        ValueError,
        TypeError,
        IndexError,
        RecursionError,
        NotImplementedError,
        RuntimeError,
        SyntaxError,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zipfile.zlib.error,
        Image.DecompressionBombError,
        EOFError,
    ) as error:
        raise _damaged(path, error) from error


def write(path: Path, gaussians: Gaussians) -> None:
    """Write a .sog file, degree 0 to 3."""
    try:
        import gaussforge
    except ImportError as error:
        raise MissingError(
            "Writing .sog needs the package gaussforge, which is not installed.",
            "Install the backend: pip install 'ft2os[lite]'.",
        ) from error
    from ft2os.formats.ply_write import save_ply
    from ft2os.gaussians import with_degree

    plain = gaussians.replace(
        source=None,
        row=None,
        group=None,
        identity=None,
        sh=with_degree(gaussians.sh, min(gaussians.degree, 3)),
    )
    between = path.with_name(f"{path.name}.ply")
    try:
        save_ply(between, plain)
        answer = gaussforge.GaussForge().convert(between.read_bytes(), "ply", "sog")
    finally:
        between.unlink(missing_ok=True)
    if "error" in answer:
        raise FileError(f"The .sog could not be made: {answer['error']}.", "Choose another format.")
    path.write_bytes(answer["data"])


def _damaged(path: Path, reason: object) -> FileError:
    name = path.parent.name if path.suffix.lower() == ".json" else path.name
    return FileError(f"{name} is damaged: {reason}.", "Export or download it again.")


def _bounded(path: Path) -> bytes:
    """A file of the folder; names that lead elsewhere were refused before."""
    if path.stat().st_size > _MAX_PICTURE:
        raise ValueError(f"{path.name} is too large")
    return path.read_bytes()


def _unzipped(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    packed = info.compress_size * 50 + (1 << 16)  # a picture hardly packs further: more is a bomb
    if info.file_size > min(_MAX_PICTURE, packed):
        raise ValueError(f"{name} claims {info.file_size:,} bytes")
    with archive.open(info) as stream:
        return stream.read(info.file_size)


def _read(load: Load) -> Gaussians:
    text = load(META)
    if len(text) > _MAX_META:
        raise ValueError(f"{META} is too large")
    meta = json.loads(text)
    old = meta.get("version") != 2
    count = int(meta["means"]["shape"][0] if old else meta["count"])
    if count < 1:
        raise ValueError(f"it holds {count} Gaussians")
    colour = _pixels(load, meta["sh0"]["files"][0], count)
    base, opacities = _base(meta["sh0"], colour, old)
    scales = _levels(meta["scales"], _pixels(load, meta["scales"]["files"][0], count)[:, :3], old)
    bands = _bands(load, meta["shN"], count, old) if meta.get("shN") else np.zeros((count, 0, 3), np.float32)
    return Gaussians(
        means=_means(load, meta["means"], count),
        quats=_rotations(_pixels(load, meta["quats"]["files"][0], count)),
        scales=columns.exp(scales),
        opacities=opacities,
        sh=np.concatenate([base[:, None], bands], axis=1),
    )


def _pixels(load: Load, name: str, count: int) -> np.ndarray:
    """The first ``count`` pixels of a picture.  [count, 4] uint8"""
    pixels = _picture(load, name, 2 * count + (1 << 16)).reshape(-1, 4)
    if len(pixels) < count:
        raise ValueError(f"{name} has {len(pixels):,} pixels for {count:,} Gaussians")
    return pixels[:count]


def _picture(load: Load, name: str, most: int) -> np.ndarray:
    """A picture of no more than ``most`` pixels.  [H, W, 4] uint8"""
    if not isinstance(name, str) or Path(name).name != name or "\\" in name:
        raise ValueError(f"{name!r} is not a name of a picture")
    with Image.open(io.BytesIO(load(name)), formats=["WEBP", "PNG"]) as image:
        if image.width * image.height > most:
            raise ValueError(f"{name} is {image.width}×{image.height} pixels large")
        return np.asarray(image.convert("RGBA"))


def _means(load: Load, meta: dict, count: int) -> np.ndarray:
    """16 bits between bounds of sign(x)·ln(|x| + 1).  [N, 3] float32"""
    low, high = (_pixels(load, name, count)[:, :3].astype(np.float64) for name in meta["files"][:2])
    mins, maxs = np.array(meta["mins"], np.float64), np.array(meta["maxs"], np.float64)
    span = np.where(maxs == mins, 1, maxs - mins)
    value = mins + span * ((low + 256 * high) / 65535)
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.sign(value) * np.expm1(np.abs(value))).astype(np.float32)


def _rotations(pixels: np.ndarray) -> np.ndarray:
    """The smallest three in a byte each; without a tag none at all.  [N, 4] wxyz"""
    others = (pixels[:, :3].astype(np.float32) / 255 * 2 - 1) * np.float32(SMALLER)
    tagged = pixels[:, 3] >= _FIRST_TAG
    largest = np.where(tagged, pixels[:, 3] - np.minimum(pixels[:, 3], _FIRST_TAG), 0)
    quats = from_smallest_three(others, largest)
    quats[~tagged] = [1, 0, 0, 0]
    return columns.normalise(quats)


def _levels(meta: dict, bytes_: np.ndarray, old: bool) -> np.ndarray:
    """Bytes as what they stand for: a codebook's entries, or in version 1 steps between bounds."""
    if not old:
        return _codebook(meta)[bytes_]
    mins, maxs = np.array(meta["mins"], np.float32), np.array(meta["maxs"], np.float32)
    return (mins + (maxs - mins) * (bytes_.astype(np.float32) / 255)).astype(np.float32)


def _base(meta: dict, colour: np.ndarray, old: bool) -> tuple[np.ndarray, np.ndarray]:
    """Raw coefficients of degree 0 [N, 3], opacities [N]; in version 1 these are logits."""
    if old:
        levels = _levels(meta, colour, old)
        return np.ascontiguousarray(levels[:, :3]), columns.sigmoid(levels[:, 3])
    return _codebook(meta)[colour[:, :3]], colour[:, 3].astype(np.float32) / np.float32(255)


def _codebook(meta: dict) -> np.ndarray:
    """256 values; a shorter list is filled up with zeros, so that no byte points outside."""
    values = np.array(meta["codebook"], np.float32).reshape(-1)[:256]
    return np.concatenate([values, np.zeros(256 - len(values), np.float32)])


def _bands(load: Load, meta: dict, count: int, old: bool) -> np.ndarray:
    """Bands from degree 1, from a palette of at most 65,536 sets of them.  [N, K-1, 3] float32"""
    palette = _picture(load, meta["files"][0], 1 << 20)
    by_width = {_PALETTE_ROW * n: n for n in _COEFFICIENTS.values()}
    width = by_width.get(palette.shape[1])
    if width is None or (not old and width != _COEFFICIENTS.get(meta["bands"])):
        raise ValueError(f"its palette of bands is {palette.shape[1]} pixels wide")
    entries = palette[..., :3].reshape(-1, width, 3)
    pixels = _pixels(load, meta["files"][1], count).astype(np.int64)
    label = pixels[:, 0] + 256 * pixels[:, 1]
    known = label < len(entries)
    chosen = entries[np.where(known, label, 0)]
    if old:
        low, high = float(meta["mins"]), float(meta["maxs"])
        bands = (low + (high - low) / 255 * chosen).astype(np.float32)
    else:
        bands = _codebook(meta)[chosen]
    bands[~known] = 0
    return bands
