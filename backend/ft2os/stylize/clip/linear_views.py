"""The views that a run judges, as linear maps from colours to pixels, built once and drawn many times.

Such a view takes a few hundredths of a second to build. From then on a picture costs a millisecond, so it
pays after two pictures. While the judge looks at one batch, the views of the next are built on a thread.
Which views those are was settled before the run began, so nothing depends on who is faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians
from ft2os.render import linear
from ft2os.tiles.linear import LinearView

PRUNE = 1e-3
"""Weights below this are left out: a pixel is off by a hundredth at most, and the memory is two thirds."""
_OBJECT = 0.5  # alpha from which a pixel shows the object


class LinearViews:
    """Views of one set of Gaussians whose colours alone move.

    Parameters
    ----------
    gaussians : Gaussians
        Their own colours play no part.
    cameras : list of Camera
        Of one size.
    backgrounds : ndarray, [V, 3]
        Behind the object, one a view.
    device : str
        "cpu" or "cuda".
    ready : sequence of LinearView
        The first cameras' views where they exist already. A GPU builds its own.
    """

    def __init__(
        self,
        gaussians: Gaussians,
        cameras: list[Camera],
        backgrounds: np.ndarray,
        device: str,
        ready: Sequence[LinearView] = (),
    ) -> None:
        self._gaussians, self.cameras, self._device = gaussians, cameras, device
        self._backgrounds = torch.from_numpy(backgrounds.astype(np.float32)).to(device)
        self._views: dict[int, Future] = {}
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="ft2os-views")
        if device == "cpu":
            for index, view in enumerate(ready):
                self._views[index] = Future()
                self._views[index].set_result(_with_mask(view))

    def __len__(self) -> int:
        return len(self.cameras)

    def prefetch(self, indices: Iterable[int]) -> None:
        """Begin to build these views, if they are not there."""
        for index in map(int, indices):
            if index not in self._views:
                self._views[index] = self._builder.submit(self._build, index)

    def images(
        self,
        colours: Tensor,  # [M, 3]
        indices: Iterable[int],
    ) -> Tensor:  # [B, 3, H, W]
        """What the views with these indices see, differentiable in the colours."""
        indices = [int(index) for index in indices]
        self.prefetch(indices)
        drawn = [
            linear.apply(colours, self._views[i].result()[0], self._backgrounds[i]).permute(2, 0, 1)
            for i in indices
        ]
        return torch.stack(drawn).clamp(0, 1)

    def masks(self, indices: Iterable[int]) -> np.ndarray:  # [B, H, W] bool
        """Where the object is."""
        indices = [int(index) for index in indices]
        self.prefetch(indices)
        return np.stack([self._views[i].result()[1] for i in indices])

    def close(self) -> None:
        """Stop building; what runs ends by itself."""
        self._builder.shutdown(wait=False, cancel_futures=True)

    def _build(self, index: int) -> tuple:
        (view,) = linear.build(self._gaussians, [self.cameras[index]], prune=PRUNE, device=self._device)
        return _with_mask(view)


def _with_mask(view) -> tuple:
    """A view, and where it shows the object [H, W]."""
    alpha = view.alpha.cpu().numpy() if isinstance(view.alpha, Tensor) else view.alpha
    return view, alpha.reshape(view.camera.height, view.camera.width) > _OBJECT
