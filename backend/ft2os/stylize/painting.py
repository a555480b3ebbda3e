"""Painting a prepared object with a material: what every view should show, and the colours that show it.

In each pixel of each view stands the texture at the surface point, the object's own light and dark kept; one
linear solve then finds the colours that show those pictures together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ft2os.colour import LUMA
from ft2os.gaussians import Gaussians
from ft2os.materials import Material
from ft2os.stylize.controls import PATTERN_SCALE
from ft2os.stylize.luminance import DETAIL_LIMIT, detail, hold_highlights, relight
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.view_buffers import Frame, SurfaceView
from ft2os.tiles.solve import solve_colours, surface_weights

PRIOR_WEIGHT = 0.01
ITERATIONS = 28
_LEAST_SPREAD = 0.06  # of luminance: an even object's noise is no drawing
_SHAPE = 0.45  # of the object's own light and dark, in spreads, where only the Gaussians are known


@dataclass(frozen=True)
class Brush:
    """A material and how it is laid on.

    Parameters
    ----------
    material : Material
    seed : int
        Of the pattern.
    scale : float
        The pattern's size.
    luminance_keep : float, optional
        How much of the object's light and dark shows through, 0..1; the material's own if left out.
    """

    material: Material
    seed: int = 0
    scale: float = PATTERN_SCALE
    luminance_keep: float | None = None

    def texture(
        self,
        points: np.ndarray,  # [P, 3] in object units
        height: np.ndarray,  # [P] 0..1
        detail: np.ndarray,  # [P] about -0.5..0.5
        normals: np.ndarray | None = None,  # [P, 3]
    ) -> np.ndarray:  # [P, 3]
        """The bare material's colours."""
        colours = self.material.colour(
            points, height, detail, seed=self.seed, scale=self.scale, normals=normals
        )
        return np.asarray(colours, np.float32)


@dataclass(frozen=True)
class Painted:
    """What the material asks for: ``start`` [M, 3] at the Gaussians' centres, ``targets`` [H, W, 3] a view.

    The targets are premultiplied, over black.
    """

    start: np.ndarray
    targets: list[np.ndarray]


def paint(
    prepared: PreparedObject, brush: Brush, on_progress: Callable[[float], None] | None = None
) -> Painted:
    """Every view painted; ``on_progress(share)`` is called after each and may raise to stop."""
    tone = tone_of(prepared.surface_views)
    targets = []
    for i, s in enumerate(prepared.surface_views):
        targets.append(picture(s, prepared.frame, brush, tone))
        if on_progress:
            on_progress((i + 1) / len(prepared.surface_views))
    return Painted(centres(prepared.shown, prepared.frame, brush, *tone), targets)


def tone_of(surface_views: list[SurfaceView]) -> tuple[float, float]:
    """Median and spread of the object's luminance, over all views."""
    seen = np.concatenate([s.luminance[s.mask] for s in surface_views])
    return (float(np.median(seen)), float(seen.std())) if len(seen) else (0.5, 0.1)


def picture(s: SurfaceView, frame: Frame, brush: Brush, tone: tuple[float, float]) -> np.ndarray:  # [H, W, 3]
    """One view painted; ``tone`` is `tone_of` all views, so that each is measured by the same rule."""
    keep = brush.material.luminance_keep if brush.luminance_keep is None else brush.luminance_keep
    points, height = frame.normalised(s.points)
    colours = brush.texture(points, height, detail(s.luminance, s.mask, *tone), s.normals)
    target = np.zeros_like(s.original)
    target[s.mask] = relight(colours, s.luminance, s.mask, keep)
    return target * s.view.alpha.reshape(*s.mask.shape, 1)


def centres(
    gaussians: Gaussians, frame: Frame, brush: Brush, median: float | None = None, spread: float | None = None
) -> np.ndarray:
    """The material at the Gaussians' centres, which needs no view.  [M, 3]

    Parameters
    ----------
    median, spread : float, optional
        Of the object's luminance; that of the Gaussians if left out.
    """
    luminance = np.clip(gaussians.base_colours, 0, 1) @ LUMA
    median = float(np.median(luminance)) if median is None else median
    spread = float(luminance.std()) if spread is None else spread
    points, height = frame.normalised(gaussians.means)
    shape = _SHAPE * (_smoothed(gaussians.means, luminance) - median) / max(spread, _LEAST_SPREAD)
    limit = DETAIL_LIMIT
    return hold_highlights(brush.texture(points, height, np.clip(shape, -limit, limit).astype(np.float32)))


def solve(
    prepared: PreparedObject,
    painted: Painted,
    *,
    prior_weight: float = PRIOR_WEIGHT,
    iterations: int = ITERATIONS,
) -> np.ndarray:  # [M, 3]
    """The colours that show the painted views best, see `solve_colours`."""
    views = [s.view for s in prepared.surface_views]
    weights = [surface_weights(v) for v in views]
    return solve_colours(
        views,
        painted.targets,
        painted.start,
        prior_weight=prior_weight,
        iterations=iterations,
        weights=weights,
    )


def exemplar(brush: Brush, size: int = 192) -> np.ndarray:
    """The bare material on a plane through the object's middle.  [size, size, 3]"""
    y, x = (np.mgrid[0:size, 0:size].reshape(2, -1) + 0.5) / size - 0.5
    points = np.stack([x, y, np.full_like(x, 0.137)], axis=1).astype(np.float32)
    flat = np.zeros(len(points), np.float32)
    return brush.texture(points, (0.5 - y).astype(np.float32), flat).reshape(size, size, 3)


def _smoothed(means: np.ndarray, values: np.ndarray, neighbours: int = 8) -> np.ndarray:
    """Mean of each point's nearest neighbours.  [N, 3], [N] -> [N]"""
    _, near = cKDTree(means).query(means, k=min(neighbours, len(means)))
    return values[near].reshape(len(means), -1).mean(axis=1)
