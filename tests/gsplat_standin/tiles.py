"""Which splats touch which tile, nearest first."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tests.gsplat_standin import checks


def _tile_bits(tiles: int) -> int:
    return math.floor(math.log2(tiles)) + 1


@torch.no_grad()
def isect_tiles(
    means2d: Tensor,  # [..., N, 2]
    radii: Tensor,  # [..., N, 2] int32
    depths: Tensor,  # [..., N]
    tile_size: int,
    tile_width: int,
    tile_height: int,
    sort: bool = True,
    segmented: bool = False,
    packed: bool = False,
    n_images: int | None = None,
    image_ids: Tensor | None = None,
    gaussian_ids: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tiles of each splat int32 [..., N]; ids int64 [M]; flat indices of the splats int32 [M].

    An id is the image, the tile and the bits of the depth, in 64 bits: image | tile | depth (32 bits).
    """
    checks.unused(
        sort=(sort, True), segmented=(segmented, False), packed=(packed, False),
        image_ids=(image_ids, None), gaussian_ids=(gaussian_ids, None),
    )  # fmt: skip
    n = means2d.shape[-2]
    images = math.prod(means2d.shape[:-2])
    assert means2d.dim() > 2, "gsplat takes what has two dimensions for packed"
    assert radii.shape == means2d.shape, radii.shape
    assert depths.shape == means2d.shape[:-1], depths.shape
    assert radii.dtype == torch.int32, radii.dtype
    checks.on_gpu(means2d=means2d, radii=radii, depths=depths)
    device = means2d.device
    flat = torch.nonzero((radii > 0).all(-1).reshape(-1))[:, 0]
    at, reach = means2d.reshape(-1, 2)[flat] / tile_size, radii.reshape(-1, 2)[flat] / tile_size
    most = torch.tensor([tile_width, tile_height], device=device)
    low = torch.minimum(torch.floor(at - reach).clamp_min(0), most).long()
    high = torch.minimum(torch.ceil(at + reach).clamp_min(0), most).long()
    across, down = (high - low).unbind(1)
    count = across * down
    per_splat = torch.zeros(images * n, dtype=torch.int32, device=device).index_put((flat,), count.int())

    row = torch.arange(len(flat), device=device).repeat_interleave(count)
    place = torch.arange(len(row), device=device) - (count.cumsum(0) - count)[row]
    tile = (low[row, 1] + place // across[row]) * tile_width + low[row, 0] + place % across[row]
    image = flat[row] // n
    depth = depths.reshape(-1)[flat][row].contiguous().view(torch.int32).long() & 0xFFFFFFFF
    ids = (((image << _tile_bits(tile_width * tile_height)) | tile) << 32) | depth
    ids, order = ids.sort(stable=True)
    return per_splat.reshape(depths.shape), ids, flat[row][order].int()


@torch.no_grad()
def isect_offset_encode(isect_ids: Tensor, n_images: int, tile_width: int, tile_height: int) -> Tensor:
    """Where each tile's splats begin in the sorted list.  int32 [I, tile_height, tile_width]"""
    checks.on_gpu(isect_ids=isect_ids)
    tiles = tile_width * tile_height
    bits = _tile_bits(tiles)
    which = isect_ids >> 32
    place = (which >> bits) * tiles + (which & ((1 << bits) - 1))
    first = torch.searchsorted(place, torch.arange(n_images * tiles, device=isect_ids.device))
    return first.int().reshape(n_images, tile_height, tile_width)
