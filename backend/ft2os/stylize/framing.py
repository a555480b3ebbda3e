"""Square windows around an object, cut out of any camera's picture. Numpy only.

A square window keeps the aspect: drawing the whole picture at a judge's 224² would squash it and spend most
of the pixels on what is masked away.
"""

from __future__ import annotations

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians

MARGIN = 1.1  # the window's side over the box's longer side
_LEAST_PIXELS = 8.0  # a smaller box says nothing about the object
_REACH = 2.0  # standard deviations that count as the object


def crop_to_object(
    gaussians: Gaussians, camera: Camera, pixels: int, margin: float = MARGIN
) -> Camera | None:
    """The camera turned into a square window around the object's box, or None where it is not seen."""
    box = object_box(gaussians, camera)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    side = margin * max(x1 - x0, y1 - y0)
    return camera.cropped((x0 + x1 - side) / 2, (y0 + y1 - side) / 2, side, pixels)


def object_box(gaussians: Gaussians, camera: Camera) -> tuple[float, float, float, float] | None:
    """Bounds (x0, y0, x1, y1) in pixels of the object inside the picture, or None where it is not seen.

    A few stray Gaussians must not widen the box, so half a percent may lie beyond each side.
    """
    x, y, z = camera.viewmat[:3, :3] @ gaussians.means.T + camera.viewmat[:3, 3:]
    seen = (z > 0.01) & (gaussians.opacities > 0.05)
    if seen.sum() < max(1, 0.1 * len(gaussians)):
        return None
    x, y, z = x[seen], y[seen], z[seen]
    reach = _REACH * gaussians.scales[seen].max(axis=1) / z
    sides = []
    for axis, along, size in ((0, x, camera.width), (1, y, camera.height)):
        centre = camera.K[axis, axis] * along / z + camera.K[axis, 2]
        low = np.quantile(centre - reach * camera.K[axis, axis], 0.005)
        high = np.quantile(centre + reach * camera.K[axis, axis], 0.995)
        sides.append((max(float(low), 0.0), min(float(high), float(size))))
    (x0, x1), (y0, y1) = sides
    if x1 - x0 < _LEAST_PIXELS or y1 - y0 < _LEAST_PIXELS:
        return None
    return x0, y0, x1, y1
