"""A style image beside the prompt: feature matching as one more term of the objective."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from ft2os.guidance import perceptual, style_image
from ft2os.stylize import feature_match

_PIXELS = 192  # VGG16 takes a quarter of a second for such a picture on two cores
_LARGEST = 512


class Style:
    """How far pictures are from the style of an image.

    Raises
    ------
    MissingError
        If VGG16's weights are not on this machine.
    FileError
        If the image cannot be read.
    """

    def __init__(self, path: Path, seed: int, device: str) -> None:
        weights = feature_match.weights("A style image")
        picture = style_image.load(path, _LARGEST)
        network = perceptual.load_vgg(weights).to(device)
        self._matcher = feature_match.Matcher(network, [picture], seed=seed)

    def __call__(
        self,
        images: Tensor,  # [B, 3, H, W]
        masks: Tensor,  # [B, 1, H, W]
    ) -> Tensor:  # []
        """Mean distance of the object's features to the image's nearest, 0..2."""
        small = F.interpolate(images, (_PIXELS, _PIXELS), mode="bilinear", antialias=True)
        inside = F.interpolate(masks, (_PIXELS, _PIXELS), mode="bilinear", antialias=True)
        return self._matcher.matching_loss(small, inside)
