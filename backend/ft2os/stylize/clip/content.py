"""The paper's regularisation (3.2): stay near the original render, as VGG16's features or LPIPS see it.

What the network makes of an original is kept by view: the published code compared with photographs, kept its
pictures by epoch and read them by index.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ft2os.guidance import perceptual
from ft2os.losses import content_loss
from ft2os.stylize.clip.settings import Shared


class Regularizer:
    """A perceptual network as a distance to the original renders.

    Parameters
    ----------
    settings : Shared
        ``regulariser`` and its factor, ``regularisation``, count.
    device : str
    pixels : int, optional
        Larger pictures are reduced to this side first: VGG16 at 224² takes longer than CLIP.

    Raises
    ------
    MissingError
        If the network's weights are not on this machine.
    """

    def __init__(self, settings: Shared, device: str, pixels: int | None = None) -> None:
        self._factor, self._pixels = settings.regularisation, pixels
        self._lpips = settings.regulariser == "lpips"
        if self._lpips:
            from ft2os.guidance.lpips_distance import load_lpips

            self._network = load_lpips().to(device)
        else:
            self._network = perceptual.load_vgg().to(device)
        self._kept: dict[int, Tensor] = {}

    def keep(
        self,
        index: int,
        image: Tensor,  # [1, 3, H, W]
    ) -> None:
        """Remember the original render of a view."""
        with torch.no_grad():
            reduced = self._reduced(image)
            # Half precision halves 3 MB a view and is far below what the loss resolves.
            self._kept[index] = (reduced if self._lpips else self._network(reduced))[0].half()

    def knows(self, index: int) -> bool:
        """Whether the original render of a view is remembered."""
        return index in self._kept

    def __call__(
        self,
        images: Tensor,  # [B, 3, H, W]
        indices: Sequence[int] | np.ndarray,
    ) -> Tensor:  # []
        """The mean distance of each view to itself as it was, times the factor."""
        originals = torch.stack([self._kept[int(i)] for i in indices]).float()
        images = self._reduced(images)
        if self._lpips:
            return self._factor * self._network(images, originals, normalize=True).mean()
        return content_loss(self._network(images), originals, self._factor)

    def _reduced(self, images: Tensor) -> Tensor:
        if self._pixels is None or images.shape[-1] <= self._pixels:
            return images
        return F.interpolate(images, (self._pixels,) * 2, mode="bilinear", antialias=True)
