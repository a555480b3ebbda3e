"""Crops with perspective: what the judge sees beside whole views, so that detail counts and tricks do not.

A texture that only reads from one place and at one size does not survive being cut out and tilted
(CLIPstyler, Kwon and Ye 2022; NeRF-Art). The windows come from a seeded generator of numpy's, so that a run
can be repeated on any device; the cutting is differentiable.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)


def windows(
    masks: np.ndarray,  # [V, H, W] bool, where the object is
    count: int,
    area: tuple[float, float],
    tilt: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # [count], [count, 3, 3]
    """Which view each crop comes from, and the homography from the crop's square to the view's.

    Both squares run from −1 to 1. A crop's centre lies on the object, as far as the window then fits.

    Parameters
    ----------
    area : (float, float)
        Least and most share of the picture that a crop covers.
    tilt : float
        How far the corners may be off, over half the crop's side.
    """
    sources = rng.permutation(np.arange(count) % len(masks))
    homographies = []
    for source in sources:
        half = np.sqrt(rng.uniform(*area))
        centre = np.clip(_place(masks[source], rng), half - 1, 1 - half)
        corners = centre + half * (_CORNERS + rng.uniform(-tilt, tilt, size=(4, 2)))
        homographies.append(homography(np.clip(corners, -1, 1)))
    return sources, np.stack(homographies)


def _place(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # [2], −1..1
    """Somewhere on the object; the middle where there is none."""
    rows, columns = np.nonzero(mask)
    pick = rng.uniform()
    if not len(rows):
        return np.zeros(2)
    k = int(pick * len(rows))
    height, width = mask.shape
    return np.array([(columns[k] + 0.5) / width, (rows[k] + 0.5) / height]) * 2 - 1


def homography(corners: np.ndarray) -> np.ndarray:  # [3, 3]
    """The projective map of the square −1..1 onto ``corners`` [4, 2], clockwise from (−1, −1)."""
    rows, wanted = [], []
    for (x, y), (u, v) in zip(_CORNERS, corners):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(wanted)), 1.0).reshape(3, 3)


def crop(
    images: Tensor,  # [V, C, H, W]
    sources: np.ndarray,  # [P]
    homographies: np.ndarray,  # [P, 3, 3]
    pixels: int,
) -> Tensor:  # [P, C, pixels, pixels]
    """The windows cut out of their views, bilinear, differentiable in the pictures."""
    centres = (np.arange(pixels) + 0.5) / pixels * 2 - 1
    x, y = np.meshgrid(centres, centres)
    square = np.stack([x, y, np.ones_like(x)], axis=-1)  # [pixels, pixels, 3]
    placed = np.einsum("pij,hwj->phwi", homographies, square)
    grid = torch.from_numpy((placed[..., :2] / placed[..., 2:]).astype(np.float32)).to(images)
    # index_select, whose gradient adds up in the same order every time; that of images[sources] does not.
    chosen = images.index_select(0, torch.from_numpy(sources).to(images.device))
    return F.grid_sample(chosen, grid, mode="bilinear", padding_mode="border", align_corners=False)
