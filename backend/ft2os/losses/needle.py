"""Against needles: Gaussians long in one direction only, or grown far beyond what they were at the start."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ASPECT = 6.0  # longest over middle axis that costs nothing: well below ``gaussians.NEEDLE_ASPECT``
GROWTH = 1.5  # times its length at the start that a longest axis may have


def needle_loss(
    scales: Tensor,  # [M, 3]
    longest: Tensor,  # [M]
    *,
    aspect: float = ASPECT,
    growth: float = GROWTH,
) -> Tensor:  # []
    """relu(s₁/s₂ − 6) + relu(ln s₁/s₁⁰ − ln 1.5), the mean over the Gaussians, with s₁ ≥ s₂ ≥ s₃.

    The longest axis over the *middle* one tells a needle (s₁ ≫ s₂ ≈ s₃) from a disc (s₁ ≈ s₂ ≫ s₃). Discs
    are what surfaces are made of, so s₃ plays no part.

    Parameters
    ----------
    scales : Tensor, [M, 3]
        Standard deviations, linear, in any order.
    longest : Tensor, [M]
        s₁⁰, the longest standard deviation at the start.
    aspect, growth : float
        What is free of charge.
    """
    ordered = scales.sort(dim=1, descending=True).values
    thin = torch.relu(ordered[:, 0] / ordered[:, 1].clamp_min(1e-12) - aspect)
    grown = torch.relu(torch.log(ordered[:, 0] / longest.clamp_min(1e-12)) - math.log(growth))
    return (thin + grown).mean()
