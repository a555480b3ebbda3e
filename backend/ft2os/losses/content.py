"""The paper's regularisation (3.2): stay near the original render, as VGG16 sees it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def content_loss(
    features: Tensor,  # [B, 256, h, w]
    original: Tensor,  # [B, 256, h, w]
    factor: float,
) -> Tensor:  # []
    """Mean squared error between relu3_3 features of the current and the original renders, times a factor.

    The paper tries factors of 0.01, 0.1, 0.4 and 1 and defaults to none. ``original`` carries no gradient.
    """
    return factor * F.mse_loss(features, original.detach())
