"""Which file holds cameras in which way: COLMAP's folder, Inria's list, nerfstudio's frames."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os.path import isfile
from pathlib import Path

from ft2os.cameras import colmap, inria, nerfstudio
from ft2os.cameras.camera import Camera
from ft2os.cameras.nerfstudio import SizeOf
from ft2os.errors import FileError, RequestError
from ft2os.files import open_regular
from ft2os.pieces import Beat, no_beat
from ft2os.strict_json import read_json


def load_cameras(path: str | Path, size_of: SizeOf | None = None, beat: Beat = no_beat) -> list[Camera]:
    """Cameras of a ``cameras.json``, a ``transforms.json``, or a COLMAP folder or one of its files.

    Parameters
    ----------
    path : path
    size_of : callable, optional
        Gives (width, height) of a picture; by default Pillow does, where it is installed.
    beat : callable, optional
        Called all the while; what it raises ends the work.

    Raises
    ------
    FileError
        If it holds none.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in (".bin", ".txt"):
        cameras = colmap.read(path if path.is_dir() else path.parent, beat)
    elif isinstance(content := read_json(path), list):
        cameras = inria.from_json(content, path, beat)
    else:
        cameras = nerfstudio.from_json(content, path, size_of or _pillow_size, beat)
    if not cameras:
        raise FileError(f"{path.name} holds no cameras.", "Choose another file.")
    return cameras


def find_cameras(folder: Path) -> Path | None:
    """The file or folder of cameras that belongs to a scene in ``folder``, None where there is none."""
    for name in ("cameras.json", "transforms.json"):
        if isfile(folder / name):
            return folder / name
    return colmap.find(folder)


def save_cameras(path: str | Path, cameras: Sequence[Camera]) -> None:
    """Write cameras: as nerfstudio's frames where the name holds "transforms", else as Inria's list.

    Raises
    ------
    RequestError
        If the name does not end in .json, or there are no cameras.
    FileError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise RequestError(
            f"Cannot write cameras as {path.name}.", "Name it cameras.json or transforms.json."
        )
    if not cameras:
        raise RequestError("There are no cameras to write.", "Select at least one.")
    (nerfstudio if "transforms" in path.name.lower() else inria).write(path, cameras)


def _pillow_size(photo: Path) -> tuple[int, int]:
    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError("the size of the pictures (w, h) is missing") from error
    with open_regular(photo) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large pictures: this one is not unpacked
        try:
            with Image.open(stream) as picture:
                return picture.size
        except Exception as error:  # whatever Pillow's readers raise for files that break their rules
            raise ValueError(f"{photo.name} is no picture that can be read") from error
