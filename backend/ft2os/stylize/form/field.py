"""Moving a surface as a surface: a displacement known at some points carries all Gaussians along.

Each Gaussian follows the affine map that its neighbours make, so that a stretched skin has no holes and a
turned one no edges standing up.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ft2os.gaussians import NEEDLE_ASPECT, Gaussians
from ft2os.transforms import rotation_matrices

_NEIGHBOURS = 12
_STRETCH = (0.6, 2.5)  # of an axis, whatever the neighbours say


def carried(points: np.ndarray, values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values [C, D] at points [C, 3] smoothly carried over to places [P, 3].  [P, D]"""
    distance, near = cKDTree(points).query(places, k=min(_NEIGHBOURS, len(points)))
    distance, near = distance.reshape(len(places), -1), near.reshape(len(places), -1)
    width = distance[:, -1:] + 1e-12
    weight = np.exp(-4.5 * (distance / width) ** 2)
    return (weight[..., None] * values[near]).sum(axis=1) / weight.sum(axis=1, keepdims=True)


def smoothed(points: np.ndarray, values: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Values [P, D] averaged by a Gaussian of standard deviation ``radius``.  [P, D]"""
    count = min(len(points), 6000)
    chosen = rng.choice(len(points), count, replace=False)
    own, held = points[chosen], values[chosen]
    pairs = cKDTree(own).sparse_distance_matrix(cKDTree(own), 2.5 * radius, output_type="coo_matrix").tocsr()
    pairs.data = np.exp(-0.5 * (pairs.data / radius) ** 2)
    pairs.setdiag(1.0)
    return carried(own, (pairs @ held) / np.asarray(pairs.sum(axis=1)), points)


def move(gaussians: Gaussians, by: np.ndarray) -> dict[str, np.ndarray]:
    """Gaussians displaced ``by`` [M, 3]: their means, quats and scales."""
    means = gaussians.means.astype(np.float64)
    local = _affine(means, means + by)
    axes = rotation_matrices(gaussians.quats.astype(np.float64))
    u, _, vt = np.linalg.svd(local)
    turn = u @ vt
    proper = np.linalg.det(turn) > 0
    turn[~proper] = np.eye(3)
    lengths = np.linalg.norm(local @ axes, axis=1)
    scales = gaussians.scales * np.where(proper[:, None], np.clip(lengths, *_STRETCH), 1.0)
    quats = Rotation.from_matrix(turn @ axes).as_quat()[:, [3, 0, 1, 2]]
    return {
        "means": (means + by).astype(np.float32),
        "quats": quats.astype(np.float32),
        "scales": without_needles(scales, gaussians.scales).astype(np.float32),
    }


def without_needles(scales: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Scales [M, 3] without needles, but for those that were some before."""
    was = np.sort(before, axis=1)
    allowed = np.maximum(NEEDLE_ASPECT, was[:, 2] / np.maximum(was[:, 1], 1e-30))
    return np.minimum(scales, (np.sort(scales, axis=1)[:, 1] * allowed)[:, None])


def _affine(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What maps each point's surroundings best, held to no change across the surface.  [M, 3, 3]"""
    _, near = cKDTree(before).query(before, k=min(_NEIGHBOURS, len(before)))
    near = near.reshape(len(before), -1)
    x, y = before[near] - before[:, None], after[near] - after[:, None]
    square = x.transpose(0, 2, 1) @ x
    hold = (0.05 * np.trace(square, axis1=1, axis2=2) + 1e-20)[:, None, None] * np.eye(3)
    return np.linalg.solve(square + hold, x.transpose(0, 2, 1) @ y + hold).transpose(0, 2, 1)
