"""A VGG16 of random weights, written as ft2os looks for it."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path) -> Path:
    """Put the weights into a folder, which ``FT2OS_WEIGHTS`` may name; the folder."""
    import torch

    from ft2os.guidance import perceptual

    torch.manual_seed(0)
    network = perceptual.Vgg16()
    for convolution in network.features.values():
        torch.nn.init.kaiming_normal_(convolution.weight)  # torch's default would fade the signal away
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), folder / "vgg16-random.pth")
    return folder
