"""Spill: what changed around the object, where nothing should have.

In pictures: PSNR over the pixels that do not show the object, outside a mask that is grown a little because a
splat's edge is soft. In the file: Gaussians of other groups whose bits differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_dilation

from ft2os.evaluate.matching import Pair
from ft2os.evaluate.views import Drawn

COVERED = 0.05  # share of a pixel that shows the object, from which on it is the object's
GROWN = 0.01  # of the picture's longer side, by which the mask grows (at least two pixels)
NO_OBJECT_OUTSIDE = "the whole scene is the object: there is nothing outside it"


def measure(drawn: Sequence[Drawn], pair: Pair) -> dict[str, object]:
    """Spill over all views.

    Returns
    -------
    dict
        ``psnr_db``: over the pixels outside of all views together, null where not one of them differs
        (``identical``) or there are none (``reason``); ``worst_psnr_db`` and ``worst_view``; ``changed``:
        other Gaussians whose bits AFTER does not have, and ``changed_groups``: how many of which group;
        ``added``: how many more others AFTER has; ``others``.
    """
    counts: dict[str, object] = {
        "changed": pair.changed,
        "changed_groups": pair.changed_groups,
        "added": pair.added,
    }
    counts["others"] = int((~pair.inside_before).sum())
    outside = [outside_of(d.covered_before) for d in drawn]
    pixels = sum(int(m.sum()) for m in outside)
    if not counts["others"] or not pixels:
        reason = "no pixel lies outside the object" if counts["others"] else NO_OBJECT_OUTSIDE
        empty: dict[str, object] = {
            "psnr_db": None,
            "identical": None,
            "worst_psnr_db": None,
            "worst_view": None,
        }
        return empty | counts | {"reason": reason}
    errors = [float(((d.before - d.after)[m].astype(np.float64) ** 2).sum()) for d, m in zip(drawn, outside)]
    means = [e / max(3 * int(m.sum()), 1) for e, m in zip(errors, outside)]
    worst = int(np.argmax(means))
    total = psnr(sum(errors) / (3 * pixels))
    return {
        "psnr_db": total,
        "identical": total is None,
        "worst_psnr_db": psnr(means[worst]),
        "worst_view": drawn[worst].camera.name or str(worst),
        **counts,
        "reason": "not one pixel outside differs: the PSNR is infinite" if total is None else None,
    }


def outside_of(covered: np.ndarray) -> np.ndarray:
    """Pixels beyond the object's grown mask.  [H, W] in 0..1 -> [H, W] bool"""
    grow = max(2, round(GROWN * max(covered.shape)))
    return ~binary_dilation(covered > COVERED, iterations=grow)


def psnr(mean_square: float) -> float | None:
    """Decibels of a mean squared error of values in 0..1; None, not infinity, where there is no error."""
    return -10.0 * math.log10(mean_square) if mean_square > 0 else None
