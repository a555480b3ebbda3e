"""Where a shape needs more Gaussians: needles and large ones before the start, later by screen gradients.

A Gaussian that has to be in two places at once has the largest gradient on the screen (Kerbl et al. 2023).
It is halved along its longest axis; see `Shape.split` for the rule.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ft2os.losses.needle import ASPECT
from ft2os.render import ScreenGradients
from ft2os.stylize.geometry.shape import Shape

OVERSIZED = 0.06  # longest standard deviation over the object's extent
_FAINT = 0.05  # opacity below which a Gaussian is not worth a second one
_ROUNDS = 8  # halvings one after the other: 1/16 of the length


def split_long(shape: Shape, extent: float, max_gaussians: int, aspect: float = ASPECT) -> int:
    """Halve needles and oversized Gaussians until there are none, or ``max_gaussians`` in all.

    Parameters
    ----------
    shape : Shape
    extent : float
        The object's size, world units.
    max_gaussians : int
        Gaussians to end with; the longest go first.
    aspect : float
        Longest over middle axis from which a Gaussian is a needle.

    Returns
    -------
    int
        How many were added.
    """
    before = len(shape)
    for _ in range(_ROUNDS):
        scales = shape.active("scale").detach()
        ordered = scales.sort(dim=1, descending=True).values
        # Halving leaves a needle of 6 with 4.2, so only what gains from it is taken.
        urgency = torch.maximum(ordered[:, 0] / ordered[:, 1] / aspect, ordered[:, 0] / (OVERSIZED * extent))
        urgency[shape.active("opacity").detach() < _FAINT] = 0
        rows = _top(urgency, min(max_gaussians - len(shape), int((urgency > 1).sum())))
        if not len(rows):
            break
        shape.split(rows, scales[rows].argmax(dim=1))
    return len(shape) - before


class Densifier:
    """Sums each Gaussian's gradient on the screen since the last time, and splits those with the largest."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.clear()

    def clear(self) -> None:
        device = self._shape.parent.device
        self.screen_gradients = torch.zeros(len(self._shape), device=device)
        self.views = torch.zeros(len(self._shape), device=device)

    def add(self, screen_gradients: ScreenGradients, width: int, height: int) -> None:
        """Take in one backward pass."""
        gradients, views = screen_gradients.each(width, height)
        self.screen_gradients += gradients
        self.views += views

    def split(self, share: float, max_gaussians: int) -> int:
        """Halve the ``share`` of Gaussians with the largest gradient, the mean over the views that saw them.

        Never beyond ``max_gaussians`` in all; begins to remember anew.

        Returns
        -------
        int
            How many were added.
        """
        shape = self._shape
        rank = self.screen_gradients / self.views.clamp_min(1)
        rank[shape.active("opacity").detach() < _FAINT] = 0
        count = min(max_gaussians - len(shape), int(share * len(shape) + 0.5), int((rank > 0).sum()))
        rows = _top(rank, count)
        if len(rows):
            shape.split(rows, shape.active("scale").detach()[rows].argmax(dim=1))
        self.clear()
        return len(rows)


def _top(values: Tensor, count: int) -> Tensor:
    """Rows of the ``count`` largest values; of equals the first, so that a seed repeats itself."""
    return values.sort(descending=True, stable=True).indices[: max(count, 0)]
