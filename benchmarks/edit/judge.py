"""Scores of colours on views that were never edited: PSNR, SSIM and, where VGG16's weights are, LPIPS."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from ft2os.stylize.edit.views import GREY
from ft2os.stylize.view_buffers import SurfaceView

_SOLID = 0.8  # alpha from which a pixel is judged
_JUDGED = 3  # LPIPS looks at every third view
_VGG = "vgg16_features_torchvision_layout_fp16.safetensors"


class Judge:
    """Compares pictures of colours with the right answer.

    Parameters
    ----------
    held : sequence of SurfaceView
    truths : sequence of ndarray, [H, W, 3]
        What they should show, premultiplied over black.
    """

    def __init__(self, held: Sequence[SurfaceView], truths: Sequence[np.ndarray]) -> None:
        self._held, self._truths, self._network = held, truths, _lpips()

    def __call__(self, colours: np.ndarray) -> dict[str, float]:
        """The scores of colours [M, 3]."""
        errors, alike, apart = [], [], []
        for i, (s, truth) in enumerate(zip(self._held, self._truths)):
            shown = s.view.image(colours)
            alpha = s.view.alpha.reshape(s.mask.shape)
            judged = s.mask & (alpha > _SOLID)
            errors.append(float(((shown - truth)[judged] ** 2).mean()))
            alike.append(float(ssim(shown, truth)[judged].mean()))
            if self._network is not None and i % _JUDGED == 0:
                behind = GREY * (1 - alpha[..., None])
                apart.append(_distance(self._network, shown + behind, truth + behind))
        scores = {"psnr": float(-10 * np.log10(np.mean(errors))), "ssim": float(np.mean(alike))}
        return scores | ({"lpips_vgg": float(np.mean(apart))} if apart else {})


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004), windows of 1.5 pixels, mean of the channels.  [H, W]"""

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, (1.5, 1.5, 0))

    ma, mb = mean(a), mean(b)
    va, vb, both = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    found = ((2 * ma * mb + 1e-4) * (2 * both + 9e-4)) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return found.mean(axis=-1)


def _distance(network, a: np.ndarray, b: np.ndarray) -> float:
    import torch

    one, other = (torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None] for x in (a, b))
    with torch.no_grad():
        return float(network(one, other, normalize=True))


def _lpips():
    """LPIPS on VGG16, which no fit optimises; None where its weights are not."""
    path = Path(os.environ.get("FT2OS_TEST_DATA", "../shared/data")) / "perceptual" / _VGG
    if not path.exists():
        return None
    from ft2os.guidance import torchvision_shim

    torchvision_shim.ensure()
    import lpips
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    state = load_file(path)
    for part in range(1, network.net.N_slices + 1):
        for index, layer in getattr(network.net, f"slice{part}").named_children():
            if hasattr(layer, "weight"):
                layer.load_state_dict({k: state[f"features.{index}.{k}"].float() for k in ("weight", "bias")})
    return network.eval().requires_grad_(False)
