"""The views in colours that stay: what a run compares its pictures with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ft2os.stylize.clip.linear_views import LinearViews
from ft2os.stylize.clip.objective import Judgement


class ReferenceViews:
    """Pictures, drawn when asked for, and the judge's embeddings, kept.

    Parameters
    ----------
    linear_views : LinearViews
    colours : Tensor, [M, 3]
        Display-referred.
    judgement : Judgement
    """

    def __init__(
        self,
        linear_views: LinearViews,
        colours: Tensor,  # [M, 3]
        judgement: Judgement,
    ) -> None:
        self._linear_views, self._colours, self._judgement = linear_views, colours, judgement
        self._embeddings: dict[int, Tensor] = {}

    @torch.no_grad()
    def images(self, indices: Sequence[int] | np.ndarray) -> Tensor:  # [B, 3, H, W]
        """The views with these indices."""
        return self._linear_views.images(self._colours, indices)

    def embeddings(self, indices: Sequence[int] | np.ndarray) -> Tensor:  # [B, D]
        """The judge's embeddings of these views."""
        for index in map(int, indices):  # one by one, so that the bits do not depend on the company
            if index not in self._embeddings:
                self._embeddings[index] = self._judgement.embed(self.images([index]))[0]
        return torch.stack([self._embeddings[int(i)] for i in indices])
