"""Luminance structure: the light and dark that makes a face a face, kept whatever colours it comes in."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ft2os.colour import LUMA

WINDOW = 9  # side in pixels of the squares that are compared
_FLOOR = 2e-4  # of a variance: 1.4 % of the range, which nobody sees as structure


def structure_loss(
    images: Tensor,  # [B, 3, H, W]
    originals: Tensor,  # [B, 3, H, W]
) -> Tensor:  # []
    """1 − the local correlation of luminance with the original's, weighed by how much structure there is.

    SSIM's structure term (Wang et al. 2004) without its brightness and contrast: a material may be darker or
    flatter, but what was a line should not end up as its opposite. Windows in which the original is even
    count little.

    Parameters
    ----------
    images, originals : Tensor [B, 3, H, W]
        Over the same background; no gradient goes to the originals.
    """
    now, then = _luminance(images), _luminance(originals.detach())

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, WINDOW, WINDOW // 2)

    now_mean, then_mean = mean(now), mean(then)
    now_spread = (mean(now * now) - now_mean**2).clamp_min(0) + _FLOOR
    then_spread = (mean(then * then) - then_mean**2).clamp_min(0) + _FLOOR
    shared = mean(now * then) - now_mean * then_mean
    weight = (then_spread - _FLOOR).sqrt()
    correlation = (shared + _FLOOR) / torch.sqrt(now_spread * then_spread)
    return 1 - (weight * correlation).sum() / weight.sum().clamp_min(1e-6)


def _luminance(images: Tensor) -> Tensor:  # [B, 1, H, W]
    weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)
