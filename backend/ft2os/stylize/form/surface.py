"""The surface that a form grows on or moves: what shows of an object from outside, and which way is out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ft2os.gaussians import Gaussians
from ft2os.stylize.view_buffers import SurfaceView

_SEEN = 0.15  # pixels a view on average, below which a Gaussian is not of the outside
_SOLID = 0.25  # opacity below which nothing grows on it
_GAP = 0.01  # extents between points
_FAR = 0.08  # extents from the nearest centre, beyond which a pixel's depth is not believed
_FRONT, _FULL = 0.5, 0.97  # cosine to the viewer and alpha of pixels that count
_SMOOTH = 16  # neighbours that share a normal
_DRAWN = 100  # neighbours among which a drawing shows
_EVEN, _BUSY = 0.15, 0.32  # their colours' standard deviation where nothing is drawn, and where much is


@dataclass(frozen=True)
class Surface:
    """Points of an object's outside, S of them, about evenly spread.

    Parameters
    ----------
    rows : ndarray, int64, [S]
        Of the Gaussian that each point belongs to; a wide one has many.
    points, normals : ndarray, [S, 3]
        World; the normals are outward, smoothed and of unit length.
    colours : ndarray, [S, 3]
        Display-referred, as seen: the mean of the pixels that each fills.
    detail : ndarray, [S]
        How much is drawn there, from 0 where the colour is even to 1 at eyes and mouths, which a form spares.
    tree : cKDTree
        Of the points.
    """

    rows: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    detail: np.ndarray
    tree: cKDTree

    def moved(self, points: np.ndarray) -> Surface:
        """The same Gaussians elsewhere, with the normals they had.  [S, 3]"""
        return replace(self, points=points, tree=cKDTree(points))

    def at(self, points: np.ndarray, neighbours: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest place, its normal and its distance, of points [P, 3].  [P, 3], [P, 3], [P]"""
        distance, near = self.tree.query(points, k=min(neighbours, len(self.points)))
        near, distance = near.reshape(len(points), -1), distance.reshape(len(points), -1)
        return self.points[near].mean(axis=1), unit(self.normals[near].sum(axis=1)), distance[:, 0]


def surface_of(gaussians: Gaussians, surface_views: list[SurfaceView], extent: float) -> Surface:
    """The outside of what was surveyed: centres of visible Gaussians, pixels where those lie far apart."""
    rows, normals, colours = _centres(gaussians, surface_views)
    points = gaussians.means[rows].astype(np.float64)
    more = np.concatenate([_pixels(s) for s in surface_views])
    _, first = np.unique(np.floor(more[:, :3] / (_GAP * extent)).astype(np.int64), axis=0, return_index=True)
    more = more[first]
    away, near = cKDTree(points).query(more[:, :3])
    lone = (away > _GAP * extent) & (away < _FAR * extent)
    rows = np.concatenate([rows, rows[near[lone]]])
    points, normals, colours = (
        np.concatenate([own, more[lone, k : k + 3]]) for own, k in ((points, 0), (normals, 3), (colours, 6))
    )
    tree = cKDTree(points)
    _, near = tree.query(points, k=min(_DRAWN, len(points)))
    near = near.reshape(len(rows), -1)
    smooth = unit(unit(normals)[near[:, :_SMOOTH]].sum(axis=1))
    busy = np.linalg.norm(colours[near].std(axis=1), axis=1)[near].mean(axis=1)
    # Where much is drawn everywhere, no more than the busier half is spared.
    even = max(_EVEN, float(np.median(busy)))
    detail = np.clip((busy - even) / max(_BUSY - even, 0.05), 0, 1)
    return Surface(rows, points, smooth, colours, detail, tree)


def _centres(
    gaussians: Gaussians, surface_views: list[SurfaceView]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [S] of the Gaussians on the outside, normals [S, 3] and colours [S, 3] of the pixels they fill."""
    normals, colours = np.zeros((len(gaussians), 3)), np.zeros((len(gaussians), 3))
    filled = np.zeros(len(gaussians))
    for s in surface_views:
        image = np.zeros((s.mask.size, 3), np.float32)
        image[s.mask.ravel()] = s.normals
        normals += s.view.WT @ image
        image[s.mask.ravel()] = _seen(s)
        colours += s.view.WT @ image
        filled += s.view.WT @ s.mask.ravel().astype(np.float32)
    outside = (filled > _SEEN * len(surface_views)) & (gaussians.opacities > _SOLID)
    if outside.sum() < 4:
        outside = filled >= np.sort(filled)[-min(4, len(filled))]
    rows = np.flatnonzero(outside)
    return rows, normals[rows], np.clip(colours[rows] / np.maximum(filled[rows], 1e-6)[:, None], 0, 1)


def _pixels(s: SurfaceView) -> np.ndarray:  # [P, 9]
    """Points, normals and colours of the pixels that are surely of one surface, seen from its front."""
    eye = -s.view.camera.viewmat[:3, :3].T @ s.view.camera.viewmat[:3, 3]
    front = -(unit(s.points - eye) * s.normals).sum(axis=1) > _FRONT
    kept = front & (s.view.alpha[s.mask.ravel()] > _FULL)
    return np.concatenate([s.points, s.normals, _seen(s)], axis=1)[kept].astype(np.float64)


def _seen(s: SurfaceView) -> np.ndarray:  # [P', 3]
    """Colours of the masked pixels, un-premultiplied."""
    return s.original[s.mask] / np.maximum(s.view.alpha[s.mask.ravel()], 1e-3)[:, None]


def spread(surface: Surface, apart: float, rng: np.random.Generator, allowed: np.ndarray) -> np.ndarray:
    """Rows of the surface, none nearer than ``apart`` to another, as dense as can be.  [K] of ``allowed`` [S]

    Dart throwing over all points in a random order.
    """
    order = rng.permutation(np.flatnonzero(allowed))
    near = surface.tree.query_ball_point(surface.points[order], apart)
    free, chosen = np.ones(len(surface.points), bool), []
    for row, others in zip(order, near):
        if free[row]:
            chosen.append(row)
            free[others] = False
    return np.array(chosen, np.int64)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] of length 1; those of no length stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
