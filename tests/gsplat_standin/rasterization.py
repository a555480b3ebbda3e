"""Splats to pixels, tile by tile, by the dense reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from tests import reference
from tests.gsplat_standin import checks
from tests.gsplat_standin.projection import fully_fused_projection
from tests.gsplat_standin.tiles import isect_offset_encode, isect_tiles


def rasterization(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4]
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    colors: Tensor,  # [(C,) N, 3] or [(C,) N, K, 3]
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    packed: bool = True,
    tile_size: int = 16,
    backgrounds: Tensor | None = None,
    render_mode: Literal["RGB", "D", "ED", "RGB+D", "RGB+ED"] = "RGB",
    sparse_grad: bool = False,
    absgrad: bool = False,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
    channel_chunk: int = 32,
    distributed: bool = False,
    camera_model: Literal["pinhole", "ortho", "fisheye", "ftheta"] = "pinhole",
    segmented: bool = False,
    covars: Tensor | None = None,
    with_ut: bool = False,
    with_eval3d: bool = False,
    radial_coeffs: Tensor | None = None,
    tangential_coeffs: Tensor | None = None,
    thin_prism_coeffs: Tensor | None = None,
    ftheta_coeffs: Any | None = None,
    rolling_shutter: Any | None = None,
    viewmats_rs: Tensor | None = None,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Colours and Σ w·z [C, H, W, 4], alphas [C, H, W, 1], and what was found on the way."""
    checks.unused(
        packed=(packed, False), backgrounds=(backgrounds, None), render_mode=(render_mode, "RGB+D"),
        sparse_grad=(sparse_grad, False), channel_chunk=(channel_chunk, 32), distributed=(distributed, False),
        with_ut=(with_ut, False), with_eval3d=(with_eval3d, False), radial_coeffs=(radial_coeffs, None),
        tangential_coeffs=(tangential_coeffs, None), thin_prism_coeffs=(thin_prism_coeffs, None),
        ftheta_coeffs=(ftheta_coeffs, None), rolling_shutter=(rolling_shutter, None),
        viewmats_rs=(viewmats_rs, None),
    )  # fmt: skip
    n, cameras = means.shape[-2], viewmats.shape[-3]
    bands = colors.shape[-2:] if sh_degree is not None else colors.shape[-1:]
    assert colors.shape in ((n, *bands), (cameras, n, *bands)), colors.shape
    assert sh_degree is None or (sh_degree + 1) ** 2 <= colors.shape[-2], colors.shape
    checks.on_gpu(colors=colors)
    radii, means2d, depths, conics, compensations = fully_fused_projection(
        means, covars, quats, scales, viewmats, Ks, width, height,
        eps2d=eps2d, packed=packed, near_plane=near_plane, far_plane=far_plane, radius_clip=radius_clip,
        sparse_grad=sparse_grad, calc_compensations=rasterize_mode == "antialiased",
        camera_model=camera_model, opacities=opacities,
    )  # fmt: skip
    seen = opacities[None].expand(cameras, n)
    if compensations is not None:
        seen = seen * compensations
    shown = colors.expand(cameras, *colors.shape[-len(bands) - 1 :])
    if sh_degree is not None:
        visible = (radii > 0).all(-1)
        shown = torch.stack([_shown(*x, sh_degree, means) for x in zip(shown, viewmats, visible)])
    shown = torch.cat([shown, depths[..., None]], -1)
    across, down = math.ceil(width / tile_size), math.ceil(height / tile_size)
    tiles_per_gauss, isect_ids, flatten_ids = isect_tiles(
        means2d, radii, depths, tile_size, across, down, segmented=segmented, packed=packed
    )
    offsets = isect_offset_encode(isect_ids, cameras, across, down)
    pictures, alphas = _draw(
        means2d, conics, shown, seen, width, height, tile_size, offsets, flatten_ids, absgrad
    )
    meta = {
        "batch_ids": None, "camera_ids": None, "gaussian_ids": None, "radii": radii, "means2d": means2d,
        "depths": depths, "conics": conics, "opacities": seen, "tile_width": across, "tile_height": down,
        "tiles_per_gauss": tiles_per_gauss, "isect_ids": isect_ids, "flatten_ids": flatten_ids,
        "isect_offsets": offsets, "width": width, "height": height, "tile_size": tile_size,
        "n_batches": 1, "n_cameras": cameras,
    }  # fmt: skip
    return pictures, alphas, meta


@torch.no_grad()
def rasterize_to_indices_in_range(
    range_start: int,
    range_end: int,
    transmittances: Tensor,  # [..., H, W]
    means2d: Tensor,  # [..., N, 2]
    conics: Tensor,  # [..., N, 3]
    opacities: Tensor,  # [..., N]
    image_width: int,
    image_height: int,
    tile_size: int,
    isect_offsets: Tensor,  # [..., tile_height, tile_width] int32
    flatten_ids: Tensor,  # [M] int32
) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussians, pixels (row-major) and images of all contributions, int64 [M]; by pixel, nearest first."""
    images, n = means2d.shape[:-2], means2d.shape[-2]
    assert means2d.shape == (*images, n, 2), means2d.shape
    assert conics.shape == (*images, n, 3), conics.shape
    assert opacities.shape == (*images, n), opacities.shape
    assert transmittances.shape == (*images, image_height, image_width), transmittances.shape
    assert isect_offsets.shape[:-2] == images, isect_offsets.shape
    assert 0 <= range_start < 2**32, "gsplat takes 32 bits without sign"
    assert 0 <= range_end < 2**32, "gsplat takes 32 bits without sign"
    checks.on_gpu(means2d=means2d, conics=conics, opacities=opacities, transmittances=transmittances)
    whole = range_start == 0 and range_end >= len(flatten_ids) and bool((transmittances == 1).all())
    if not whole:
        raise NotImplementedError("the stand-in for gsplat draws from front to back in one go")
    parts = []
    for image, top, left, ids, pixels in _tiles(
        image_width, image_height, tile_size, isect_offsets, flatten_ids
    ):
        weights, _, _ = _blend(means2d, conics, opacities, ids, pixels)
        row, y, x = torch.nonzero(weights > 0).unbind(1)
        pixel = (image * image_height + top + y) * image_width + left + x
        parts.append(torch.stack([pixel, torch.arange(len(row), device=row.device), ids.long()[row] % n]))
    if not parts:
        return tuple(torch.zeros(0, dtype=torch.int64, device=means2d.device) for _ in range(3))
    found = torch.cat(parts, 1)  # in a tile by splat, and a pixel lies in one tile
    found = found[:, found[0].sort(stable=True).indices]
    size = image_width * image_height
    return found[2], found[0] % size, found[0] // size


def _shown(coefficients: Tensor, viewmat: Tensor, visible: Tensor, degree: int, means: Tensor) -> Tensor:
    rows = torch.nonzero(visible)[:, 0]
    wide = [x.double() for x in (coefficients[rows], means[rows], viewmat)]
    shown = reference.colours(wide[0], degree, wide[1], wide[2]).float()
    return torch.full_like(means, float("nan")).index_put((rows,), shown)


def _draw(means2d, conics, shown, opacities, width, height, tile_size, offsets, flatten_ids, absgrad):
    cameras, across = len(offsets), offsets.shape[-1]
    channels, pull = shown.shape[-1], _Pull(means2d) if absgrad else None
    shown = shown.reshape(-1, channels)
    drawn = []
    for _, _, _, ids, pixels in _tiles(width, height, tile_size, offsets, flatten_ids, empty=True):
        weights, rest, _ = _blend(means2d, conics, opacities, ids, pixels, pull)
        picture = torch.einsum("mhw,mc->hwc", weights, shown[ids.long()].double())
        drawn.append(torch.cat([picture, 1 - rest[..., None]], -1).float())
    rows = [torch.cat(drawn[i : i + across], 1) for i in range(0, len(drawn), across)]
    whole = torch.cat(rows).reshape(cameras, height, width, channels + 1)
    return whole[..., :-1], whole[..., -1:]


def _tiles(
    width: int, height: int, size: int, offsets: Tensor, flatten_ids: Tensor, empty: bool = False
) -> Iterator[tuple[int, int, int, Tensor, Tensor]]:
    """Image, top, left, splats [M] and middles of the pixels [h, w, 2] of each tile that has any splats."""
    assert offsets.dtype == flatten_ids.dtype == torch.int32, (offsets.dtype, flatten_ids.dtype)
    checks.on_gpu(isect_offsets=offsets, flatten_ids=flatten_ids)
    down, across = offsets.shape[-2:]
    assert down * size >= height and across * size >= width, offsets.shape  # noqa: PT018
    starts = [*offsets.reshape(-1).tolist(), len(flatten_ids)]
    for number, (start, end) in enumerate(pairwise(starts)):
        if start == end and not empty:
            continue
        image, tile = divmod(number, down * across)
        top, left = (size * x for x in divmod(tile, across))
        ys, xs = (
            torch.arange(low, min(low + size, most), device=offsets.device) + 0.5
            for low, most in ((top, height), (left, width))
        )
        pixels = torch.stack(torch.meshgrid(ys, xs, indexing="ij")[::-1], -1).double()
        yield image, top, left, flatten_ids[start:end], pixels


def _blend(means2d, conics, opacities, ids, pixels, pull=None):
    rows = ids.long()
    centres = means2d.reshape(-1, 2)[rows].double()[:, None, None]
    if pull is not None and torch.is_grad_enabled():
        centres = pull.watch(centres.expand(-1, *pixels.shape), rows)
    a, b, c = conics.reshape(-1, 3)[rows].double().unbind(1)
    precisions = torch.stack([a, b, b, c], 1).reshape(-1, 2, 2)
    return reference.blend(centres, precisions, opacities.reshape(-1)[rows].double(), pixels)


class _Pull:
    """Sums of the absolute gradients of a splat's centre over its pixels: ``means2d.absgrad`` of gsplat."""

    def __init__(self, means2d: Tensor) -> None:
        self._means2d, self._sums = means2d, torch.zeros_like(means2d)

    def watch(self, centres: Tensor, rows: Tensor) -> Tensor:
        """``centres`` [M, h, w, 2], one for each pixel, whose gradients are added up."""
        if not centres.requires_grad:
            centres = centres.clone().requires_grad_()

        def add(gradient: Tensor) -> None:
            self._sums.view(-1, 2).index_add_(0, rows, gradient.abs().sum((1, 2)).float())
            self._means2d.absgrad = self._sums

        centres.register_hook(add)
        return centres
