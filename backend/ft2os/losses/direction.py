"""The directional loss: a picture should move, in CLIP's space, the way the words move."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SOFT = 0.1
"""Length below which a change of the picture is too small to have a direction; real ones are 0.3 to 0.8."""


def direction_loss(
    images: Tensor,  # [B, D] unit
    originals: Tensor,  # [B, D] unit
    words: Tensor,  # [D] E(target text) − E(source text)
    *,
    soft: float = SOFT,
) -> Tensor:  # []
    """1 − cos(E(image) − E(original), ΔE_text), the mean over the images.

    StyleCLIP-NADA (Gal et al. 2021). An image that has not moved yet has no direction: there the length is
    held at ``soft``, so that the loss is 1 and its gradient points along the words instead of being infinite.

    Parameters
    ----------
    images, originals : Tensor [B, D]
        Embeddings of the pictures as they are and as they were; no gradient goes to the originals.
    words : Tensor [D]
        Of any length but zero.
    soft : float
    """
    change = images - originals.detach()  # [B, D]
    length = torch.sqrt(change.square().sum(dim=-1) + soft**2)
    return (1 - change @ F.normalize(words, dim=0) / length).mean()
