"""COLMAP's sparse model: ``cameras`` and ``images``, as .bin or .txt; points are skipped.

A pose is world to camera with y down and z forward, and the centre of the first pixel is (0.5, 0.5): as
here. Splats are drawn through pinholes, so the distortion of the other models is left out, with a warning
that names it. Layout: https://colmap.github.io/format.html.
"""

from __future__ import annotations

import logging
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

import numpy as np

from ft2os import budget
from ft2os.cameras.camera import Camera, check_count, checked, photo_in
from ft2os.errors import FileError
from ft2os.files import brief, open_regular, read_bytes, read_error
from ft2os.pieces import Beat, no_beat
from ft2os.transforms import rotation_matrices

log = logging.getLogger(__name__)

# name, number of parameters, whether fx and fy are one; in the order of COLMAP's ids
MODELS = (
    ("SIMPLE_PINHOLE", 3, True),
    ("PINHOLE", 4, False),
    ("SIMPLE_RADIAL", 4, True),
    ("RADIAL", 5, True),
    ("OPENCV", 8, False),
    ("OPENCV_FISHEYE", 8, False),
    ("FULL_OPENCV", 12, False),
    ("FOV", 5, False),
    ("SIMPLE_RADIAL_FISHEYE", 4, True),
    ("RADIAL_FISHEYE", 5, True),
    ("THIN_PRISM_FISHEYE", 12, False),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16, False),
    ("SIMPLE_DIVISION", 4, True),
    ("DIVISION", 5, False),
    ("SIMPLE_FISHEYE", 3, True),
    ("FISHEYE", 4, False),
    ("EUCM", 6, False),
)
_BENT = ("FISHEYE", "FOV", "EUCM")  # in a name: bent also where all further parameters are 0
_BY_NAME = {name: (name, count, single) for name, count, single in MODELS}
_POINT = struct.calcsize("<ddq")  # x, y and the 3-D point of each feature of an image
_MAX_NAME = 4096
_MOST_LENS = 200  # bytes of a camera: at most 16 numbers
_MOST_LINE = 1 << 16
_MOST_LINES = 3 * budget.MOST_CAMERAS  # two an image, and some remarks


@dataclass(frozen=True)
class _Lens:
    K: np.ndarray  # [3, 3]
    width: int
    height: int
    bends: str  # the model's name if it does, else ""


def find(folder: Path) -> Path | None:
    """The folder that holds ``cameras`` and ``images``: this one, ``sparse/0``, ``sparse``; None if none."""
    for at in (folder, folder / "sparse" / "0", folder / "sparse", folder / "colmap" / "sparse" / "0"):
        if any(_complete(at, end) for end in _READERS):
            return at
    return None


def _complete(folder: Path, end: str) -> bool:
    return all(isfile(folder / f"{name}.{end}") for name in ("cameras", "images"))


def read(folder: str | Path, beat: Beat = no_beat) -> list[Camera]:
    """Cameras of a sparse model, in the order of the images' names; ``photo`` where the image is found.

    Raises
    ------
    FileError
        If there is no model, or it is cut short or makes no sense.
    """
    at = find(Path(folder))
    if at is None:
        raise FileError(
            f"{folder} holds no COLMAP model.", "Choose a folder with cameras.bin and images.bin (or .txt)."
        )
    end = next(e for e in _READERS if _complete(at, e))
    read_lenses, read_images = _READERS[end]
    cameras: list[Camera] = []
    try:
        with np.errstate(all="ignore"):  # what wild numbers make, `checked` refuses
            lenses = _lenses(read_lenses(at / f"cameras.{end}", beat))
            photos = _photo_folder(at)
            for entry in read_images(at / f"images.{end}", beat):
                cameras.append(_camera(lenses, photos, *entry))
                check_count(len(cameras), at)
    except OSError as error:
        raise read_error(at, error) from error
    except (ValueError, KeyError, IndexError, struct.error, OverflowError) as error:
        reason = f"there is no camera {error}" if isinstance(error, KeyError) else brief(error)
        raise FileError(
            f"The COLMAP model in {at} is damaged: {reason}.", "Export it from COLMAP again."
        ) from error
    return sorted(cameras, key=lambda camera: camera.name)


def _lenses(numbered: Iterator[tuple[int, _Lens]]) -> dict[int, _Lens]:
    """Lenses by their ids, with one warning for all that bend."""
    lenses = {}
    for number, lens in numbered:
        lenses[number] = lens
        budget.check(len(lenses), budget.MOST_CAMERAS, "cameras")
    if bent := sorted({lens.bends for lens in lenses.values()} - {""}):
        log.warning(
            "the camera model %s bends the picture; the bending is left out, so photos overlay roughly",
            ", ".join(bent),
        )
    return lenses


def _camera(
    lenses: dict[int, _Lens],
    photos: Path | None,
    quat: tuple[float, ...],
    place: tuple[float, ...],
    lens: int,
    name: str,
) -> Camera:
    w2c = np.eye(4)
    q = np.array([quat], np.float64)
    w2c[:3, :3] = rotation_matrices(q / np.linalg.norm(q))[0]
    w2c[:3, 3] = place
    optics = lenses[lens]
    photo = photo_in(photos, name) if photos is not None else None
    return checked(
        Camera(w2c.astype(np.float32), optics.K, optics.width, optics.height, Path(name).stem, photo)
    )


def _lens(model: tuple[str, int, bool], width: int, height: int, numbers: tuple[float, ...]) -> _Lens:
    name, count, single = model
    if len(numbers) != count:
        raise ValueError(f"a camera {name} has {len(numbers)} parameters, not {count}")
    fx, fy, cx, cy = (numbers[0], *numbers[:3]) if single else numbers[:4]
    bends = any(word in name for word in _BENT) or any(numbers[3 if single else 4 :])
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)
    return _Lens(K, width, height, name if bends else "")


def _photo_folder(at: Path) -> Path | None:
    """The nearest ``images``: in the model's folder, beside it (``sparse``), or one up (``sparse/0``)."""
    folders = (at / "images", at.parent / "images", at.parent.parent / "images")
    return next((folder for folder in folders if folder.is_dir()), None)


def _binary_lenses(path: Path, beat: Beat) -> Iterator[tuple[int, _Lens]]:
    data = read_bytes(path, budget.MOST_CAMERAS * _MOST_LENS)
    (count,) = struct.unpack_from("<Q", data)
    at = 8
    for _ in range(count):
        beat()
        lens, model, width, height = struct.unpack_from("<IiQQ", data, at)
        at += struct.calcsize("<IiQQ")
        if not 0 <= model < len(MODELS):
            raise ValueError(f"camera model {model} is unknown")
        numbers = struct.unpack_from(f"<{MODELS[model][1]}d", data, at)
        at += 8 * len(numbers)
        yield lens, _lens(MODELS[model], width, height, numbers)


def _binary_images(path: Path, beat: Beat) -> Iterator[tuple]:
    with open_regular(path) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        (count,) = struct.unpack_from("<Q", data)
        check_count(count, path)
        at = 8
        for _ in range(count):
            beat()
            numbers = struct.unpack_from("<I7dI", data, at)
            at += struct.calcsize("<I7dI")
            end = data.find(b"\0", at, at + _MAX_NAME)
            if end < 0:
                raise ValueError("an image's name has no end")
            name = data[at:end].decode("utf-8")
            (points,) = struct.unpack_from("<Q", data, end + 1)
            at = end + 9 + points * _POINT
            if at > len(data):
                raise ValueError("it is cut short")
            yield numbers[1:5], numbers[5:8], numbers[8], name


def _text_lenses(path: Path, beat: Beat) -> Iterator[tuple[int, _Lens]]:
    for line in _lines(path, beat):
        if not line or line.startswith("#"):
            continue
        lens, model, width, height, *numbers = line.split()
        if model not in _BY_NAME:
            raise ValueError(f"camera model {model[:40]} is unknown")
        yield int(lens), _lens(_BY_NAME[model], int(width), int(height), tuple(map(float, numbers)))


def _text_images(path: Path, beat: Beat) -> Iterator[tuple]:
    lines = (line for line in _lines(path, beat) if not line.startswith("#"))
    for line in lines:
        if not line:
            continue
        parts = line.split(maxsplit=9)
        numbers = tuple(map(float, parts[1:8]))
        yield numbers[:4], numbers[4:], int(parts[8]), parts[9]
        next(lines, None)  # its features, perhaps none


def _lines(path: Path, beat: Beat) -> Iterator[str]:
    """Stripped lines; one longer than `_MOST_LINE` is cut, which only an image's features may be."""
    with open_regular(path) as stream:
        count = 0
        while line := stream.readline(_MOST_LINE):
            beat()
            budget.check(count := count + 1, _MOST_LINES, "lines")
            cut = line
            while cut and not cut.endswith(b"\n"):
                beat()
                cut = stream.readline(_MOST_LINE)
            yield line.decode("utf-8", "strict" if line.endswith(b"\n") else "ignore").strip()


_READERS = {"bin": (_binary_lenses, _binary_images), "txt": (_text_lenses, _text_images)}
