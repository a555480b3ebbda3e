"""What the fit sees of an object: its linear views, what of it each shows, and how squarely.

Rendering is linear in colour, so a fit of edited views needs no rasterizer: ``view.image(colours)`` is the
picture, exactly. What an editor is shown, the object over grey, comes from the same matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.view_buffers import SurfaceView
from ft2os.tiles.linear import LinearView
from ft2os.tiles.solve import surface_weights

GREY = np.float32(0.5)
"""What stands behind the object in every picture that an editor sees."""
_LEAST_ALPHA = 1e-2  # below it a pixel has no colour of its own


@dataclass(frozen=True)
class EditViews:
    """V views of M Gaussians, pictures of [H, W].

    Parameters
    ----------
    linear : list of LinearView
    alpha : list of ndarray, float32, [H, W]
    mask : list of ndarray, bool, [H, W]
        Where the object is.
    facing : list of ndarray, float32, [H, W]
        Cosine between the surface's normal and the ray, 0 where the object is not.
    originals : list of ndarray, float32, [H, W, 3]
        The object as it is, over grey.
    means : ndarray, [M, 3]
    """

    linear: list[LinearView]
    alpha: list[np.ndarray]
    mask: list[np.ndarray]
    facing: list[np.ndarray]
    originals: list[np.ndarray]
    means: np.ndarray

    @classmethod
    def of(cls, prepared: PreparedObject) -> EditViews:
        """The surface views of an object."""
        return cls.seen(prepared.surface_views, prepared.shown.means)

    @classmethod
    def seen(cls, surface_views: Sequence[SurfaceView], means: np.ndarray) -> EditViews:
        """These views of Gaussians at ``means`` [M, 3]."""
        alpha = [s.view.alpha.reshape(s.mask.shape) for s in surface_views]
        return cls(
            [s.view for s in surface_views],
            alpha,
            [s.mask for s in surface_views],
            [_facing(s) for s in surface_views],
            [_over_grey(s.original, a) for s, a in zip(surface_views, alpha)],
            means,
        )

    def __len__(self) -> int:
        return len(self.linear)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every picture."""
        return self.alpha[0].shape

    def pick(self, rows: Sequence[int]) -> EditViews:
        """Some of the views, in this order."""
        return EditViews(
            [self.linear[i] for i in rows],
            [self.alpha[i] for i in rows],
            [self.mask[i] for i in rows],
            [self.facing[i] for i in rows],
            [self.originals[i] for i in rows],
            self.means,
        )

    def on_grey(self, row: int, colours: np.ndarray) -> np.ndarray:
        """A view in these colours [M, 3] over grey: what an editor sees.  float32 [H, W, 3]"""
        return _over_grey(self.linear[row].image(colours), self.alpha[row])

    def surface(self, row: int, colours: np.ndarray) -> np.ndarray:
        """A view in these colours [M, 3] without what is behind it, un-premultiplied.  float32 [H, W, 3]"""
        return self.linear[row].image(colours) / np.maximum(self.alpha[row], _LEAST_ALPHA)[..., None]

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """How much each pixel says: all where the object is solid, nothing beside it.  [H, W] a view"""
        return [surface_weights(view) for view in self.linear]


def _facing(s: SurfaceView) -> np.ndarray:
    rays = s.points - s.view.camera.position.astype(np.float32)
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    facing = np.zeros(s.mask.shape, np.float32)
    facing[s.mask] = np.clip(-(rays * s.normals).sum(axis=1), 0, 1)
    return facing


def _over_grey(premultiplied: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return (premultiplied + GREY * (1 - alpha[..., None])).astype(np.float32)


def masked_blur(image: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Blur of a picture [H, W, 3] that takes in masked pixels only."""
    weight = gaussian_filter(mask.astype(np.float32), sigma)[..., None]
    return gaussian_filter(image * mask[..., None], (sigma, sigma, 0)) / np.maximum(weight, 1e-3)
