"""How hard a loss pulls each Gaussian across the screen: densification ranks them by it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class ScreenGradients:
    """The screen gradient of one ``rasterize``, there after the backward pass.

    gsplat gives the sums of absolute values over a splat's pixels (AbsGS), which do not cancel where one side
    screen_gradients left and the other right; the tiles give the plain gradient.
    """

    def __init__(self) -> None:
        self._read: Callable[[], tuple[Tensor, Tensor]] | None = None

    def provide(self, read: Callable[[], tuple[Tensor, Tensor]]) -> None:
        """For the engines: where to ask for ∂L/∂(x, y) in pixels [C, N, 2] and what is seen [C, N]."""
        self._read = read

    def each(self, width: int, height: int) -> tuple[Tensor, Tensor]:
        """Length of each Gaussian's gradient summed over the cameras, and how many cameras see it.

        In half pictures instead of pixels, as 3DGS has it, so that the size of the picture does not matter.

        Returns
        -------
        pull : Tensor, float32, [N]
        views : Tensor, float32, [N]

        Raises
        ------
        ValueError
            Before there was a backward pass.
        """
        if self._read is None:
            raise ValueError("there was no backward pass yet")
        gradient, seen = self._read()
        half = torch.tensor([0.5 * width, 0.5 * height], device=gradient.device)
        return (gradient * half).norm(dim=2).sum(dim=0), seen.float().sum(dim=0)
