"""Fine detail from the view that faces a place best: crisper than what all views agree about, and less sure.

Slow colours stay those of all views. What is finer comes from one view a place, where that view shows it
squarely and agrees with the others about the slow colours; neighbours take the same view, so that seams are
few. Edits whose detail differs everywhere score worse with it after another round, so it is an option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial import cKDTree

from ft2os.stylize.edit.views import EditViews, masked_blur
from ft2os.tiles.solve import solve_colours

_SLOW = 0.015  # blur of a side: what is slower stays that of all views
_DENIED = 0.08  # slow difference at which a view is believed half
_SEEN, _WELL = 0.02, 0.15  # pixels of a view that a Gaussian fills: at all, and half of fully
_NEIGHBOURS, _SMOOTHINGS = 12, 3
_SHARP = 24.0  # power that makes the best view the only one, but for ties
_FLOOR = 0.02  # what the other views still count


def with_detail(
    views: EditViews,
    pictures: Sequence[np.ndarray],
    colours: np.ndarray,
    tick: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """Colours [M, 3] with the fine detail of the best view at each place.

    Parameters
    ----------
    views : EditViews
    pictures : sequence of ndarray, [H, W, 3]
        The corrected edits, `consensus.Fitted.pictures`.
    colours : ndarray, [M, 3]
        What the views agree about.
    tick : callable
        Called with the finished share; may raise to stop.
    """
    sigma, targets, scores = _SLOW * min(views.size), [], []
    for row, picture in enumerate(pictures):
        tick(0.5 * row / len(pictures))
        slow = masked_blur(views.surface(row, colours) - picture, views.mask[row], sigma)
        targets.append(np.clip(picture + slow, 0, 1) * views.alpha[row][..., None])
        scores.append(_score(views, row, np.abs(slow).mean(axis=-1)))
    share = _best(np.stack(scores), views.means)
    weights = []
    for row, own in enumerate(share):
        shown = (views.linear[row].W @ own).reshape(views.size) / np.maximum(views.alpha[row], 1e-2)
        weights.append((views.weights[row] * (_FLOOR + shown)).astype(np.float32))
    tick(0.6)
    return solve_colours(views.linear, targets, colours, prior_weight=0.01, iterations=30, weights=weights)


def _score(views: EditViews, row: int, denied: np.ndarray) -> np.ndarray:
    """How well a view shows each Gaussian: squarely, with enough pixels, and as the others have it.  [M]"""
    view = views.linear[row]
    seen = view.WT @ np.ones(view.W.shape[0], np.float32)
    enough = np.maximum(seen, 1e-6)
    facing = (view.WT @ views.facing[row].reshape(-1)) / enough
    denied = (view.WT @ denied.reshape(-1).astype(np.float32)) / enough
    score = facing * seen / (seen + _WELL) / (1 + (denied / _DENIED) ** 4)
    return np.where(seen > _SEEN, score, 0.0).astype(np.float32)


def _best(scores: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Each Gaussian's share of each view, nearly all of the best view's of its neighbourhood.  [V, M]"""
    _, near = cKDTree(means).query(means, k=min(_NEIGHBOURS, len(means)))
    near = near.reshape(len(means), -1)
    for _ in range(_SMOOTHINGS):
        scores = scores[:, near].mean(axis=-1)
    power = (scores / np.maximum(scores.max(axis=0), 1e-6)) ** _SHARP
    return (power / np.maximum(power.sum(axis=0), 1e-6)).astype(np.float32)
