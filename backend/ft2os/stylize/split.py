"""Splitting: more, smaller Gaussians that draw nearly the same picture, so that they can carry a texture.

A wide Gaussian is a row of narrow ones whose weights follow another Gaussian: N(σ²) = N(τ²) * N(σ² − τ²),
sampled every `SPACING` τ. That is neutral for faint Gaussians, whose opacities add up. Opaque ones composite
instead, so each child's opacity is looked up: what it must be for a row of equals to show the wanted opacity.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import minimize_scalar

from ft2os.gaussians import Gaussians
from ft2os.transforms import rotation_matrices

SPACING = 1.6  # between children, in their standard deviations: wider shows ripples, closer costs more
COVER = 1.85  # standard deviations of the weights that children cover on each side
WORTHWHILE = 1.3  # times τ: what is hardly larger stays whole
_FAINTEST = 0.01  # a child below this adds next to nothing and costs as much as any
_LEVELS = np.concatenate([np.linspace(0.0, 0.9, 19), [0.93, 0.96, 0.98, 0.99, 0.999]])


def split(
    gaussians: Gaussians, largest: float, limit: int, worth: np.ndarray | None = None
) -> tuple[Gaussians, np.ndarray]:
    """Split until no axis is much longer than ``largest``, or than what ``limit`` allows.

    Parameters
    ----------
    gaussians : Gaussians
    largest : float
        Standard deviation τ that the longest axis should have, world units.
    limit : int
        Most Gaussians to end with; τ grows until it holds. Never fewer than there are.
    worth : ndarray, [N], optional
        How visible each is, in any unit; 0 leaves it whole, as hidden ones need no texture.

    Returns
    -------
    Gaussians
        The finer set; ``source`` and ``row`` are dropped, as these are ours.
    ndarray, int32, [M]
        Row in ``gaussians`` that each of them comes from.
    """
    g = gaussians.replace(source=None, row=None, identity=None)
    parent = np.arange(len(g), dtype=np.int32)
    chosen = np.ones(len(g), bool) if worth is None else np.asarray(worth) > 0
    if not chosen.any():
        return g, parent
    tau = _fitting(g.scales[chosen], largest, limit - int((~chosen).sum()))
    for axis in range(3):
        g, parent = _split_axis(g, parent, chosen[parent], axis, tau)
    return g, parent


def _fitting(scales: np.ndarray, largest: float, limit: int) -> float:
    """The smallest τ ≥ ``largest`` whose children are no more than ``limit``."""

    def count(tau: float) -> int:
        return int(np.prod(2 * _reach(scales, tau) + 1, axis=1).sum())

    low, high = largest, max(largest, float(scales.max()))
    if count(low) <= limit:
        return low
    for _ in range(24):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if count(middle) <= limit else (middle, high)
    return high


def _reach(sigma: np.ndarray, tau: float) -> np.ndarray:
    """Children on each side of the middle one; 0 where the axis stays whole."""
    spread = np.sqrt(np.maximum((sigma / tau) ** 2 - 1, 0))
    return np.where(sigma > WORTHWHILE * tau, np.ceil(COVER * spread / SPACING - 0.5), 0).astype(np.int64)


def _split_axis(
    g: Gaussians, parent: np.ndarray, chosen: np.ndarray, axis: int, tau: float
) -> tuple[Gaussians, np.ndarray]:
    sigma = g.scales[:, axis].astype(np.float64)
    side = np.where(chosen, _reach(sigma, tau), 0)
    rows = np.repeat(np.arange(len(g)), 2 * side + 1)
    first = np.cumsum(2 * side + 1) - (2 * side + 1)
    offset = np.arange(len(rows)) - first[rows] - side[rows]
    apart = side[rows] > 0
    child, whole = g.subset(rows), sigma[rows]
    spread = np.sqrt(np.maximum(whole**2 - tau**2, 1e-30))
    place = np.where(apart, offset * SPACING * tau, 0.0)
    # The weights' own Gaussian is narrower and higher than the parent by σ / spread.
    level = child.opacities * whole / spread * np.exp(-0.5 * (place / spread) ** 2)
    opacities = np.where(apart, child_opacity(level), child.opacities)
    scales = child.scales.copy()
    scales[apart, axis] = tau
    direction = rotation_matrices(g.quats)[rows, :, axis]
    child = child.replace(
        means=(child.means + place[:, None] * direction).astype(np.float32),
        scales=scales,
        opacities=opacities.astype(np.float32),
    )
    shown = ~apart | (opacities >= _FAINTEST)
    return child.subset(shown), parent[rows][shown]


def child_opacity(level: np.ndarray) -> np.ndarray:
    """Opacity of each of a row of equal children that together show ``level``.  [M] -> [M]"""
    return np.interp(level, _LEVELS, _table())


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """For each of `_LEVELS`, by least squares along the row and across it.

    Off the row's axis everything is fainter: children that match an opaque middle would be too dense there,
    so the fit weighs the whole footprint.
    """
    phase = np.linspace(0, SPACING / 2, 9)[:, None, None]
    across = np.exp(-0.5 * np.linspace(0, 2.5, 21) ** 2)
    row = np.exp(-0.5 * (phase + SPACING * np.arange(-4, 5)[:, None]) ** 2) * across

    def error(opacity: float, level: float) -> float:
        return float(((1 - np.prod(1 - opacity * row, axis=1) - level * across) ** 2).sum())

    fitted = [minimize_scalar(error, (0, 0.999), (0, 0.999), args=(v,), method="bounded").x for v in _LEVELS]
    return np.maximum.accumulate(np.array([0.0, *fitted[1:]]))
