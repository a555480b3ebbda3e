"""Adam on an object's colours against pictures of some of its views: L1 and LPIPS, as the paper has it.

Pictures come from the linear views, the same as the rasterizer's to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ft2os.guidance.lpips_distance import load_lpips
from ft2os.render.linear import apply
from ft2os.stylize.edit.views import GREY, EditViews


class Trainer:
    """Colours that are trained.

    Parameters
    ----------
    views : EditViews
    start : ndarray, [M, 3]
    rate : float
        Adam's, for display-referred colours.
    l1, lpips : float
        Weights of the two losses; where LPIPS has none its network is not loaded.

    Raises
    ------
    MissingError
        If the package lpips or AlexNet's weights are not here and LPIPS counts.
    """

    def __init__(
        self, views: EditViews, start: np.ndarray, *, rate: float, l1: float = 1.0, lpips: float = 1.0
    ) -> None:
        self._views, self._l1, self._lpips = views, l1, lpips
        self._network = load_lpips() if lpips else None
        self._colours = torch.from_numpy(np.array(start, np.float32)).requires_grad_()
        self._adam = torch.optim.Adam([self._colours], lr=rate, eps=1e-15)

    @property
    def colours(self) -> np.ndarray:
        """A copy of the colours as they are.  float32 [M, 3]"""
        return self._colours.detach().numpy().copy()

    def step(self, rows: Sequence[int], wanted: Sequence[np.ndarray]) -> tuple[float, dict[str, float]]:
        """Train on the views ``rows``; the loss and its terms.

        Parameters
        ----------
        rows : sequence of int
        wanted : sequence of ndarray, [H, W, 3]
            A picture for each of them, over grey; only the object counts.
        """
        alpha = torch.from_numpy(np.stack([self._views.alpha[row] for row in rows]))[..., None]
        behind = float(GREY) * (1 - alpha)
        shown = torch.stack([apply(self._colours, self._views.linear[row]) for row in rows]) + behind
        targets = torch.from_numpy(np.stack(wanted)).clamp(0, 1) * alpha + behind
        terms = {"l1": (shown - targets).abs().mean()}
        if self._network is not None:
            one, other = (pictures.permute(0, 3, 1, 2) for pictures in (shown, targets))
            terms["lpips"] = self._network(one, other, normalize=True).mean()
        loss = self._l1 * terms["l1"] + self._lpips * terms.get("lpips", torch.zeros(()))
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        with torch.no_grad():
            self._colours.clamp_(0, 1)
        return float(loss.detach()), {name: float(term.detach()) for name, term in terms.items()}
