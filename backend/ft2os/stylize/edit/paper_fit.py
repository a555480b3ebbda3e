"""The paper's fit of edited views: Adam on the colours, L1 and LPIPS to the edits, a few views a step.

Algorithms 3 and 4 without their rasterizer: the picture of a view is its linear form's, the same to rounding.
It is what every benchmark compares with. Its loss averages what the edits disagree about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ft2os.stylize.edit.views import GREY, EditViews

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PaperSettings:
    """How long and how fast.

    Parameters
    ----------
    steps : int
    batch : int
        Views a step.
    rate : float
        Adam's, for display-referred colours.
    lpips : float
        Weight of LPIPS beside L1; at 0 its network is not loaded.
    """

    steps: int = 200
    batch: int = 4
    rate: float = 0.02
    lpips: float = 1.0


def paper(
    views: EditViews,
    edited: Sequence[np.ndarray],
    start: np.ndarray,
    settings: PaperSettings = PaperSettings(),
    tick: Callable[[float], None] = lambda share: None,
    seed: int = 0,
) -> np.ndarray:
    """Colours [M, 3] that show the edits, found as the paper does.

    Parameters
    ----------
    views : EditViews
    edited : sequence of ndarray, [H, W, 3]
        One a view, over grey.
    start : ndarray, [M, 3]
    settings : PaperSettings
    tick : callable
        Called with the finished share before each step; may raise to stop.
    seed : int
        Of the order of the views.

    Raises
    ------
    MissingError
        If torch, the package lpips or AlexNet's weights are not here and LPIPS counts.
    """
    import torch

    from ft2os.guidance.lpips_distance import load_lpips
    from ft2os.render.linear import apply

    network = load_lpips() if settings.lpips else None
    colours = torch.from_numpy(np.array(start, np.float32)).requires_grad_()
    adam = torch.optim.Adam([colours], lr=settings.rate, eps=1e-15)
    rng = np.random.default_rng(seed)
    for step in range(settings.steps):
        tick(step / settings.steps)
        rows = rng.choice(len(views), min(settings.batch, len(views)), replace=False).tolist()
        alpha = torch.from_numpy(np.stack([views.alpha[i] for i in rows]))[..., None]
        behind = float(GREY) * (1 - alpha)
        shown = torch.stack([apply(colours, views.linear[i]) for i in rows]) + behind
        wanted = torch.from_numpy(np.stack([edited[i] for i in rows])).clamp(0, 1) * alpha + behind
        loss = (shown - wanted).abs().mean()
        if network is not None:
            loss = loss + settings.lpips * _distance(network, shown, wanted)
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            colours.clamp_(0, 1)
    return colours.detach().numpy()


def _distance(network, shown: Tensor, wanted: Tensor) -> Tensor:
    """Mean LPIPS of pictures [B, H, W, 3]."""
    return network(shown.permute(0, 3, 1, 2), wanted.permute(0, 3, 1, 2), normalize=True).mean()
