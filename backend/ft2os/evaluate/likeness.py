"""How much of the original a network still sees: LPIPS, and the distance of VGG16's features.

Both compare pictures of the object alone, before and after. The weights are looked for on this machine and
never fetched; where they are missing the number is null and the reason is said.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ft2os.errors import FileError, MissingError
from ft2os.evaluate.views import Drawn

if TYPE_CHECKING:
    from torch import Tensor


def measure(windows: Sequence[Drawn]) -> dict[str, float | str | None]:
    """Mean distances over the windows.

    Returns
    -------
    dict
        ``lpips``: Zhang et al. 2018, AlexNet; ``vgg``: mean squared difference of relu3_3, over the mean
        square of the original's; each with its ``…_reason`` where it is null.
    """
    distances: dict[str, float | str | None] = {}
    for name, make in (("lpips", _lpips), ("vgg", _vgg)):
        distances[name], distances[f"{name}_reason"] = _mean(windows, make)
    return distances


def _mean(
    windows: Sequence[Drawn], make: Callable[[], Callable[[Tensor, Tensor], Tensor]]
) -> tuple[float | None, str | None]:
    if not windows:
        return None, "no view shows the object well enough"
    if importlib.util.find_spec("torch") is None:
        return None, "torch is not installed"
    import torch

    try:
        distance = make()
    except (MissingError, FileError) as error:
        return None, error.message
    with torch.no_grad():
        return float(np.mean([float(distance(_tensor(d.before), _tensor(d.after))) for d in windows])), None


def _tensor(picture: np.ndarray) -> Tensor:  # [1, 3, H, W]
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))[None]


def _vgg() -> Callable[[Tensor, Tensor], Tensor]:
    from ft2os.guidance import perceptual

    network = perceptual.load_vgg()

    def distance(a: Tensor, b: Tensor) -> Tensor:
        was, now = network(a), network(b)
        return (now - was).square().mean() / was.square().mean().clamp_min(1e-12)

    return distance


def _lpips() -> Callable[[Tensor, Tensor], Tensor]:
    from ft2os.guidance.lpips_distance import load_lpips

    network = load_lpips()
    return lambda a, b: network(a, b, normalize=True)
