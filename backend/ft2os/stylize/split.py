"""Splitting: more, smaller Gaussians that draw the same picture, so that they can carry a texture.

A Gaussian is halved along its longest axis until none is larger than the texture needs. Two children cannot
draw exactly what their parent drew, but nearly: their place and opacity are fitted, once for each parent
opacity, to the footprint that compositing them gives.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import least_squares

from ft2os.gaussians import Gaussians
from ft2os.transforms import rotation_matrices

MAX_ROUNDS = 12
WIDTH = 0.72  # of a child, over its parent's: wider would be closer to neutral but take many more rounds
_LEVELS = np.concatenate([np.linspace(0.02, 0.9, 12), [0.95, 0.98, 0.99, 0.999]])


def split(gaussians: Gaussians, largest: float, limit: int) -> tuple[Gaussians, np.ndarray]:
    """Halve what is longer than ``largest`` until nothing is or ``limit`` is reached.

    Parameters
    ----------
    gaussians : Gaussians
    largest : float
        Standard deviation that the longest axis may have, world units.
    limit : int
        Most Gaussians to end with; the largest and most visible are split first.

    Returns
    -------
    Gaussians
        The finer set; ``source`` and ``row`` are dropped, as these are ours.
    ndarray, int32, [M]
        Row in ``gaussians`` that each of them comes from.
    """
    g = gaussians.replace(source=None, row=None, identity=None)
    parent = np.arange(len(g), dtype=np.int32)
    for _ in range(MAX_ROUNDS):
        longest = g.scales.max(axis=1)
        chosen, room = longest > largest, limit - len(g)
        if room <= 0 or not chosen.any():
            break
        if chosen.sum() > room:
            rank = longest * np.sqrt(g.opacities) * chosen
            chosen = np.zeros(len(g), bool)
            chosen[np.argpartition(-rank, room - 1)[:room]] = True
        g, parent = _halve(g, parent, chosen)
    return g, parent


def _halve(g: Gaussians, parent: np.ndarray, chosen: np.ndarray) -> tuple[Gaussians, np.ndarray]:
    whole, rest = g.subset(chosen), g.subset(~chosen)
    offset, opacity = split_profile(whole.opacities)
    rows, axis = np.arange(len(whole)), whole.scales.argmax(axis=1)
    reach = whole.scales[rows, axis] * offset
    along = rotation_matrices(whole.quats)[rows, :, axis] * reach[:, None]
    scales = whole.scales.copy()
    scales[rows, axis] *= WIDTH
    children = [
        whole.replace(means=(whole.means + sign * along).astype(np.float32), scales=scales, opacities=opacity)
        for sign in (-1.0, 1.0)
    ]
    parts = [rest, *children]
    joined = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in ("means", "quats", "scales", "opacities", "sh")
    }
    group = None if g.group is None else np.concatenate([p.group for p in parts])
    return Gaussians(**joined, group=group), np.concatenate([parent[~chosen], *[parent[chosen]] * 2])


def split_profile(opacities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the two children of parents with these opacities sit, and how opaque they are.

    Returns
    -------
    offset : ndarray, float32, [N]
        In the parent's standard deviations along the split axis.
    opacity : ndarray, float32, [N]
    """
    clipped = np.clip(opacities, _LEVELS[0], _LEVELS[-1])
    offset, opacity = (np.interp(clipped, _LEVELS, column) for column in _table())
    # Below the table's first level compositing is additive: opacity scales with the parent's.
    opacity = opacity * np.minimum(opacities / clipped, 1.0)
    return offset.astype(np.float32), opacity.astype(np.float32)


@lru_cache(maxsize=1)
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Offset and opacity of the children for each of `_LEVELS`: least squares on the composited footprint.

    The footprint is fitted in both directions: off the axis a parent is fainter than at its centre, and two
    children that match an opaque centre would be too dense there.
    """
    x, y = np.linspace(0.0, 3.5, 71)[:, None], np.linspace(0.0, 3.0, 25)[None]
    across = np.exp(-0.5 * y * y)
    fitted, guess = [], np.array([0.55, 0.65])
    for level in _LEVELS:
        parent = np.exp(-0.5 * x * x) * across

        def error(p: np.ndarray, parent: np.ndarray = parent, level: float = level) -> np.ndarray:
            offset, share = p
            near = share * np.exp(-0.5 * ((x - offset) / WIDTH) ** 2) * across
            far = share * np.exp(-0.5 * ((x + offset) / WIDTH) ** 2) * across
            return (near + far - level * near * far - parent).ravel()

        guess = least_squares(error, guess, bounds=([0.2, 0.3], [1.2, 0.999 / level])).x
        fitted.append((guess[0], guess[1] * level))
    offset, opacity = np.array(fitted).T
    return offset, opacity
