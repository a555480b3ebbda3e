"""The ``cameras.json`` of Inria's 3DGS code: a list of poses, camera to world, y down and z forward.

The original has no principal point and means the picture's centre; ``cx`` and ``cy`` are read where a tool
has added them and written only where the centre is elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ft2os.cameras.camera import Camera, check_count, checked, photo_in
from ft2os.errors import FileError
from ft2os.files import brief, replacing
from ft2os.pieces import Beat, no_beat
from ft2os.strict_json import read_json


def read(path: str | Path) -> list[Camera]:
    """Cameras of a ``cameras.json``, in file order; ``photo`` where it lies in ``images`` beside the file.

    Raises
    ------
    FileError
        If the file is not one.
    """
    return from_json(read_json(Path(path)), Path(path))


def from_json(entries: object, path: Path, beat: Beat = no_beat) -> list[Camera]:
    """Cameras of what the ``cameras.json`` at ``path`` holds; see `read`."""
    if not isinstance(entries, list):
        raise FileError(f"{path.name} is not a list of cameras.", "Choose a cameras.json of a 3DGS tool.")
    check_count(len(entries), path)
    cameras = []
    try:
        with np.errstate(all="ignore"):  # what wild numbers make, `checked` refuses
            for entry in entries:
                beat()
                cameras.append(_camera(entry, path.with_name("images")))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileError(
            f"Camera {len(cameras)} of {path.name} cannot be used: {brief(error)}.",
            "Export the cameras again.",
        ) from error
    return cameras


def write(path: str | Path, cameras: Sequence[Camera]) -> None:
    """Write cameras so that `read` gives them again."""
    entries = [_entry(i, camera) for i, camera in enumerate(cameras)]
    with replacing(path) as temporary:
        temporary.write_text("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n", encoding="utf-8")


def _camera(entry: dict, photos: Path) -> Camera:
    width, height = int(entry["width"]), int(entry["height"])
    rotation = np.array(entry["rotation"], np.float64)
    centre = np.array(entry["position"], np.float64)
    if rotation.shape != (3, 3) or centre.shape != (3,):
        raise ValueError("its pose has the wrong shape")
    middle = float(entry.get("cx", width / 2)), float(entry.get("cy", height / 2))
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation.T
    viewmat[:3, 3] = -rotation.T @ centre
    K = np.array([[entry["fx"], 0, middle[0]], [0, entry["fy"], middle[1]], [0, 0, 1]], np.float32)
    name = str(entry.get("img_name", ""))
    photo = photo_in(photos, name)
    return checked(Camera(viewmat.astype(np.float32), K, width, height, name, photo))


def _entry(i: int, camera: Camera) -> dict:
    rotation = camera.viewmat[:3, :3].astype(np.float64)
    entry = {
        "id": i,
        "img_name": camera.name or f"{i:05d}",
        "width": camera.width,
        "height": camera.height,
        "position": (-rotation.T @ camera.viewmat[:3, 3]).tolist(),
        "rotation": rotation.T.tolist(),
        "fy": float(camera.K[1, 1]),
        "fx": float(camera.K[0, 0]),
    }
    middle = camera.K[:2, 2].tolist()
    if middle != [camera.width / 2, camera.height / 2]:
        entry |= {"cx": middle[0], "cy": middle[1]}
    return entry
