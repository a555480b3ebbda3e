"""What the masks say about each Gaussian: which group it draws on, and whether it earns its place."""

from __future__ import annotations

import logging

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial import cKDTree

from ft2os.gaussians import Gaussians
from ft2os.render import rasterize
from scripts.demo_scene.seeding import Views

TOUCH = 0.05  # metres: closer than this to a group, a Gaussian may belong to it
log = logging.getLogger("demo_scene.voting")


def votes(g: Gaussians, views: Views, shrink: int = 2) -> np.ndarray:
    """Blending weight of every Gaussian on the pixels of every id, summed over the views.

    Rendering is linear in colour, so the gradient of Σ_p M_id(p)·C(p) with respect to a dummy colour is
    exactly that sum (FlashSplat's observation).

    Returns
    -------
    ndarray, [N, ids]
        In pixels of the shrunken picture; column 0 is the background.
    """
    ids = int(views.ids.max()) + 1
    channels = -(-ids // 3) * 3
    size = views.rgb.shape[1] // shrink
    K = torch.from_numpy(views.K) / torch.tensor([[shrink], [shrink], [1.0]])
    fixed = [torch.from_numpy(a) for a in (g.means, g.quats, g.scales, g.opacities)]
    total = torch.zeros(len(g), channels)
    for plane, viewmat in zip(views.ids, torch.from_numpy(views.viewmats)):
        masks = F.one_hot(torch.from_numpy(plane).long(), channels).float()  # [H, W, ids]
        masks = F.avg_pool2d(masks.permute(2, 0, 1), shrink).permute(1, 2, 0)
        for first in range(0, channels, 3):
            dummy = torch.zeros(len(g), 3, requires_grad=True)
            rgb, _, _ = rasterize(*fixed, dummy, viewmat[None], K[None], size, size)
            (rgb[0] * masks[..., first : first + 3]).sum().backward()
            total[:, first : first + 3] += dummy.grad
    return total[:, :ids].numpy()


def clean(g: Gaussians, votes: np.ndarray) -> Gaussians:
    """Drops what no view needs and what mostly draws on the background; moves the misplaced to their group.

    A Gaussian keeps the group of the mesh it was sampled from unless most of its weight lies on another that
    it touches: at contacts (a tyre on the path) some end up drawing their neighbour's shadow.
    """
    weight = votes.sum(axis=1)
    share = votes / np.maximum(weight, 1e-9)[:, None]
    best = share[:, 1:].argmax(axis=1) + 1
    moved = (share[:, 1:].max(axis=1) > 0.5) & (best != g.group) & (_distance(g, best) < TOUCH)
    keep = (weight > 0.5) & (share[:, 0] < 0.5) & (g.opacities > 0.02)
    log.info("masks agree with meshes on %.1f %%; %d moved, %d dropped",
             100 * (best == g.group)[keep].mean(), (moved & keep).sum(), (~keep).sum())  # fmt: skip
    return g.replace(group=np.where(moved, best, g.group).astype(np.int32)).subset(keep)


def _distance(g: Gaussians, other: np.ndarray) -> np.ndarray:
    """How far each Gaussian is from the nearest one of the group that ``other`` names for it.  [N]"""
    distance = np.full(len(g), np.inf)
    for group in np.unique(other):
        rows, members = other == group, g.group == group
        if members.any():
            distance[rows] = cKDTree(g.means[members]).query(g.means[rows])[0]
    return distance
