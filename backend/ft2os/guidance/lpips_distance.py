"""LPIPS (Zhang et al. 2018) on AlexNet: how different two pictures look, differentiable in both.

The package ``lpips`` brings its own linear heads but would download the backbone; here AlexNet's convolutions
are looked for on this machine and never fetched.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

from torch import nn

from ft2os.errors import FileError, MissingError
from ft2os.guidance import perceptual, torchvision_shim, weights

_NAMES = ("alexnet_features*.safetensors", "alexnet*.safetensors", "alexnet-*.pth", "alexnet*.pth")


def load_lpips() -> nn.Module:
    """The frozen network; call it as ``network(a, b, normalize=True)`` on [B, 3, H, W] in 0..1.

    Raises
    ------
    MissingError
        If the package or AlexNet's weights are not on this machine.
    FileError
        If the file holds other weights.
    """
    if importlib.util.find_spec("lpips") is None:
        raise MissingError("lpips is not installed.", "Install the engine: pip install 'ft2os[engine]'.")
    path = perceptual.find_features(_NAMES)
    if path is None:
        raise MissingError(
            "AlexNet's weights, which LPIPS needs, are not on this machine.",
            f"Put torchvision's alexnet-owt-7be5be79.pth into the folder that {weights.WEIGHTS_ENV} names.",
        )
    torchvision_shim.ensure()
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torchvision's, about an argument that lpips passes
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    _fill(network, path)
    return network.eval().requires_grad_(False)


def _fill(network: Any, path: Path) -> None:
    """Give LPIPS' AlexNet the convolutions of a file in torchvision's layout, ``features.<i>.weight``."""
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
