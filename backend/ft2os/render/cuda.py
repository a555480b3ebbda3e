"""The engine for NVIDIA GPUs: gsplat. For tensors on a GPU only, where ``engine_name()`` is "gsplat".

gsplat compiles its kernels at first use, which takes minutes: that is said once, in the log.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

from ft2os.cameras.camera import Camera
from ft2os.device import CUDA, lacks_memory
from ft2os.errors import MissingError
from ft2os.render.screen_gradients import ScreenGradients
from ft2os.tiles.layout import TILE

log = logging.getLogger(__name__)


def _gsplat() -> ModuleType:
    """gsplat, its kernels loaded.

    Raises
    ------
    MissingError
        If they cannot be compiled or loaded.
    """
    lacking = _lacking()
    if lacking:
        raise MissingError(
            f"gsplat's kernels cannot be used: {lacking}",
            "Install NVIDIA's CUDA toolkit of the version that torch was built with. Without gsplat the GPU "
            "judges and the CPU draws; FT2OS_DEVICE=cpu leaves the GPU alone.",
        )
    import gsplat  # pyright: ignore[reportMissingImports]  only where there is a GPU

    return gsplat


@lru_cache(maxsize=1)
def _lacking() -> str | None:
    """Why there are no kernels, asked once: a failing compiler takes as long each time."""
    log.info("gsplat compiles its CUDA kernels at first use; this can take several minutes, once.")
    try:
        import gsplat  # pyright: ignore[reportMissingImports]  only where there is a GPU

        # The least that asks for a kernel: where the splats of one tile begin, of no splats at all.
        gsplat.isect_offset_encode(torch.zeros(0, dtype=torch.int64, device=CUDA), 1, 1, 1)
    except Exception as error:  # the errors of compilers, linkers and loaders share no class
        if lacks_memory(error):
            raise
        log.warning("gsplat's kernels cannot be used", exc_info=True)
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


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
    screen_gradients: ScreenGradients | None = None,
) -> tuple[Tensor, Tensor]:
    """Σ w·(rgb, z) [C, H, W, 4] and the transmittance left [C, H, W], on the means' device."""
    gsplat = _gsplat()

    cameras = len(viewmats)
    if len(means) == 0 or cameras == 0:
        shape = (cameras, height, width)
        return means.new_zeros((*shape, 4)), means.new_ones(shape)
    colours = colours[0] if len(colours) == 1 else colours
    drawn, alphas, info = gsplat.rasterization(
        means.float(), quats.float(), scales.float(), opacities.float(),
        colours.squeeze(-2).float() if degree < 0 else colours.float(),
        viewmats.to(means.device, torch.float32), Ks.to(means.device, torch.float32), width, height,
        sh_degree=None if degree < 0 else degree,
        packed=False,
        render_mode="RGB+D",
        rasterize_mode="antialiased" if antialiased else "classic",
        absgrad=screen_gradients is not None,
    )  # fmt: skip
    if screen_gradients is not None:
        # gsplat's backward pass leaves ``absgrad`` on this tensor; before it, there is nothing to read.
        means2d, radii = info["means2d"], info["radii"]  # not the rest, which holds the lists of all tiles
        screen_gradients.provide(lambda: (means2d.absgrad, (radii > 0).all(dim=-1)))
    return drawn, 1.0 - alphas.squeeze(-1)


def blend_weights(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4]
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    camera: Camera,
    antialiased: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every contribution to a picture: its pixel, Gaussian and weight [M]; and the Gaussians' depths [N]."""
    gsplat = _gsplat()

    device, width, height = means.device, camera.width, camera.height
    empty = torch.zeros(0, dtype=torch.int64, device=device)
    if len(means) == 0:
        return empty, empty, empty.float(), empty.float()
    viewmat = torch.as_tensor(camera.viewmat, dtype=torch.float32, device=device)[None]
    K = torch.as_tensor(camera.K, dtype=torch.float32, device=device)[None]
    radii, means2d, depths, conics, compensations = gsplat.fully_fused_projection(
        means, None, quats, scales, viewmat, K, width, height,
        packed=False, calc_compensations=antialiased, opacities=opacities,
    )  # fmt: skip
    effective = opacities[None] if compensations is None else opacities[None] * compensations
    across, down = -(-width // TILE), -(-height // TILE)
    _, isect_ids, flatten_ids = gsplat.isect_tiles(means2d, radii, depths, TILE, across, down, packed=False)
    depths = torch.where((radii > 0).all(-1), depths, torch.zeros_like(depths))[0]
    if len(flatten_ids) == 0:
        return empty, empty, empty.float(), depths
    offsets = gsplat.isect_offset_encode(isect_ids, 1, across, down).reshape(1, down, across)
    columns, pixels, _ = gsplat.rasterize_to_indices_in_range(
        0, 2**30, torch.ones((1, height, width), device=device), means2d, conics, effective,
        width, height, TILE, offsets, flatten_ids,
    )  # fmt: skip
    columns, pixels = columns.long(), pixels.long()

    d = torch.stack([pixels % width + 0.5, pixels // width + 0.5], -1) - means2d[0, columns]
    a, b, c = conics[0, columns].unbind(-1)
    sigma = 0.5 * (a * d[:, 0] ** 2 + c * d[:, 1] ** 2) + b * d[:, 0] * d[:, 1]
    alpha = (effective[0, columns] * torch.exp(-sigma)).clamp_max(0.999)
    # Contributions come pixel by pixel, nearest first: transmittance is a product over what precedes a
    # contribution in its pixel, taken as a difference of running sums of logarithms.
    logs = torch.log1p(-alpha.double())
    before = logs.cumsum(0) - logs
    first = torch.ones_like(pixels, dtype=torch.bool)
    first[1:] = pixels[1:] != pixels[:-1]
    start = before[first][first.long().cumsum(0) - 1]
    return pixels, columns, (alpha * torch.exp(before - start)).float(), depths
