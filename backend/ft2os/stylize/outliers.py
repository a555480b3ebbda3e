"""Strays of a selection: Gaussians that a classifier gave to the object but that lie far from it.

The paper filters its mask so before stylizing; importing keeps every Gaussian where the file put it.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 75
STD_RATIO = 0.5


def inliers(
    means: np.ndarray,  # [N, 3]
    *,
    neighbours: int = NEIGHBOURS,
    std_ratio: float = STD_RATIO,
) -> np.ndarray:  # [N] bool
    """True where the mean distance to the nearest ``neighbours`` is below the average + ratio × deviation.

    Open3D's statistical outlier removal, which the published code calls: a point counts among its own
    neighbours, and the deviation is the sample's. Selections of one or two Gaussians are kept whole.
    """
    count = len(means)
    if count < 3:
        return np.ones(count, bool)
    distances, _ = cKDTree(means).query(means, k=min(neighbours, count))
    average = distances.mean(axis=1)
    # Equal distances everywhere (a grid, a test) have no outliers: rounding must not make some.
    return average <= average.mean() + std_ratio * average.std(ddof=1) + 1e-6 * average.mean()
