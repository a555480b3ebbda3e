"""The engine for NVIDIA GPUs: gsplat. Import it only where ``torch.cuda.is_available()``.

gsplat compiles its kernels at first use, which takes minutes: that is said once, in the log.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor

_log = logging.getLogger(__name__)
_told = False


def _tell_about_compiling() -> None:
    global _told
    if not _told:
        _told = True
        _log.info("gsplat compiles its CUDA kernels at first use; this can take several minutes, once.")


def features(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4]
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    colours: Tensor,  # [1 or C, N, K, 3]
    degree: int,
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    antialiased: bool,
) -> tuple[Tensor, Tensor]:
    """Σ w·(rgb, z) [C, H, W, 4] and the transmittance left [C, H, W], on the means' device."""
    _tell_about_compiling()
    import gsplat

    cameras = len(viewmats)
    if len(means) == 0 or cameras == 0:
        shape = (cameras, height, width)
        return means.new_zeros((*shape, 4)), means.new_ones(shape)
    colours = colours[0] if len(colours) == 1 else colours
    drawn, alphas, _ = gsplat.rasterization(
        means.float(), quats.float(), scales.float(), opacities.float(),
        colours.squeeze(-2).float() if degree < 0 else colours.float(),
        viewmats.to(means.device, torch.float32), Ks.to(means.device, torch.float32), width, height,
        sh_degree=None if degree < 0 else degree,
        packed=False,
        render_mode="RGB+D",
        rasterize_mode="antialiased" if antialiased else "classic",
    )  # fmt: skip
    return drawn, 1.0 - alphas.squeeze(-1)
