"""VGG16's features, which say whether two pictures show the same things in the same places.

Only the convolutions up to relu3_3, which the paper's regularisation compares, with ImageNet normalisation.
The weights are looked for on this machine and never fetched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ft2os.errors import FileError, MissingError
from ft2os.guidance import weights

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)

# Output channels of the convolutions up to relu3_3 by their index in torchvision's ``vgg16.features``.
_CONVOLUTIONS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256}
_POOL_BEFORE = {5, 10}
# Layers by the index of their convolution.
_LAYERS = {
    0: "relu1_1",
    2: "relu1_2",
    5: "relu2_1",
    7: "relu2_2",
    10: "relu3_1",
    12: "relu3_2",
    14: "relu3_3",
}

# What the file of each source may be called, in the order of preference.
_NAMES = ("vgg16_features*.safetensors", "vgg16*.safetensors", "vgg16-*.pth", "vgg16*.pth", "vgg16*.pt")

_FIX = "Use a checkpoint in torchvision's layout, as vgg16-397923af.pth is."


class Vgg16(nn.Module):
    """VGG16 up to relu3_3, frozen.  [B, 3, H, W] in 0..1 to [B, 256, H/4, W/4]"""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        channels, layers = 3, {}
        for index, width in _CONVOLUTIONS.items():
            layers[str(index)] = nn.Conv2d(channels, width, 3, padding=1)
            channels = width
        self.features = nn.ModuleDict(layers)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images, ["relu3_3"])["relu3_3"]

    def layers(self, images: Tensor, names: list[str]) -> dict[str, Tensor]:
        """Features of several layers ("relu1_1" to "relu3_3") in one pass."""
        features: dict[str, Tensor] = {}
        x = (images - self.mean) / self.std
        for index in _CONVOLUTIONS:
            if index in _POOL_BEFORE:
                x = F.max_pool2d(x, 2)
            x = F.relu(self.features[str(index)](x))
            name = _LAYERS[index]
            if name in names:
                features[name] = x
        return features


def find_vgg() -> Path | None:
    """VGG16's weights on this machine, or None.

    Searched: the folder ``FT2OS_WEIGHTS``, ft2os' cache, torch's hub cache, ``FT2OS_TEST_DATA/perceptual``.
    """
    return find_features(_NAMES)


def find_features(patterns: Sequence[str]) -> Path | None:
    """The first file of the searched folders that one of the glob ``patterns`` fits, or None."""
    folders = [*weights.weight_folders(), Path(torch.hub.get_dir()) / "checkpoints"]
    if os.environ.get(weights.TEST_DATA_ENV):
        folders.append(Path(os.environ[weights.TEST_DATA_ENV]) / "perceptual")
    files = (path for folder in folders for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next(files, None)


def load_vgg(path: Path | None = None) -> Vgg16:
    """VGG16 with the weights of a file in torchvision's layout (``features.*``), in float32.

    Parameters
    ----------
    path : Path, optional
        A .safetensors, .pth or .pt file; what ``find_vgg`` finds by default.

    Raises
    ------
    MissingError
        If no file is given and none is found.
    FileError
        If the file is no such checkpoint.
    """
    path = path or find_vgg()
    if path is None:
        raise MissingError(
            "VGG16's weights are not on this machine.",
            f"Put torchvision's vgg16-397923af.pth into the folder that {weights.WEIGHTS_ENV} names, "
            "or set the regularisation factor to 0.",
        )
    state = read_state(Path(path))
    network = Vgg16()
    try:
        # Later convolutions and the classifier, where the file has them, are not needed.
        network.load_state_dict({name: state[name].float() for name in network.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise FileError(f"{path} does not hold VGG16's convolutions.", _FIX) from error
    return network.eval().requires_grad_(False)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth or .pt file by name, without running anything from it.

    Raises
    ------
    MissingError, FileError
        If there is no such file, or it is none of these.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise MissingError(f"There is no file {path}.", "Name an existing checkpoint.") from error
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError, SafetensorError) as error:
        raise FileError(f"{path} cannot be read: {error}", _FIX) from error
