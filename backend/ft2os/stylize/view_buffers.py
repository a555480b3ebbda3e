"""What a method sees of an object: square views all around, and in each pixel the surface.

From a linear view come the depth, the point in space, the normal and the original's luminance. A texture is
evaluated there and not at the Gaussians' centres, so that its detail is as fine as the pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ft2os.cameras.camera import Camera
from ft2os.cameras.orbit import bounding_sphere, orbit
from ft2os.colour import LUMA, to_uint8
from ft2os.gaussians import Gaussians
from ft2os.stylize.framing import crop_to_object
from ft2os.tiles.linear import LinearView, build, view_colours

RINGS = ((0.45, 8.0, 0.0), (0.3, 38.0, 0.5), (0.15, -22.0, 0.25), (0.1, 75.0, 0.0))
"""Share of the views, elevation in degrees, and turn in steps of each ring around the object."""
FOV_DEG = 30.0
_REACH = 2.0  # standard deviations that count as the object
_HIDDEN = 0.01  # pixels a view; what fills less is behind something
_EDGE = 0.25  # alpha below which a pixel shows more background than object


@dataclass(frozen=True)
class Frame:
    """The object's own box: its centre, its largest extent, its lowest and highest y (down)."""

    centre: np.ndarray  # [3]
    extent: float
    top: float
    bottom: float

    def normalised(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [M, 3] in object units, and their height [M] from 0 at the bottom to 1 at the top."""
        height = (self.bottom - points[:, 1]) / max(self.bottom - self.top, 1e-9)
        return ((points - self.centre) / self.extent).astype(np.float32), np.clip(height, 0, 1)


@dataclass(frozen=True)
class SurfaceView:
    """One view: linear in the colours, and of its object pixels (``mask``, P' of them) the surface.

    ``points`` [P', 3], ``normals`` [P', 3] outward, ``luminance`` [H, W] of the original, un-premultiplied,
    ``original`` [H, W, 3] premultiplied over black.
    """

    view: LinearView
    mask: np.ndarray  # [H, W] bool
    points: np.ndarray
    normals: np.ndarray
    luminance: np.ndarray
    original: np.ndarray

    def on_surface(self) -> np.ndarray:
        """World points that the pixels show, NaN beside the object.  float32 [H, W, 3]"""
        points = np.full((*self.mask.shape, 3), np.nan, np.float32)
        points[self.mask] = self.points
        return points

    def on_grey(self, image: np.ndarray) -> np.ndarray:
        """A premultiplied picture [H, W, 3] of this view over grey, for previews.  uint8 [H, W, 3]"""
        grey = np.float32(0.5) * (1 - self.view.alpha.reshape(*self.mask.shape, 1))
        return to_uint8(image + grey)


def frame_of(gaussians: Gaussians) -> Frame:
    """The box that holds all but a percent of the Gaussians on each side.

    Where they lie closer together than they are wide, one alone or a few in one place, the box is of what
    they fill.
    """
    low, high = np.percentile(gaussians.means, [1, 99], axis=0)
    reach = _REACH * _usual_size(gaussians)
    if (high - low).max() < 2 * reach:
        low, high = low - reach, high + reach
    extent = float(max((high - low).max(), 1e-6))
    return Frame((low + high) / 2, extent, float(low[1]), float(high[1]))


def sphere_of(gaussians: Gaussians) -> tuple[np.ndarray, float]:
    """Centre [3] and radius to stand cameras around, by the same rule as `frame_of`."""
    centre, radius = bounding_sphere(gaussians)
    return centre, max(radius, _REACH * _usual_size(gaussians))


def _usual_size(gaussians: Gaussians) -> float:
    """The median of the Gaussians' longest standard deviations."""
    return float(np.median(gaussians.scales.max(axis=1)))


def cameras_around(gaussians: Gaussians, count: int, pixels: int) -> list[Camera]:
    """About ``count`` square cameras on rings around the object, few from below and above."""
    cameras: list[Camera] = []
    sphere = sphere_of(gaussians)
    for share, elevation, turn in RINGS:
        n = max(1, round(share * count))
        ring = orbit(sphere, 2 * n, (pixels, pixels), FOV_DEG, elevation)
        cameras += ring[(1 if turn else 0) :: 2]
    return [crop_to_object(gaussians, camera, pixels) or camera for camera in cameras]


def visibility(gaussians: Gaussians, count: int = 10, pixels: int = 112) -> np.ndarray:
    """How many pixels each Gaussian fills, over ``count`` coarse views; 0 where hidden or next to it.  [N]"""
    total = np.zeros(len(gaussians), np.float32)
    for camera in cameras_around(gaussians, count, pixels):
        (view,) = build(gaussians, [camera], prune=2e-3)
        total += view.WT @ np.ones(len(view.alpha), np.float32)
    return np.where(total > _HIDDEN * count, total, 0.0)


def surface_view_of(gaussians: Gaussians, camera: Camera) -> SurfaceView:
    """Look at the object from one camera."""
    (view,) = build(gaussians, [camera])
    size = (camera.height, camera.width)
    alpha = view.alpha.reshape(size)
    original = view.image(view_colours(gaussians, camera))
    mask = alpha > _EDGE
    depth = view.depth()
    luminance = (original @ LUMA) / np.maximum(alpha, 1e-3)
    points, normals = _surface(depth, mask, camera)
    return SurfaceView(view, mask, points, normals, np.where(mask, luminance, 0), original)


def surface_views_of(
    gaussians: Gaussians, cameras: list[Camera], on_progress: Callable[[float], None]
) -> list[SurfaceView]:
    """Look at the object from all cameras; ``on_progress(share)`` may raise to stop."""
    surface_views = []
    for i, camera in enumerate(cameras):
        surface_views.append(surface_view_of(gaussians, camera))
        on_progress((i + 1) / len(cameras))
    return surface_views


def _surface(depth: np.ndarray, mask: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """World points and outward normals of the masked pixels; the depth is smoothed for the normals."""
    rays = _rays(camera)
    to_world = camera.viewmat[:3, :3]
    points = (rays * depth[..., None] - camera.viewmat[:3, 3]) @ to_world
    smooth = masked_blur(depth, mask, 2.5)
    local = rays * smooth[..., None]
    across, down = np.gradient(local, axis=1), np.gradient(local, axis=0)
    normals = np.cross(down, across)  # towards the camera, whose z points away from it
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12
    normals *= np.where((normals * local).sum(-1, keepdims=True) > 0, -1.0, 1.0)
    return points[mask].astype(np.float32), (normals[mask] @ to_world).astype(np.float32)


def _rays(camera: Camera) -> np.ndarray:
    """Camera-space points at z = 1 of every pixel's centre.  [H, W, 3]"""
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
    K = camera.K
    return np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], axis=-1)


def masked_blur(image: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur [H, W] that takes in masked pixels only."""
    weight = gaussian_filter(mask.astype(np.float32), sigma)
    return gaussian_filter(np.where(mask, image, 0).astype(np.float32), sigma) / np.maximum(weight, 1e-3)
