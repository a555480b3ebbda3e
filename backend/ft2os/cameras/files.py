"""Which file holds cameras in which way: COLMAP's folder, Inria's list, nerfstudio's frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ft2os.cameras import colmap, inria, nerfstudio
from ft2os.cameras.camera import Camera
from ft2os.errors import FileError, RequestError
from ft2os.strict_json import read_json

SizeOf = Callable[[Path], tuple[int, int]]


def load_cameras(path: str | Path, size_of: SizeOf | None = None) -> list[Camera]:
    """Cameras of a ``cameras.json``, a ``transforms.json``, or a COLMAP folder or one of its files.

    Parameters
    ----------
    path : path
    size_of : callable, optional
        Gives (width, height) of a picture; by default Pillow does, where it is installed.

    Raises
    ------
    FileError
        If it holds none.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in (".bin", ".txt"):
        cameras = colmap.read(path if path.is_dir() else path.parent)
    elif isinstance(read_json(path), list):
        cameras = inria.read(path)
    else:
        cameras = nerfstudio.read(path, size_of or _pillow_size)
    if not cameras:
        raise FileError(f"{path.name} holds no cameras.", "Choose another file.")
    return cameras


def find_cameras(folder: Path) -> Path | None:
    """The file or folder of cameras that belongs to a scene in ``folder``, None where there is none."""
    for name in ("cameras.json", "transforms.json"):
        if (folder / name).is_file():
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
    with Image.open(photo) as picture:
        return picture.size
