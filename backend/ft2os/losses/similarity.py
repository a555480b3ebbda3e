"""The paper's first CLIP loss: the plain cosine similarity to the prompt (Algorithm 1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def similarity_loss(
    images: Tensor,  # [B, D]
    prompt: Tensor,  # [D]
) -> Tensor:  # []
    """−cos(image, prompt), the mean over the images.

    The paper reports that it "had difficulty producing any modifications", because CLIP's similarities of
    right and wrong texts lie close together; it is kept as the baseline of ``contrastive_loss``.
    """
    return -F.cosine_similarity(images, prompt[None], dim=-1).mean()
