"""The paper's final CLIP loss: the prompt against texts that have nothing to do with it (Algorithm 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(
    images: Tensor,  # [B, D]
    prompt: Tensor,  # [D]
    negatives: Tensor,  # [J, D]
    temperature: float = 1.0,
) -> Tensor:  # []
    """Negative log-likelihood of the prompt among the negatives, for each image, then the mean.

    −log( e^{s/t} / (e^{s/t} + Σ_j e^{n_j/t}) ), with s and n_j the cosine similarities of the image to the
    prompt and to the negatives. The published code sums the denominator over the whole batch, which couples
    the views and makes the loss depend on the batch size; here every image has its own.

    Parameters
    ----------
    images : Tensor [B, D]
        Image embeddings; they need not be of unit length.
    prompt : Tensor [D]
    negatives : Tensor [J, D]
    temperature : float
        The paper uses 1, where the gradient hardly depends on the score (p ≈ 0.10 of 11 texts); NeRF-Art
        uses 0.07.

    Raises
    ------
    ValueError
        If the temperature is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}, expected a positive number")
    texts = torch.cat([prompt[None], negatives])
    scores = F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T / temperature  # [B, 1 + J]
    return (torch.logsumexp(scores, dim=1) - scores[:, 0]).mean()
