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
_LAYERED = 0.3  # a thick Gaussian fainter than this stays whole: its many layers would show nothing each
_LEVELS = np.concatenate([np.linspace(0.0, 0.9, 19), [0.93, 0.96, 0.98, 0.99, 0.999]])


def split(
    gaussians: Gaussians, max_scale: float, limit: int, worth: np.ndarray | None = None
) -> tuple[Gaussians, np.ndarray]:
    """Split until no axis is much longer than ``max_scale``, or than what ``limit`` allows.

    Parameters
    ----------
    gaussians : Gaussians
    max_scale : float
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
    divided = np.ones(len(g), bool) if worth is None else np.asarray(worth) > 0
    if not divided.any():
        return g, parent
    tau = _fitting(g.scales[divided], max_scale, limit - int((~divided).sum()))
    shortest = np.argmin(g.scales, axis=1)
    divided &= (g.scales.min(axis=1) <= WORTHWHILE * tau) | (g.opacities >= _LAYERED)
    for last in (False, True):  # the shortest axis after the two that span the Gaussian's face
        for axis in range(3):
            which = divided[parent] & ((shortest[parent] == axis) == last)
            g, parent = _split_axis(g, parent, which, axis, tau, last)
    return g, parent


def max_gaussians(count: int, limit: int) -> int:
    """How many Gaussians a prepared object may make of ``count``."""
    return max(limit, min(2 * count, count + 60_000))


def _fitting(scales: np.ndarray, max_scale: float, limit: int) -> float:
    """The smallest τ ≥ ``max_scale`` whose children are no more than ``limit``."""

    def count(tau: float) -> float:
        return float(np.prod(2 * _reach(scales, tau) + 1, axis=1).sum())

    low, high = max_scale, max(max_scale, float(scales.max()))
    if count(low) <= limit:
        return low
    for _ in range(24):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if count(middle) <= limit else (middle, high)
    return high


def _reach(sigma: np.ndarray, tau: float) -> np.ndarray:
    """Children on each side of the middle one; 0 where the axis stays whole.  float64

    Floats, since an int64 would overflow where a Gaussian is a million times larger than τ.
    """
    spread = np.sqrt(np.maximum((sigma.astype(np.float64) / tau) ** 2 - 1, 0))
    return np.where(sigma > WORTHWHILE * tau, np.ceil(COVER * spread / SPACING - 0.5), 0)


def _split_axis(
    g: Gaussians, parent: np.ndarray, divided: np.ndarray, axis: int, tau: float, stacked: bool
) -> tuple[Gaussians, np.ndarray]:
    """Split along one axis: into tiles side by side, or into layers that are seen through each other."""
    sigma = g.scales[:, axis].astype(np.float64)
    side = np.where(divided, _reach(sigma, tau), 0).astype(np.int64)
    rows = np.repeat(np.arange(len(g)), 2 * side + 1)
    first = np.cumsum(2 * side + 1) - (2 * side + 1)
    offset = np.arange(len(rows)) - first[rows] - side[rows]
    apart = side[rows] > 0
    child, whole = g.subset(rows), sigma[rows]
    spread = np.sqrt(np.maximum(whole**2 - tau**2, 1e-30))
    place = np.where(apart, offset * SPACING * tau, 0.0)
    # The weights' own Gaussian is narrower and higher than the parent by σ / spread.
    weight = np.exp(-0.5 * (place / spread) ** 2)
    if stacked:
        depth = -np.log1p(-_see_through(child.opacities))
        weight *= weight * depth >= _FAINTEST * np.bincount(rows, weight, len(g))[rows]
        opacities = -np.expm1(-depth * weight / np.maximum(np.bincount(rows, weight, len(g))[rows], 1e-12))
    else:
        opacities = child_opacity(child.opacities * whole / spread * weight)
    opacities = np.where(apart, opacities, child.opacities)
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


def _see_through(opacities: np.ndarray) -> np.ndarray:
    """Opacity that many layers in one place share by optical depth so that together they show another.

    Layers of the wanted optical depth would fatten a footprint's flanks, so the footprint's integral is kept:
    the optical depth k for which the mean of (1 - exp(-k·t)) / t over t in 0..1 is the wanted opacity.
    """
    depth = np.linspace(0, 12, 241)
    t = (np.arange(400) + 0.5) / 400
    shown = ((1 - np.exp(-depth[:, None] * t)) / t).mean(axis=1)
    return 1 - np.exp(-np.interp(opacities, shown, depth))


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
