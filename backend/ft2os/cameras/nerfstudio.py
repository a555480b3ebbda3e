"""``transforms.json`` of nerfstudio and instant-ngp: camera-to-world poses with y up and z backward.

What nerfstudio exports as splats lies in its training's own frame: the ``dataparser_transforms.json`` beside
the file is applied where there is one. It counts from the capture's first frame, before the file's own
``applied_transform`` and ``applied_scale``, which are therefore taken back. Distortion is
left out, with a warning that names it.
"""

from __future__ import annotations

import json
import logging
import math
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from os.path import isfile
from pathlib import Path

import numpy as np

from ft2os.cameras.camera import Camera, check_count, checked, photo_in
from ft2os.errors import FileError
from ft2os.files import brief, replacing
from ft2os.pieces import Beat, no_beat
from ft2os.strict_json import read_json

log = logging.getLogger(__name__)

SizeOf = Callable[[Path], tuple[int, int]]
_TO_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
_BENDS = ("k1", "k2", "k3", "k4", "p1", "p2")


def read(path: str | Path, size_of: SizeOf | None = None) -> list[Camera]:
    """Cameras of a ``transforms.json``, in file order; ``photo`` where the image is found.

    Parameters
    ----------
    path : path
    size_of : callable, optional
        Gives (width, height) of a picture file, for files that say neither ``w`` nor ``h``.

    Raises
    ------
    FileError
        If the file is not one.
    """
    return from_json(read_json(Path(path)), Path(path), size_of)


def from_json(data: object, path: Path, size_of: SizeOf | None = None, beat: Beat = no_beat) -> list[Camera]:
    """Cameras of what the ``transforms.json`` at ``path`` holds; see `read`."""
    if not isinstance(data, dict) or not isinstance(data.get("frames"), list):
        raise FileError(f"{path.name} has no list of frames.", "Choose a transforms.json.")
    frames = data["frames"]
    check_count(len(frames), path)
    cameras = []
    try:
        if not all(isinstance(frame, dict) for frame in frames):
            raise TypeError("a frame is no object")
        placed = _dataparser(path.with_name("dataparser_transforms.json"), data)
        with np.errstate(all="ignore"):  # what wild numbers make, `checked` refuses
            for frame in frames:
                beat()
                cameras.append(_camera(ChainMap(frame, data), path.parent, placed, size_of))
    except (KeyError, TypeError, ValueError, OverflowError, np.linalg.LinAlgError) as error:
        raise FileError(
            f"{path.name} cannot be used: {brief(error)}.", "Export the cameras again."
        ) from error
    bent = sorted({k for frame in (data, *frames) for k in _BENDS if frame.get(k)})
    if bent or "FISHEYE" in str(data.get("camera_model", "")):
        log.warning(
            "%s bends its pictures (%s); the bending is left out, so photos overlay roughly",
            path.name,
            ", ".join(bent) or brief(data["camera_model"]),
        )
    return cameras


def write(path: str | Path, cameras: Sequence[Camera]) -> None:
    """Write cameras so that `read`, nerfstudio and instant-ngp give them again."""
    data = {"camera_model": "OPENCV", "frames": [_frame(i, camera) for i, camera in enumerate(cameras)]}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _camera(
    frame: Mapping,
    folder: Path,
    placed: tuple[np.ndarray, float],
    size_of: SizeOf | None,
) -> Camera:
    name = str(frame.get("file_path", "")).replace("\\", "/")  # some were written on Windows
    photo = photo_in(folder, name)
    if "w" in frame and "h" in frame:
        width, height = int(frame["w"]), int(frame["h"])
    elif photo is not None and size_of is not None:
        width, height = size_of(photo)
    else:
        raise KeyError("the size of the pictures (w, h)")
    pose = np.array(frame["transform_matrix"], np.float64)
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0, 0, 0, 1]])
    if pose.shape != (4, 4):
        raise ValueError("a transform_matrix has the wrong shape")
    turn, scale = placed
    pose = turn @ pose
    pose[:3, 3] *= scale
    viewmat = np.linalg.inv(pose @ _TO_OPENGL)
    K = _intrinsics(frame, width, height)
    return checked(Camera(viewmat.astype(np.float32), K, width, height, Path(name).stem, photo))


def _intrinsics(frame: Mapping, width: int, height: int) -> np.ndarray:
    fx = _focal(frame, "x", width)
    fy = _focal(frame, "y", height)
    if fx is None and fy is None:
        raise KeyError("a focal length (fl_x or camera_angle_x)")
    cx, cy = float(frame.get("cx", width / 2)), float(frame.get("cy", height / 2))
    return np.array([[fx or fy, 0, cx], [0, fy or fx, cy], [0, 0, 1]], np.float32)


def _focal(frame: Mapping, axis: str, pixels: int) -> float | None:
    if frame.get(f"fl_{axis}"):
        return float(frame[f"fl_{axis}"])
    angle = frame.get(f"camera_angle_{axis}")
    return 0.5 * pixels / math.tan(0.5 * float(angle)) if angle else None


def _dataparser(path: Path, frames: dict) -> tuple[np.ndarray, float]:
    """nerfstudio's move and scale from the poses of ``frames`` to those it trains with, if any."""
    if not isfile(path):
        return np.eye(4), 1.0
    data = read_json(path)
    turn, scale = _affine(data["transform"]), float(data["scale"])
    if "applied_transform" in frames:
        turn = turn @ np.linalg.inv(_affine(frames["applied_transform"]))
    return turn, scale / float(frames.get("applied_scale", 1.0))


def _affine(rows: list) -> np.ndarray:
    """Three rows, or four, as a matrix.  [4, 4]"""
    return np.vstack([np.array(rows, np.float64)[:3].reshape(3, 4), [0, 0, 0, 1]])


def _frame(i: int, camera: Camera) -> dict:
    pose = np.linalg.inv(camera.viewmat.astype(np.float64)) @ _TO_OPENGL
    return {
        "file_path": camera.name or f"{i:05d}",
        "w": camera.width,
        "h": camera.height,
        "fl_x": float(camera.K[0, 0]),
        "fl_y": float(camera.K[1, 1]),
        "cx": float(camera.K[0, 2]),
        "cy": float(camera.K[1, 2]),
        "transform_matrix": pose.tolist(),
    }
