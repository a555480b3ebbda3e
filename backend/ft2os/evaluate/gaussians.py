"""The object's Gaussians themselves: how many, and how many of them are needles. Numpy only."""

from __future__ import annotations

import numpy as np

from ft2os.gaussians import NEEDLE_ASPECT, Gaussians


def measure(g: Gaussians) -> dict[str, float | int]:
    """Count and shapes.

    Returns
    -------
    dict
        ``count``; ``needles``: share whose longest axis is over 10 times the *middle* one, long in one
        direction only; ``thin``: share whose longest axis is over 10 times the *shortest*, which counts the
        discs that surfaces are made of too; ``drawn_needles``: the needles' share of the covered area
        (opacity × longest × middle axis), since a needle that is not seen does no harm.
    """
    longest, middle, shortest = np.sort(g.scales.astype(np.float64), axis=1)[:, ::-1].T
    needle = longest > NEEDLE_ASPECT * middle
    area = g.opacities * longest * middle
    return {
        "count": len(g),
        "needles": float(needle.mean()),
        "thin": float((longest > NEEDLE_ASPECT * shortest).mean()),
        "drawn_needles": float(area[needle].sum() / max(float(area.sum()), 1e-30)),
    }
