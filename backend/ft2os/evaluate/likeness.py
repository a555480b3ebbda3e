"""How much of the original a network still sees: LPIPS, and the distance of VGG16's features.

Both compare pictures of the object alone, before and after. The weights are looked for on this machine and
never fetched; where they are missing the number is null and the reason is said.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os.errors import FileError, MissingError
from ft2os.evaluate.views import Drawn

if TYPE_CHECKING:
    from torch import Tensor

_ALEXNET = ("alexnet_features*.safetensors", "alexnet*.safetensors", "alexnet-*.pth", "alexnet*.pth")


def measure(windows: Sequence[Drawn]) -> dict[str, float | str | None]:
    """Mean distances over the windows.

    Returns
    -------
    dict
        ``lpips``: Zhang et al. 2018, AlexNet; ``vgg``: mean squared difference of relu3_3, over the mean
        square of the original's; each with its ``…_reason`` where it is null.
    """
    found: dict[str, float | str | None] = {}
    for name, make in (("lpips", _lpips), ("vgg", _vgg)):
        found[name], found[f"{name}_reason"] = _mean(windows, make)
    return found


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
    from ft2os.guidance import perceptual, torchvision_shim

    if importlib.util.find_spec("lpips") is None:
        raise MissingError("lpips is not installed.", "Install the engine: pip install 'ft2os[engine]'.")
    path = perceptual.find_features(_ALEXNET)
    if path is None:
        raise MissingError("AlexNet's weights are not on this machine.")
    torchvision_shim.ensure()
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torchvision's, about an argument that lpips passes
        # pnet_rand: the package brings its own linear heads but would download the backbone.
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    _fill(network, path)
    return lambda a, b: network(a, b, normalize=True)


def _fill(network, path: Path) -> None:
    """Give LPIPS' AlexNet the convolutions of a file in torchvision's layout, ``features.<i>.weight``."""
    from ft2os.guidance import perceptual

    state = perceptual.read_state(path)
    layers = {}
    for part in range(1, network.net.N_slices + 1):  # the slices keep torchvision's indices as names
        layers |= dict(getattr(network.net, f"slice{part}").named_children())
    try:
        for index, layer in layers.items():
            if hasattr(layer, "weight"):
                layer.load_state_dict(
                    {name: state[f"features.{index}.{name}"].float() for name in ("weight", "bias")}
                )
    except (KeyError, RuntimeError) as error:
        raise FileError(f"{path} does not hold AlexNet's convolutions.", "Use torchvision's.") from error
