"""A judge with a known optimum: it sees nothing but the mean colour in the middle of a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = (0.5, 0.5, 0.5)


class ColourJudge:
    """In the place of a `ClipJudge`, with words that mean colours.

    A colour c is embedded as (c − ½, ½), brought to unit length. So a picture is most similar to a text, with
    a similarity of 1, where its colour is the text's, and nowhere else.

    Parameters
    ----------
    colours : Mapping of str to colour
        By a word: the first that a text holds decides; a text without any means grey.
    sight : float
        Of what it sees in colours. With little of it no picture comes near to any text, and its gradient
        points one way and keeps its length.
    """

    name, image_size, bytes_per_picture = "colours", 16, 1000
    device = torch.device("cpu")

    def __init__(self, colours: Mapping[str, Sequence[float]], sight: float = 1.0) -> None:
        self.colours, self.sight = dict(colours), sight

    def to(self, device: str) -> ColourJudge:
        return self

    def embed_images(
        self,
        images: Tensor,  # [B, 3, H, W]
    ) -> Tensor:  # [B, 4]
        quarter = images.shape[-1] // 4
        middle = images[:, :, quarter:-quarter, quarter:-quarter].mean(dim=(2, 3))
        return _embedded(0.5 + self.sight * (middle - 0.5))

    def embed_texts(self, texts: list[str]) -> Tensor:  # [T, 4]
        return _embedded(torch.tensor([self._meant(text) for text in texts], dtype=torch.float32))

    def _meant(self, text: str) -> Sequence[float]:
        return next((colour for word, colour in self.colours.items() if word in text), GREY)


def _embedded(colours: Tensor) -> Tensor:  # [B, 3] -> [B, 4]
    return F.normalize(torch.cat([colours - 0.5, torch.full_like(colours[:, :1], 0.5)], dim=1), dim=1)


def colour_of(embedding: Tensor) -> Tensor:  # [4] -> [3]
    """The colour that has this embedding, of any length."""
    return 0.5 + 0.5 * embedding[:3] / embedding[3]
