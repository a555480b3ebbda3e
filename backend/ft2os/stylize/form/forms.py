"""The forms: spikes and fur that grow, a body that melts and runs, a body that is blown up.

Lengths are in extents of the object. Each form gives what the object's own Gaussians become and what grows
beside them; the same seed gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from ft2os.gaussians import Gaussians
from ft2os.stylize.form import field as fields
from ft2os.stylize.form.strands import Strands, hairs, tubes
from ft2os.stylize.form.surface import Surface, spread, unit
from ft2os.stylize.view_buffers import Frame

DOWN = np.array([0.0, 1.0, 0.0])
_HAIRS = 13_000  # at most; they come in random order
REACH = 0.3
"""No Gaussian ends farther than this from where it began, or from its root."""


@dataclass(frozen=True)
class Body:
    """What a form is given.

    Parameters
    ----------
    gaussians : Gaussians
    surface : Surface
    frame : Frame
    amount : float
        1 the usual.
    rng : numpy.random.Generator
    """

    gaussians: Gaussians
    surface: Surface
    frame: Frame
    amount: float
    rng: np.random.Generator

    @property
    def extent(self) -> float:
        return self.frame.extent


@dataclass(frozen=True)
class Formed:
    """What a form makes: the body's own arrays that change, what grows, and shades [M] of the body."""

    moved: dict[str, np.ndarray] = field(default_factory=dict)
    grown: Strands | None = None
    shade: np.ndarray | None = None


def spikes(body: Body) -> Formed:
    """Cones all over, of uneven height, standing on flared feet."""
    surface, rng, extent = body.surface, body.rng, body.extent
    at = spread(surface, 0.056 * extent, rng, surface.detail < 0.85)
    count = len(at)
    spared = 1 - 0.6 * surface.detail[at, None]
    height = 0.108 * body.amount * extent * rng.uniform(0.6, 1.25, (count, 1)) * spared
    wide = 0.018 * extent * rng.uniform(0.8, 1.2, (count, 1)) * min(body.amount, 1.0) ** 0.3 * spared**0.5
    t = np.linspace(0.0, 1.0, 9)
    way = unit(surface.normals[at] + rng.normal(scale=0.13, size=(count, 3)))
    start = surface.points[at] - 0.006 * extent * surface.normals[at]
    paths = start[:, None] + (t * height)[..., None] * way[:, None]
    radii = wide * (0.97 * (1 - t) ** 0.9 + 0.55 * np.exp(-t / 0.09) + 0.03)
    return Formed(grown=tubes(paths, radii, at, around=6, deep=0.5))


def fur(body: Body) -> Formed:
    """Hair that lies down the body in locks, dark at its roots."""
    surface, rng, extent = body.surface, body.rng, body.extent
    at = spread(surface, 0.0085 * extent, rng, np.ones(len(surface.points), bool))[:_HAIRS]
    count = len(at)
    normals, points = surface.normals[at], surface.points[at]
    # Locks: what grows near one lock's middle leans towards its tip.
    locks = spread(surface, 0.045 * extent, rng, np.ones(len(surface.points), bool))
    _, lock = cKDTree(surface.points[locks]).query(points)
    sway = rng.normal(scale=0.35, size=(len(locks), 3))[lock]
    fall = 0.85 * DOWN + sway
    fall -= (fall * normals).sum(axis=1, keepdims=True) * normals
    long = 0.066 * body.amount * extent
    tips = surface.points[locks][lock] + long * unit(0.75 * normals + fall)
    length = long * rng.uniform(0.65, 1.15, (count, 1)) * (1 - 0.75 * surface.detail[at, None])
    way = unit(0.8 * normals + fall + 0.6 * unit(tips - points) + rng.normal(scale=0.16, size=(count, 3)))
    t = np.linspace(0.08, 1.0, 5)
    lift = unit(normals + 0.35 * way)[:, None] * (t * (1 - t))[:, None] * 0.6
    paths = points[:, None] + length[..., None] * (t[:, None] * way[:, None] + lift)
    width = 0.0026 * extent * np.array([1.0, 1.0, 0.9, 0.7, 0.45]) * rng.uniform(0.8, 1.25, (count, 1))
    tone = rng.normal(scale=0.09, size=(count, 1)) + rng.normal(scale=0.08, size=(len(locks), 1))[lock]
    shade = (0.5 + 0.62 * t) * np.clip(1 + tone, 0.7, 1.3)
    under = np.ones(len(body.gaussians))
    under[surface.rows] = 0.6
    return Formed(grown=hairs(paths, width, at, shade), shade=under)


def inflated(body: Body) -> Formed:
    """Blown up like a balloon: outward by the same everywhere, so that what is thin grows most."""
    surface, extent = body.surface, body.extent
    round_ = unit(fields.smoothed(surface.points, surface.normals, 0.05 * extent, body.rng))
    # What lies deep between two swelling sides has no way out: its normals cancel each other.
    even = fields.smoothed(surface.points, surface.points, 0.035 * extent, body.rng)
    relaxed = even - surface.points
    by = 0.085 * body.amount * extent * round_ + 0.8 * min(body.amount, 1.0) * relaxed
    by = fields.smoothed(surface.points, by, 0.012 * extent, body.rng)
    return Formed(
        fields.move(body.gaussians, _within(fields.carried(surface.points, by, body.gaussians.means), body))
    )


def melting(body: Body) -> Formed:
    """Sunken, spread at the foot, and run over by drops that hang where the surface ends."""
    extent, frame = body.extent, body.frame
    by = _within(_sunken(body.gaussians.means.astype(np.float64), body), body)
    moved = fields.move(body.gaussians, by)
    surface = body.surface.moved(body.surface.points + by[body.surface.rows])
    rng, normals = body.rng, surface.normals
    high = surface.points[:, 1] < frame.bottom - 0.18 * (frame.bottom - frame.top)
    clear = high & (normals[:, 1] < 0.45) & (surface.detail < 0.7)
    at = spread(surface, 0.068 * extent, rng, clear)
    length = extent * body.amount * np.clip(rng.gamma(2.2, 0.05, len(at)), 0.04, 0.26)
    paths = _run_down(surface, at, length, body)
    length = np.linalg.norm(np.diff(paths, axis=1), axis=-1).sum(axis=1)
    paths, at, length = (array[length > 0.035 * extent] for array in (paths, at, length))
    t = _dense_at_the_tip(paths.shape[1])
    wide = 0.0125 * extent * rng.uniform(0.75, 1.3, (len(at), 1)) * np.sqrt(length / (0.14 * extent))[:, None]
    wide = np.clip(wide, 0.006 * extent, 0.018 * extent)
    # The drop is as round as it is wide, however long its trail.
    back = (1 - t) * length[:, None] / wide
    drop = np.sqrt(np.clip(1 - (back / 1.3 - 1) ** 2, 0, 1)) * (back < 2.6)
    trail = (0.3 + 0.4 * np.sqrt(t)) * np.clip(back / 1.3, 0, 1)
    radii = wide * np.maximum(drop, trail) + 2e-4 * extent
    return Formed(moved, tubes(paths, radii, at, around=7, deep=0.9, light=0.18))


def _sunken(points: np.ndarray, body: Body) -> np.ndarray:
    """How far a melting body's points [P, 3] move."""
    frame, amount = body.frame, body.amount
    tall = max(frame.bottom - frame.top, 1e-9)
    height = np.clip((frame.bottom - points[:, 1]) / tall, 0, 1.2)
    sides = points - frame.centre
    sides[:, 1] = 0
    by = 0.30 * amount * (np.maximum(1 - height, 0) ** 3)[:, None] * sides
    angle = np.arctan2(sides[:, 2], sides[:, 0])
    phase = body.rng.uniform(0, 2 * np.pi, 3)
    # No ridges that meet in a peak on the axis.
    outer = (sides**2).sum(axis=1) / ((sides**2).sum(axis=1) + (0.2 * body.extent) ** 2)
    uneven = outer * sum(np.sin((k + 2) * angle + p) for k, p in enumerate(phase)) / 3
    by[:, 1] = amount * tall * height * (0.10 + 0.05 * uneven)
    return by


def _run_down(surface: Surface, at: np.ndarray, length: np.ndarray, body: Body) -> np.ndarray:  # [S, T, 3]
    """Paths that follow the surface downwards, and fall where it ends; never below the object's foot."""
    steps, extent = 22, body.extent
    point, step = surface.points[at].copy(), (length / (steps - 1))[:, None]
    paths = [point.copy()]
    for _ in range(steps - 1):
        _, normal, _ = surface.at(point)
        slide = DOWN - normal * normal[:, 1:2]
        steep = np.linalg.norm(slide, axis=1, keepdims=True)
        # On a top that lies level a drop runs outwards, whichever way its normal leans.
        point = point + step * np.where(
            normal[:, 1:2] > 0.35, DOWN, unit(slide + 1e-3 * normal) * (steep > 0.02)
        )
        place, normal, away = surface.at(point)
        height = ((point - place) * normal).sum(axis=1, keepdims=True)
        touches = (away[:, None] < 0.03 * extent) & (normal[:, 1:2] <= 0.35)
        point = np.where(touches, point + (0.003 * extent - height) * normal, point)
        point[:, 1] = np.minimum(point[:, 1], body.frame.bottom)
        paths.append(point.copy())
    return _even(np.stack(paths, axis=1))


def _even(paths: np.ndarray) -> np.ndarray:
    """Paths [S, T, 3] without corners, their points spaced as `_dense_at_the_tip` says."""
    for _ in range(2):
        paths[:, 1:-1] = 0.25 * paths[:, :-2] + 0.5 * paths[:, 1:-1] + 0.25 * paths[:, 2:]
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=-1)
    run = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(steps, axis=1)], axis=1)
    out, t = np.empty_like(paths), _dense_at_the_tip(paths.shape[1])
    for path, far, even in zip(paths, run, out):
        for axis in range(3):
            even[:, axis] = np.interp(t * far[-1], far, path[:, axis])
    return out


def _dense_at_the_tip(count: int) -> np.ndarray:
    """From 0 to 1, in steps that grow smaller.  [count]"""
    return 1 - np.linspace(1.0, 0.0, count) ** 1.5


def _within(by: np.ndarray, body: Body) -> np.ndarray:
    """Displacements [M, 3] no longer than `REACH`."""
    length = np.linalg.norm(by, axis=1, keepdims=True)
    return by * np.minimum(1.0, REACH * body.extent / np.maximum(length, 1e-12))


FORMS: dict[str, Callable[[Body], Formed]] = {
    "spikes": spikes,
    "fur": fur,
    "melting": melting,
    "inflated": inflated,
}
