"""Spill: what a changed object does to the picture around it, where nothing should change."""

from __future__ import annotations

from torch import Tensor


def spill_loss(
    images: Tensor,  # [B, 3, H, W]
    originals: Tensor,  # [B, 3, H, W]
    outside: Tensor,  # [B, 1, H, W], 0 or 1
) -> Tensor:  # []
    """L1 between the render and the original render, the mean over the values outside the dilated mask.

    Over those values and not over the picture, so that the weight does not depend on how much of the window
    the object fills. 0 where nothing is outside.
    """
    change = ((images - originals.detach()).abs() * outside).sum()
    return change / (images.shape[1] * outside.sum()).clamp_min(1.0)
