"""Feature matching: the painted colours moved until every patch looks like some patch of the material.

Nearest-neighbour matching on VGG16's relu3 features (Zhang et al., "ARF: Artistic Radiance Fields", 2022;
StyleSplat), in the linear colour form. The painted targets hold the object's own light and dark in place.
Wants torch and VGG16's weights; the material method asks for them before it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ft2os.errors import MissingError
from ft2os.stylize.relief import CEILING
from ft2os.stylize.survey import Survey

LAYER = "relu3_1"
RATE = 0.015
HOLD = 4.0  # of the squared distance to the painted targets, beside the matching term
_EXEMPLARS = 1600  # features of the material to match with


def weights() -> Path:
    """Where VGG16's weights are.

    Raises
    ------
    MissingError
        If they or torch are not here.
    """
    try:
        from ft2os.guidance.perceptual import find_vgg
    except ImportError as error:
        raise MissingError(
            "The preset 'high' needs torch, which is not installed.",
            "Install the extra: pip install 'ft2os[engine]', or use the preset 'standard'.",
        ) from error
    path = find_vgg()
    if path is None:
        raise MissingError(
            "The preset 'high' needs VGG16's weights, and there are none on this machine.",
            "Put vgg16-397923af.pth into the folder that FT2OS_WEIGHTS names, or use the preset 'standard'.",
        )
    return path


def run(
    surveys: list[Survey],
    colours: np.ndarray,  # [N, 3]
    targets: list[np.ndarray],  # of [H, W, 3], premultiplied
    exemplar: np.ndarray,  # [S, S, 3] the bare material
    path: Path,
    steps: int,
    seed: int,
    show: Callable[[int, float, np.ndarray], None],
) -> np.ndarray:  # [N, 3]
    """Refined colours; ``show(step, loss, colours)`` is called after every step and may raise to stop."""
    import torch
    import torch.nn.functional as F

    from ft2os.guidance.perceptual import load_vgg
    from ft2os.render.linear import apply

    network = load_vgg(path)
    order = np.random.default_rng(seed)
    style = _features(network, torch.from_numpy(exemplar))
    style = F.normalize(style[:, torch.from_numpy(order.permutation(style.shape[1])[:_EXEMPLARS])], dim=0)
    now = torch.from_numpy(colours.copy()).requires_grad_(True)
    optimizer = torch.optim.Adam([now], lr=RATE, betas=(0.9, 0.99))
    queue: list[int] = []
    for step in range(1, steps + 1):
        queue = queue or order.permutation(len(surveys)).tolist()
        index = queue.pop()
        s, target = surveys[index], torch.from_numpy(targets[index].astype(np.float32))
        image = apply(now, s.view).reshape(target.shape)
        found = _features(network, image.clamp(0, 1))
        mask = torch.from_numpy(s.mask[None, None].astype(np.float32))
        inside = F.adaptive_avg_pool2d(mask, [n // 4 for n in s.mask.shape]).flatten() > 0.9
        found = F.normalize(found[:, inside], dim=0)
        match = (1 - (found.T @ style).amax(dim=1)).mean()
        loss = match + HOLD * (image - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            now.clamp_(0, CEILING)
        show(step, float(loss.detach()), now.detach().numpy())
    return now.detach().numpy()


def _features(network, image):
    """[H, W, 3] -> [C, H/4 · W/4]"""
    return network.layers(image.permute(2, 0, 1)[None], [LAYER])[LAYER][0].flatten(1)
