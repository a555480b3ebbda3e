"""The anchor: what need not move stays where, and as solid as, it was."""

from __future__ import annotations

from torch import Tensor


def anchor_loss(
    means: Tensor,  # [M, 3]
    start_means: Tensor,  # [M, 3]
    opacities: Tensor,  # [M]
    start_opacities: Tensor,  # [M]
    extent: float,
) -> Tensor:  # []
    """‖P − P⁰‖² of position and of opacity, the mean over the Gaussians.

    Positions count in units of ``extent``, the object's size in the world, so that one weight serves a
    thimble and a house.
    """
    moved = ((means - start_means) / extent).square().sum(dim=1)
    return (moved + (opacities - start_opacities).square()).mean()
