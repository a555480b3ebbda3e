"""A dense float64 rasterizer with gsplat 1.5.3's semantics: the yardstick for both engines.

Every Gaussian is evaluated at every pixel, so it is for small scenes. It shares no code with the engines.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CLOSE_ALPHA = 1e-5  # relative: a contribution this near to a cutoff may fall on either side in float32
CLOSE_REST = 1e-7  # absolute, 1e-3 of the cutoff 1e-4


class Picture(NamedTuple):
    """One camera's picture; ``safe`` [H, W] is False where a contribution lies next to a cutoff."""

    rgb: Tensor  # [H, W, 3]
    alpha: Tensor  # [H, W]
    depth: Tensor  # [H, W]
    safe: Tensor  # [H, W]
    order: Tensor  # [M] the Gaussians in front of the camera, nearest first
    weights: Tensor  # [M, H, W]


def harmonics(degree: int, d: Tensor) -> Tensor:  # [N, 3] unit -> [N, (degree+1)²]
    """The real spherical harmonics of 3DGS, in Cartesian form."""
    x, y, z = d.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    Y = [torch.full_like(x, 0.28209479177387814)]
    if degree > 0:
        Y += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree > 1:
        Y += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
        ]
    if degree > 2:
        Y += [
            -0.5900435899266435 * y * (3 * xx - yy),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * zz - xx - yy),
            0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
            -0.4570457994644658 * x * (4 * zz - xx - yy),
            1.445305721320277 * z * (xx - yy),
            -0.5900435899266435 * x * (xx - 3 * yy),
        ]
    if degree > 3:
        Y += [
            2.5033429417967046 * x * y * (xx - yy),
            -1.7701307697799304 * y * z * (3 * xx - yy),
            0.9461746957575601 * x * y * (7 * zz - 1),
            -0.6690465435572892 * y * z * (7 * zz - 3),
            0.10578554691520431 * (zz * (35 * zz - 30) + 3),
            -0.6690465435572892 * x * z * (7 * zz - 3),
            0.47308734787878004 * (xx - yy) * (7 * zz - 1),
            -1.7701307697799304 * x * z * (xx - 3 * yy),
            0.6258357354491761 * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
        ]
    return torch.stack(Y, -1)


def rotation(quats: Tensor) -> Tensor:  # [N, 4] -> [N, 3, 3]
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(r, -1) for r in rows], -2)


def project(means, quats, scales, viewmat, K, width, height):
    """Screen centres [N, 2], covariances [N, 2, 2] without blur, depths [N]."""
    R, t = viewmat[:3, :3], viewmat[:3, 3]
    x, y, z = (means @ R.T + t).unbind(-1)
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    slack_x, slack_y = 0.15 * width / fx, 0.15 * height / fy
    hx = (x / z).clamp(-(cx / fx) - slack_x, (width - cx) / fx + slack_x)
    hy = (y / z).clamp(-(cy / fy) - slack_y, (height - cy) / fy + slack_y)
    zero = torch.zeros_like(z)
    J = torch.stack(
        [torch.stack([fx / z, zero, -fx * hx / z], -1), torch.stack([zero, fy / z, -fy * hy / z], -1)], -2
    )
    M = J @ R @ rotation(quats) @ torch.diag_embed(scales)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], -1), M @ M.mT, z


def colours(values, degree, means, viewmat):
    """Shown colours [N, 3] of [N, 3] (``degree`` None) or of harmonics [N, K, 3]."""
    if degree is None:
        return values
    eye = -viewmat[:3, :3].T @ viewmat[:3, 3]
    Y = harmonics(degree, torch.nn.functional.normalize(means - eye, dim=-1))
    return ((Y[..., None] * values[:, : Y.shape[1]]).sum(1) + 0.5).clamp_min(0)


def blend(
    centres: Tensor,  # [M, 1, 1, 2] or [M, H, W, 2], nearest first
    precisions: Tensor,  # [M, 2, 2]
    opacities: Tensor,  # [M]
    pixels: Tensor,  # [H, W, 2] their middles
    within: Tensor | None = None,  # [M, H, W] False where a splat does not count
) -> tuple[Tensor, Tensor, Tensor]:  # [M, H, W], [H, W], [H, W]
    """Every splat's weight in every pixel, what is left of the light behind, and where no cutoff is near."""
    d = pixels - centres
    sigma = 0.5 * torch.einsum("mhwi,mij,mhwj->mhw", d, precisions, d)
    raw = opacities[:, None, None] * torch.exp(-sigma)
    alpha = raw.clamp_max(0.999)
    counts = alpha >= 1 / 255
    if within is not None:
        counts = counts & within
    alpha = torch.where(counts, alpha, torch.zeros_like(alpha))
    after = torch.cumprod(1 - alpha, 0)
    stopped = (after <= 1e-4).cumsum(0) > 0
    safe = ~(
        ((raw * 255 - 1).abs() < CLOSE_ALPHA)
        | ((raw / 0.999 - 1).abs() < CLOSE_ALPHA)
        | ((after - 1e-4).abs() < CLOSE_REST)
    ).any(0)
    alpha = torch.where(stopped, torch.zeros_like(alpha), alpha)
    after = torch.cumprod(1 - alpha, 0)
    before = torch.cat([torch.ones_like(after[:1]), after])[:-1]
    rest = torch.cat([torch.ones_like(alpha[:0].sum(0))[None], after])[-1]
    return alpha * before, rest, safe


def draw(
    means, quats, scales, opacities, values, viewmat, K, width, height, *, degree=None, background=None,
    antialiased=False, near=0.01, depth_limit=None,
) -> Picture:  # fmt: skip
    """One camera; all tensors float64."""
    in_front = (means @ viewmat[2, :3] + viewmat[2, 3]) >= near
    index = torch.nonzero(in_front)[:, 0]
    centres, covariance, z = project(means[index], quats[index], scales[index], viewmat, K, width, height)
    blurred = covariance + 0.3 * torch.eye(2, dtype=means.dtype)
    o = opacities[index]
    if antialiased:
        o = o * (torch.linalg.det(covariance).clamp_min(0) / torch.linalg.det(blurred)).sqrt()
    by_depth = torch.argsort(z.detach(), stable=True)
    index, centres, blurred, z, o = (
        index[by_depth],
        centres[by_depth],
        blurred[by_depth],
        z[by_depth],
        o[by_depth],
    )

    ys, xs = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    pixels = torch.stack([xs, ys], -1).to(means.dtype)
    within = None if depth_limit is None else z[:, None, None] <= depth_limit
    weights, rest, safe = blend(centres[:, None, None], torch.linalg.inv(blurred), o, pixels, within)
    shown = colours(values[index], degree, means[index], viewmat)
    rgb = torch.einsum("mhw,mc->hwc", weights, shown)
    if background is not None:
        rgb = rgb + rest[..., None] * background
    depth = torch.einsum("mhw,m->hw", weights, z) / (1 - rest).clamp_min(1e-10)
    return Picture(rgb, 1 - rest, depth, safe, index, weights)
