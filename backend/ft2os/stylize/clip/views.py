"""What the judge looks at: cameras cropped to the object's box, and in which order. No torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from ft2os.cameras import look_at, orbit
from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians
from ft2os.stylize.framing import crop_to_object
from ft2os.stylize.view_buffers import sphere_of

log = logging.getLogger(__name__)

ORBIT_VIEWS = 24
MARGIN = 1.2  # of the fast method's windows: a little room around the object
_FOV_DEG = 35.0
_ELEVATIONS = (-12.0, 48.0)  # degrees, of the orbits' cameras
_BACKGROUND_SPREAD = 0.12  # of the views' backgrounds around grey, so that they stay believable
_NEARER, _FARTHER = 0.8, 1.25  # of their distance: perspective changes, the crop evens out the size


def object_views(gaussians: Gaussians, cameras: Sequence[Camera] | None, pixels: int) -> list[Camera]:
    """One square camera of ``pixels``² for each camera that sees the object, or an orbit where none does.

    Parameters
    ----------
    gaussians : Gaussians
        The object alone.
    cameras : sequence of Camera, optional
        The scene's own; an orbit when there are none.
    pixels : int
        Side of the picture that the judge takes.
    """
    views = [crop for camera in cameras or () if (crop := crop_to_object(gaussians, camera, pixels))]
    if views:
        return views
    if cameras:
        log.warning("none of the %d cameras sees the object: using an orbit", len(cameras))
    around = orbit(sphere_of(gaussians), ORBIT_VIEWS, size=(pixels, pixels))
    return [crop_to_object(gaussians, camera, pixels) or camera for camera in around]


def training_cameras(
    gaussians: Gaussians,
    cameras: Sequence[Camera] | None,
    count: int,
    pixels: int,
    scene_camera_share: float,
    rng: np.random.Generator,
) -> list[Camera]:
    """``count`` square cameras: a share of them the scene's own, as different as can be, the rest orbits.

    Where the scene's cameras are fewer, or do not see the object, orbits take their place.
    """
    chosen = _spread(gaussians, cameras, round(scene_camera_share * count), pixels, rng) if cameras else []
    return chosen + _jittered_orbit(gaussians, count - len(chosen), pixels, rng)


def _spread(
    gaussians: Gaussians, cameras: Sequence[Camera], count: int, pixels: int, rng: np.random.Generator
) -> list[Camera]:
    """Windows of cameras that look from far apart: each next is the farthest from those before.

    Only those whose turn comes are cropped: looking for the object in hundreds of pictures takes seconds.
    """
    centre, _ = sphere_of(gaussians)
    directions = np.stack([camera.position - centre for camera in cameras])
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    nearest = np.full(len(cameras), -1.0)
    nearest[rng.integers(len(cameras))] = -2.0
    chosen: list[Camera] = []
    while len(chosen) < count and np.isfinite(nearest).any():
        i = int(np.argmin(nearest))
        window = crop_to_object(gaussians, cameras[i], pixels, MARGIN)
        if window:
            chosen.append(window)
            nearest = np.maximum(nearest, directions @ directions[i])
        nearest[i] = np.inf  # had its turn
    return chosen


def _jittered_orbit(gaussians: Gaussians, count: int, pixels: int, rng: np.random.Generator) -> list[Camera]:
    """Cameras all around, none quite where a regular orbit would have it."""
    centre, radius = sphere_of(gaussians)
    half = np.radians(_FOV_DEG) / 2
    focal = 0.5 * pixels / np.tan(half)
    K = np.array([[focal, 0, pixels / 2], [0, focal, pixels / 2], [0, 0, 1]], np.float32)
    cameras = []
    for i in range(count):
        around = 2 * np.pi * (i + rng.uniform()) / count
        height = np.radians(rng.uniform(*_ELEVATIONS))
        away = radius / np.sin(half) * rng.uniform(_NEARER, _FARTHER)
        # Captures have y down and z into the picture, see ``orbit``.
        level = np.array([np.sin(around), 0.0, -np.cos(around)])
        eye = centre + away * (np.cos(height) * level + np.sin(height) * np.array([0.0, -1.0, 0.0]))
        camera = Camera(look_at(eye, centre), K, pixels, pixels, f"around_{i:03d}")
        cameras.append(crop_to_object(gaussians, camera, pixels, MARGIN) or camera)
    return cameras


def backgrounds(count: int, seed: int) -> np.ndarray:  # [V, 3]
    """One a view, from dark to light and hardly coloured: the judge should not mind them."""
    rng = np.random.default_rng((seed, 3))
    grey = rng.uniform(0.1, 0.9, size=(count, 1))
    return np.clip(grey + rng.normal(scale=_BACKGROUND_SPREAD, size=(count, 3)), 0, 1)


def scene_extent(cameras: Sequence[Camera]) -> float:
    """1.1 × the largest distance of a camera from their centre: what 3DGS scales position rates with."""
    positions = np.stack([camera.position for camera in cameras])
    distances = np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    return 1.1 * float(distances.max()) or 1.0


def schedule(
    views: int, batch: int, epochs: int, steps: int | None, rng: np.random.Generator
) -> list[np.ndarray]:
    """View indices of every step: each epoch visits every view once, in an order of its own.

    Returns
    -------
    list of ndarray, int64, [≤ batch]
        As many as ``epochs`` need, or exactly ``steps``.
    """
    per_epoch = -(-views // batch)
    wanted = epochs * per_epoch if steps is None else steps
    batches: list[np.ndarray] = []
    while len(batches) < wanted:
        order = rng.permutation(views)
        batches.extend(order[start : start + batch] for start in range(0, views, batch))
    return batches[:wanted]
