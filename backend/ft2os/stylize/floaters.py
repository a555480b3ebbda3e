"""Floaters: what hangs beside an object and is no part of it. It is left alone, bit for bit.

Unlike `outliers`, which judges single Gaussians by how sparse their surroundings are, this looks at what
hangs together: two Gaussians touch where their extents do, and a component that holds next to none of the
object's substance is a speck. A robot's free-floating hands stay part of it; dust beside them does not. Nor
does a Gaussian that a training has thrown out of all proportion, however much it may cover.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ft2os.gaussians import Gaussians
from ft2os.stylize.units import middle_and_size

NEIGHBOURS = 16
REACH = 2.0  # standard deviations at which two Gaussians touch
LEAST_SHARE = 5e-4
"""Of the object's visible substance: real specks hold a tenth of that, a lone leaf five times."""
FAR = 1e4
"""Sizes of the object, from its middle or in width, beyond which a Gaussian is no part: skies are nearer."""
FAINT = 0.02  # opacity below which a Gaussian shows nothing worth painting


def proportionate(gaussians: Gaussians) -> np.ndarray:
    """True for the Gaussians whose place and width are within `FAR` sizes of the object.  [N] bool

    At least half of them are.
    """
    middle, size = middle_and_size(gaussians)
    away = np.abs(gaussians.means - middle).max(axis=1)
    return np.maximum(away, gaussians.scales.max(axis=1)) <= FAR * size


def keep_connected(gaussians: Gaussians) -> np.ndarray:
    """True for the Gaussians that make up the object, False for specks and for what is all but invisible.

    Returns
    -------
    ndarray, bool, [N]
        At least one True where N > 0.
    """
    n = len(gaussians)
    near = proportionate(gaussians)
    visible = near & (gaussians.opacities >= FAINT)
    if n < 3 or visible.sum() < 3:
        return near
    means, extent = gaussians.means[visible], np.sort(gaussians.scales[visible], axis=1)[:, 2]
    distance, other = cKDTree(means).query(means, k=min(NEIGHBOURS, len(means)))
    touching = distance <= REACH * (extent[:, None] + extent[other])
    rows = np.broadcast_to(np.arange(len(means))[:, None], other.shape)
    links = coo_matrix((touching[touching], (rows[touching], other[touching])), shape=(len(means),) * 2)
    _, label = connected_components(links, directed=False)
    # Substance: projected area times opacity, so that a thousand dust specks do not outweigh a hand.
    widest = np.sort(gaussians.scales[visible], axis=1)
    substance = np.bincount(label, widest[:, 2] * widest[:, 1] * gaussians.opacities[visible])
    kept = substance >= min(LEAST_SHARE * substance.sum(), substance.max())
    result = np.zeros(n, bool)
    result[visible] = kept[label]
    return result
