"""What the fast method minimises.

Whole views and crops go to the judge in one batch. On whole views: the likelihood of the prompt among
negatives that change at every step, and the direction from the original. On crops: the likelihood alone, of
sentences about details. Beside them stand terms that ask no network: structure (the start's light and dark),
smoothness of the change, and an anchor at the start; and, on request, VGG16's or LPIPS' content and a style
image. Every term is on a scale of about 0 to 3, so that weights near 1 mean what they say.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ft2os.guidance.clip_judge import ClipJudge
from ft2os.losses import contrastive_loss, direction_loss, similarity_loss, smoothness_loss, structure_loss
from ft2os.stylize.clip import augment
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.clip.texts import Texts


class Judgement:
    """The terms that the judge makes out of pictures; for either stage.

    Parameters
    ----------
    judge : ClipJudge
    texts : Texts
    settings : Settings
    """

    def __init__(self, judge: ClipJudge, texts: Texts, settings: Settings) -> None:
        self._judge, self._texts, self._settings = judge, texts, settings

    def terms(
        self,
        images: Tensor,  # [V, 3, H, W]
        crops: int,
        masks: np.ndarray,  # [V, H, W] bool
        rng: np.random.Generator,
        originals: Tensor | None = None,  # [V, D]
    ) -> dict[str, Tensor]:
        """Terms by name, unweighted; those of weight 0 are not computed.

        Parameters
        ----------
        crops : int
            How many to cut, beside the whole pictures.
        masks : ndarray
            Where the object is, for the crops' places.
        rng : numpy.random.Generator
            Of crops and negatives.
        originals : Tensor, optional
            Embeddings of the same views before anything moved; no direction without them.
        """
        settings, texts = self._settings, self._texts
        negatives = texts.negatives(rng)
        size = self._judge.image_size
        pictures = [F.interpolate(images, (size, size), mode="bicubic", antialias=True, align_corners=False)]
        whole = len(images)
        if crops:
            area = (settings.crop_low, settings.crop_high)
            sources, homographies = augment.windows(masks, crops, area, settings.tilt, rng)
            pictures.append(augment.crop(images, sources, homographies, size))
        embeddings = self._judge.embed_images(torch.cat(pictures))
        terms = {}
        if settings.nce:
            terms["nce"] = self._likelihood(embeddings[:whole], texts.whole, negatives)
        if settings.direction and originals is not None and texts.direction.norm() > 1e-3:
            terms["direction"] = direction_loss(embeddings[:whole], originals, texts.direction)
        if settings.patch and crops:
            terms["patch"] = self._likelihood(embeddings[whole:], texts.crop, negatives)
        return terms

    def _likelihood(self, embeddings: Tensor, prompt: Tensor, negatives: Tensor) -> Tensor:
        if self._settings.loss == "similarity":
            return similarity_loss(embeddings, prompt)
        return contrastive_loss(embeddings, prompt, negatives, self._settings.temperature)

    def embed(self, images: Tensor) -> Tensor:  # [B, D]
        """Embeddings of whole pictures of any device, to keep."""
        with torch.no_grad():
            return self._judge.embed_images(images.to(self._judge.device))

    def score(self, images: Tensor) -> Tensor:  # [B]
        """Log-likelihood of the prompt among all that it can be compared with: higher is better."""
        negatives = self._texts.against()
        embeddings = self.embed(images)
        one = [contrastive_loss(e[None], self._texts.whole, negatives, 0.07) for e in embeddings]
        return -torch.stack(one)


def keeping_terms(
    settings: Settings,
    images: Tensor,  # [V, 3, H, W]
    originals: Tensor,  # [V, 3, H, W]
    change: Tensor,  # [M, 3] since the start
    offsets: Tensor,  # [M, 3], each Gaussian's own part of it, without the palette's
    neighbours: Tensor,  # [M, K]
) -> dict[str, Tensor]:
    """The terms that hold the object together, unweighted; those of weight 0 are not computed."""
    terms = {}
    if settings.structure:
        terms["structure"] = structure_loss(images, originals)
    if settings.smooth:
        terms["smooth"] = smoothness_loss(offsets, neighbours)
    if settings.anchor:
        terms["anchor"] = change.square().mean()
    return terms
