"""Cameras on a circle around something, for scenes that come without cameras and for previews."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

Vector = Sequence[float] | np.ndarray  # 3 numbers
Sphere = tuple[Vector, float]  # centre and radius


def look_at(eye: Vector, target: Vector, up: Vector = (0, -1, 0)) -> np.ndarray:
    """World-to-camera matrix of a camera at ``eye`` that looks at ``target``.

    Parameters
    ----------
    eye, target, up : sequence of 3 floats
        World coordinates; ``up`` points to the picture's upper edge and need not be perpendicular.

    Returns
    -------
    ndarray, float32, [4, 4]

    Raises
    ------
    RequestError
        If ``eye`` and ``target`` are the same point.
    """
    eye, target, up = (np.asarray(v, np.float64) for v in (eye, target, up))
    forward = target - eye
    if not np.linalg.norm(forward) > 0:
        raise RequestError("The camera stands on its target.", "Move one of them.")
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-9 * max(np.linalg.norm(up), 1e-30):  # looking along up: any right will do
        right = np.cross(forward, np.eye(3)[np.argmin(np.abs(forward))])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = -rotation @ eye
    return viewmat.astype(np.float32)


def orbit(
    subject: Gaussians | Sphere,
    n: int,
    size: tuple[int, int] = (512, 512),
    fov_deg: float = 35.0,
    elevation_deg: float = 15.0,
    up: Vector = (0, -1, 0),
) -> list[Camera]:
    """``n`` cameras around a subject, evenly spaced, all of it in view.

    Parameters
    ----------
    subject : Gaussians or (centre, radius)
    n : int
        Number of cameras.
    size : (width, height)
        Pixels.
    fov_deg : float
        Field of view across the shorter side, degrees.
    elevation_deg : float
        Height of the cameras above the subject's horizon, degrees.
    up : sequence of 3 floats
        The world's up; in 3DGS captures usually −y.

    Raises
    ------
    RequestError
        If ``n`` or the size is not positive.
    """
    if n < 1 or min(size) < 1:
        raise RequestError("An orbit needs at least one camera of at least one pixel.", "Ask for more.")
    centre, radius = bounding_sphere(subject) if isinstance(subject, Gaussians) else subject
    centre = np.asarray(centre, np.float64)
    up = np.asarray(up, np.float64) / np.linalg.norm(up)
    # The first camera looks along +z in the usual frame (y down), so up × right = back.
    side = np.cross(up, (0, 0, 1)) if abs(up[2]) < 0.9 else np.cross(up, (0, 1, 0))
    side /= np.linalg.norm(side)
    front = np.cross(up, side)
    half = np.radians(fov_deg) / 2
    distance = radius / np.sin(half)
    focal = 0.5 * min(size) / np.tan(half)
    width, height = size
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float32)
    height_angle = np.radians(elevation_deg)
    cameras = []
    for i, angle in enumerate(np.arange(n) * (2 * np.pi / n)):
        level = np.cos(angle) * front + np.sin(angle) * side
        eye = centre + distance * (np.cos(height_angle) * level + np.sin(height_angle) * up)
        cameras.append(Camera(look_at(eye, centre, up), K, width, height, f"orbit_{i:03d}"))
    return cameras


def bounding_sphere(gaussians: Gaussians) -> tuple[np.ndarray, float]:
    """Centre [3] and radius that hold the Gaussians, without the farthest floaters.

    The box between the 2nd and 98th percentile of each axis, over the Gaussians that can be seen.
    """
    means = gaussians.means[gaussians.opacities > 0.1]
    means = (means if len(means) else gaussians.means).astype(np.float64)
    low, high = np.percentile(means, [2, 98], axis=0)
    radius = 0.5 * float(np.linalg.norm(high - low))
    return (low + high) / 2, radius or max(float(gaussians.scales.max(initial=0.0)) * 3, 1e-3)
