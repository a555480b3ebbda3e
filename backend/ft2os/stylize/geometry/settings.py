"""The numbers of the geometry stage."""

from __future__ import annotations

from dataclasses import dataclass

# Adam's learning rates at the start, some ten times the paper's, which has thousands of steps to move things
# in; they fall to ``Settings.slowest``. ``position`` is times the object's extent; `deform` sets its own.
RATES = {
    "colour": 0.01,
    "sh": 0.0005,
    "opacity": 0.02,
    "scale": 0.015,
    "rotation": 0.01,
    "position": 2e-3,
}


@dataclass(frozen=True)
class Settings:
    """Settings of `deform`.

    Parameters
    ----------
    steps, batch : int
        Steps of Adam, and views a step.
    background : tuple of 3 floats, optional
        Behind the object; random for each picture when None, so that no colour can pass for emptiness.
    needle, anchor, spill : float
        Weights of the terms; 0 leaves one out. The judge's loss counts once.
    spill_every, spill_views : int
        The full scene is drawn at every ``spill_every``th step, in so many views.
    reach : float
        How far a Gaussian may move from its start, in extents of the object, whatever the judge says. The
        mask of the spill term is dilated by as much.
    travel : float
        How far Adam can carry a Gaussian whose gradient always points one way, in reaches. It sets the
        learning rate of positions, so that few steps go as far as many.
    coherence : float
        Spacing of the control points that gradients are averaged over, in extents; 0 for each its own.
    densify : tuple of float
        Shares of the steps at which the Gaussians with the largest screen gradients are split.
    split_share : float
        How many of them each time.
    growth : float
        Most Gaussians at the end, times those at the start.
    slowest : float
        The last step's learning rates over the first's.
    """

    steps: int = 120
    batch: int = 4
    background: tuple[float, float, float] | None = None
    needle: float = 1.0
    anchor: float = 0.1
    spill: float = 1000.0
    spill_every: int = 4
    spill_views: int = 2
    reach: float = 0.15
    travel: float = 1.5
    coherence: float = 0.04
    densify: tuple[float, ...] = (0.25, 0.5)
    split_share: float = 0.02
    growth: float = 1.5
    slowest: float = 0.1
