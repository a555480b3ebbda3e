"""Where the Gaussians start: evenly spaced points on the visible surfaces, coloured from the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from ft2os.gaussians import Gaussians, dc_of
from scripts.demo_scene import layout

FLATNESS = 0.25  # thickness across the surface, relative to the size along it
REACH = 0.62  # standard deviation along the surface, relative to the spacing


@dataclass(frozen=True)
class Views:
    """Every rendered view: ``rgb`` straight [V,H,W,3], ``alpha``, ``depth``, ``ids`` [V,H,W]."""

    rgb: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray
    ids: np.ndarray
    viewmats: np.ndarray
    K: np.ndarray
    names: list[int]


def seed(surface: dict[str, np.ndarray], views: Views) -> Gaussians:
    """Thins the surface samples and gives each a flat Gaussian with the mean colour of its pixels.

    Parameters
    ----------
    surface : dict
        ``points``, ``normals`` [M, 3] and ``groups`` [M], many times denser than wanted.
    views : Views
        Training views only.

    Returns
    -------
    Gaussians
        Degree 1, at most ``layout.BUDGET`` a group; samples that no view sees are left out.
    """
    points, normals, groups = surface["points"], surface["normals"], surface["groups"]
    colours, seen = observe(points, views)
    keep, spacing = [], []
    for group, name in layout.GROUPS.items():
        rows = np.flatnonzero((groups == group) & (seen > 0))
        chosen, radius = thin(points[rows], normals[rows], layout.BUDGET[name])
        keep.append(rows[chosen])
        spacing.append(np.full(len(chosen), radius))
    rows, radius = np.concatenate(keep), np.concatenate(spacing).astype(np.float32)
    along = REACH * _neighbour_distance(points[rows], radius)
    scales = np.stack([along, along, FLATNESS * along], axis=1).astype(np.float32)
    sh = np.zeros((len(rows), 4, 3), np.float32)
    sh[:, 0] = dc_of(colours[rows])
    return Gaussians(
        means=points[rows],
        quats=facing(normals[rows]),
        scales=scales,
        opacities=np.full(len(rows), 0.88, np.float32),
        sh=sh,
        group=groups[rows].astype(np.int32),
    )


def observe(points: np.ndarray, views: Views, slack: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of the pixels in which each point is the front-most thing, and how often it is.

    ``slack`` is the depth tolerance in metres.  Returns [M, 3] in 0..1 and [M].
    """
    total = np.zeros((len(points), 3), np.float32)
    seen = np.zeros(len(points), np.float32)
    size = views.rgb.shape[1]
    for rgb, alpha, depth, viewmat in zip(views.rgb, views.alpha, views.depth, views.viewmats):
        camera = points @ viewmat[:3, :3].T + viewmat[:3, 3]
        z = camera[:, 2]
        x = (views.K[0, 0] * camera[:, 0] / z + views.K[0, 2]).astype(np.int32).clip(0, size - 1)
        y = (views.K[1, 1] * camera[:, 1] / z + views.K[1, 2]).astype(np.int32).clip(0, size - 1)
        weight = ((np.abs(depth[y, x] - z) < slack) & (alpha[y, x] > 0.99)).astype(np.float32)
        total += weight[:, None] * rgb[y, x]
        seen += weight
    return total / np.maximum(seen, 1)[:, None], seen


def thin(points: np.ndarray, normals: np.ndarray, count: int, rounds: int = 5) -> tuple[np.ndarray, float]:
    """About ``count`` points that keep a common distance from each other, and that distance.

    Distance is taken in position and normal together, so both faces of a thin board and both sides of an
    edge keep points of their own.  The radius is adjusted over a few rounds to meet the count.
    """
    radius = (
        0.6 * float(np.median(cKDTree(points).query(points, k=2)[0][:, 1])) * np.sqrt(len(points) / count)
    )
    for _ in range(rounds):
        space = np.concatenate([points, 0.8 * radius * normals], axis=1)
        pairs = cKDTree(space).query_pairs(radius, output_type="ndarray")
        both = np.concatenate([pairs, pairs[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        starts = np.searchsorted(both[:, 0], np.arange(len(points) + 1))
        chosen = np.flatnonzero(_accept(starts, both[:, 1].copy()))
        if abs(len(chosen) - count) < 0.01 * count:
            break
        radius *= float(np.sqrt(len(chosen) / count))
    return chosen, radius


@njit(cache=True)
def _accept(starts, neighbours):
    """Greedy dart throwing over a neighbour list: accepts what no accepted neighbour forbids."""
    count = starts.shape[0] - 1
    state = np.zeros(count, np.bool_)
    for i in range(count):
        free = True
        for k in range(starts[i], starts[i + 1]):
            if state[neighbours[k]]:
                free = False
                break
        state[i] = free
    return state


def _neighbour_distance(points: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Mean distance to three neighbours, kept near the group's own spacing.  [N]"""
    distance = cKDTree(points).query(points, k=4)[0][:, 1:].mean(axis=1)
    return np.clip(distance, 0.5 * radius, 1.6 * radius)


def facing(normals: np.ndarray) -> np.ndarray:
    """Unit wxyz quaternions that turn +z to each normal.  [N, 4]"""
    quats = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(len(normals))], axis=1)
    quats[quats[:, 0] < 1e-4] = (0, 1, 0, 0)
    return (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32)


def load_views(names: list[int]) -> Views:
    """Reads what ``render.py`` left in ``layout.WORK``."""
    from PIL import Image

    pictures, passes = [], []
    for name in names:
        pictures.append(np.asarray(Image.open(layout.WORK / "views" / f"{name:03d}.png"), np.float32) / 255)
        with np.load(layout.WORK / "passes" / f"{name:03d}.npz", allow_pickle=False) as arrays:
            passes.append((arrays["depth"], arrays["ids"]))
    rgba = np.stack(pictures)
    return Views(
        rgb=rgba[..., :3],
        alpha=rgba[..., 3],
        depth=np.stack([p[0] for p in passes]),
        ids=np.stack([p[1] for p in passes]),
        viewmats=layout.view_matrices()[names].astype(np.float32),
        K=layout.intrinsics().astype(np.float32),
        names=names,
    )
