"""Smoothness of a change of colours over the object: texture may move, noise may not arise."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def smoothness_loss(
    change: Tensor,  # [M, 3]
    neighbours: Tensor,  # [M, K] int64
) -> Tensor:  # []
    """Mean squared difference of each Gaussian's change to the mean change of its neighbours.

    It is the *change* since the start that has to be smooth, so that the start's own texture costs nothing.
    A judge is fooled most easily by colours that differ from one Gaussian to the next.
    """
    # F.embedding is change[neighbours] with a gradient that adds up in the same order every time.
    return (change - F.embedding(neighbours, change).mean(dim=1)).square().mean()
