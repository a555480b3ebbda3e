"""Colours that best reproduce target pictures: one box-constrained least-squares problem.

Rendering is linear in colour, so where targets are pictures (drafts, edited views) there is nothing to train.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ft2os.tiles.linear import LinearView, multiply, over

_BEGIN, _FULL = 0.3, 0.8  # alpha from which a pixel counts, and from which it counts fully


def surface_weights(view: LinearView) -> np.ndarray:
    """Pixel weights that fade out where the object does: 0 at alpha 0.3, 1 from 0.8.  [H, W]"""
    shape = (view.camera.height, view.camera.width)
    return np.clip((view.alpha - _BEGIN) / (_FULL - _BEGIN), 0.0, 1.0).astype(np.float32).reshape(shape)


def solve_colours(
    views: Sequence[LinearView],
    targets: Sequence[np.ndarray],
    start: np.ndarray,
    *,
    background: Sequence[float] | np.ndarray = (0.0, 0.0, 0.0),
    prior_weight: float = 0.05,
    iterations: int = 20,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    weights: Sequence[np.ndarray] | None = None,
    tick: Callable[[], None] | None = None,
) -> np.ndarray:
    """Minimise Σ_v Σ_p w·|W_v c + (1 − alpha_v)·background − target_v|² + λ|c − start|².

    FISTA (Beck and Teboulle 2009) with a diagonal preconditioner: W is not negative, so diag(Wᵀ W 1)
    majorises WᵀW and gives every colour its own safe step. λ is ``prior_weight`` times the median of that
    diagonal, so that a Gaussian which few pixels see stays near its start.

    Parameters
    ----------
    views : sequence of LinearView
    targets : sequence of ndarray, [H, W, 3]
        One a view, display-referred, over the background.
    start : ndarray, [N, 3]
    background : [3]
    prior_weight : float
        Towards ``start``, relative.
    bounds : (float, float) or None
        Box for every channel.
    weights : sequence of ndarray, [H, W], optional
        Pixel weights ≥ 0, one array a view; 1 everywhere if left out.
    tick : callable, optional
        Called before each view of each iteration; may raise to stop.

    Returns
    -------
    ndarray, float32, [N, 3]
    """
    if len(views) != len(targets) or (weights is not None and len(weights) != len(views)):
        raise ValueError(f"{len(views)} views need as many targets and weights")
    start = np.asarray(start, np.float32)
    wanted, masks = [], []
    for i, view in enumerate(views):
        wanted.append(np.asarray(targets[i], np.float32).reshape(-1, 3) - over(background, view.alpha))
        ones = np.ones(len(view.alpha), np.float32)
        masks.append((ones if weights is None else np.asarray(weights[i], np.float32).reshape(-1))[:, None])
    diagonal = np.zeros((len(start), 1), np.float32)
    for view, mask in zip(views, masks):
        diagonal[:, 0] += view.WT @ (mask[:, 0] * view.alpha)
    reached = diagonal[diagonal > 1e-3]
    strength = prior_weight * (float(np.median(reached)) if len(reached) else 1.0)
    step = 1.0 / np.maximum(diagonal + strength, 1e-12)

    colours, ahead, momentum = start.copy(), start.copy(), 1.0
    for _ in range(iterations):
        gradient = strength * (ahead - start)
        for view, mask, target in zip(views, masks, wanted):
            if tick is not None:
                tick()
            gradient += multiply(view.WT, mask * (multiply(view.W, ahead) - target))
        new = ahead - step * gradient
        if bounds is not None:
            new = np.clip(new, *bounds)
        following = (1.0 + math.sqrt(1.0 + 4.0 * momentum * momentum)) / 2.0
        ahead = new + np.float32((momentum - 1.0) / following) * (new - colours)
        colours, momentum = new, following
    return colours.astype(np.float32)
