"""What the judge looks at: cameras cropped to the object's box, and in which order. Numpy only."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from ft2os.cameras import orbit
from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians
from ft2os.stylize.framing import crop_to_object

log = logging.getLogger(__name__)

ORBIT_VIEWS = 24


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
    around = orbit(gaussians, ORBIT_VIEWS, size=(pixels, pixels))
    return [crop_to_object(gaussians, camera, pixels) or camera for camera in around]


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
