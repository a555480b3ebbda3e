"""Noise that is fixed to the object's surface: the same place starts from the same number in every view.

The world is cut into cells of about one latent pixel. Of the pixels of a view that see a cell, the one
nearest to its middle takes the cell's number, all others keep their own: so the noise of one view stays
independent from pixel to pixel, as the model expects it. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # of SplitMix64's mixing
_STEP = np.uint64(0x9E3779B97F4A7C15)
_LEAST_CELL = 1e-9


def latent_points(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:  # [h, w, 3]
    """World points [H, W, 3] at the middle of each latent pixel; NaN where none is seen."""
    rows = ((np.arange(size[0]) + 0.5) * points.shape[0] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * points.shape[1] / size[1]).astype(int)
    return points[np.ix_(rows, columns)]


def cell_size(points: Sequence[np.ndarray]) -> float:
    """About the distance of neighbouring latent pixels on the surface, over all views [h, w, 3].

    A power of two, so that one view more or less rarely changes it.
    """
    steps = [np.linalg.norm(np.diff(view, axis=1), axis=2).ravel() for view in points]
    found = np.concatenate(steps) if steps else np.zeros(0)
    found = found[np.isfinite(found) & (found > 0)]
    middle = float(np.median(found)) if len(found) else 1.0
    return 2.0 ** round(np.log2(max(middle, _LEAST_CELL)))


def on_surface(
    own: np.ndarray,  # [C, h, w]
    points: np.ndarray,  # [h, w, 3]
    cell: float,
    seed: int,
) -> np.ndarray:  # [C, h, w] float32
    """A view's own noise with the numbers of the surface's cells where it sees them, N(0, 1)."""
    noise = np.array(own, np.float32)
    seen = np.flatnonzero(np.isfinite(points).all(axis=2))
    scaled = points.reshape(-1, 3)[seen] / cell
    cells = np.floor(scaled).astype(np.int64)
    off_middle = np.square(scaled - cells - 0.5).sum(axis=1)
    order = np.lexsort((off_middle, *cells.T))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(cells[order], axis=0) != 0).any(axis=1)
    taking = order[first]
    noise.reshape(len(noise), -1)[:, seen[taking]] = cell_numbers(cells[taking], seed, len(noise)).T
    return noise


def cell_numbers(cells: np.ndarray, seed: int, channels: int) -> np.ndarray:  # [P, C] float64
    """N(0, 1) numbers that depend on the cells [P, 3] and the seed only (hashed, then Box-Muller)."""
    with np.errstate(over="ignore"):
        key = _mixed(np.full(len(cells), seed, np.uint64))
        for axis in range(3):
            key = _mixed(key ^ cells[:, axis].astype(np.uint64))
        draws = [_mixed(key + _STEP * np.uint64(i + 1)) for i in range(2 * channels)]
    uniform = (np.stack(draws, axis=1) >> np.uint64(11)).astype(np.float64) / 2.0**53
    radius = np.sqrt(-2 * np.log(1 - uniform[:, :channels]))
    return radius * np.cos(2 * np.pi * uniform[:, channels:])


def _mixed(x: np.ndarray) -> np.ndarray:  # uint64
    """SplitMix64 (Steele et al. 2014): one bit of ``x`` changes half of the result's."""
    x = x + _STEP
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))
