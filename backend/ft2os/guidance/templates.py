"""Sentences around a phrase: CLIP was trained on captions, and the mean of several is steadier than any one.

The images' own distortions (crops, perspective) have their sentences too, so that a crop is compared with
words for a crop.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

WHOLE = (
    "{}",
    "a photo of {}.",
    "a rendering of {}.",
    "a picture of one {}, studio light.",
    "a detailed 3d model of {}.",
    "a good photo of {}.",
)
CROP = (
    "{}",
    "a close-up photo of {}.",
    "a cropped photo of {}.",
    "a texture of {}.",
    "a detail of {}.",
)


def embed(judge, phrase: str, templates: tuple[str, ...] = WHOLE) -> Tensor:  # [D]
    """Unit mean of the embeddings of a phrase in all templates (Radford et al. 2021, 3.1.4).

    Parameters
    ----------
    judge : ClipJudge
    phrase : str
    templates : tuple of str
        With ``{}`` where the phrase goes.
    """
    texts = judge.embed_texts([template.replace("{}", phrase) for template in templates])
    return F.normalize(texts.mean(dim=0), dim=0)
