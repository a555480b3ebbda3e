"""Gaussians to splats on the screen, camera by camera."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tests import reference
from tests.gsplat_standin import checks

ALPHA_THRESHOLD = 1 / 255
_EXTENT = 3.33  # standard deviations, where the opacity does not ask for less


def fully_fused_projection(
    means: Tensor,  # [N, 3]
    covars: Tensor | None,
    quats: Tensor | None,  # [N, 4]
    scales: Tensor | None,  # [N, 3]
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    eps2d: float = 0.3,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    packed: bool = False,
    sparse_grad: bool = False,
    calc_compensations: bool = False,
    camera_model: Literal["pinhole", "ortho", "fisheye", "ftheta"] = "pinhole",
    opacities: Tensor | None = None,  # [N]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """Radii int32 [C, N, 2], centres [C, N, 2], depths [C, N], conics [C, N, 3], compensations [C, N].

    A radius is 0 where a camera does not see a Gaussian; compensations are 0 there, the rest is NaN.
    Compensations are None unless asked for.
    """
    checks.unused(
        covars=(covars, None), eps2d=(eps2d, 0.3), packed=(packed, False), sparse_grad=(sparse_grad, False),
        camera_model=(camera_model, "pinhole"),
    )  # fmt: skip
    n, cameras = means.shape[0], viewmats.shape[0]
    assert means.shape == (n, 3), means.shape
    assert quats.shape == (n, 4), quats.shape
    assert scales.shape == (n, 3), scales.shape
    assert viewmats.shape == (cameras, 4, 4), viewmats.shape
    assert Ks.shape == (cameras, 3, 3), Ks.shape
    if opacities is None:
        raise NotImplementedError("the stand-in for gsplat wants opacities")
    assert opacities.shape == (n,), opacities.shape
    checks.on_gpu(means=means, quats=quats, scales=scales, viewmats=viewmats, Ks=Ks, opacities=opacities)
    wide = [x.double() for x in (means, quats, scales, opacities, viewmats, Ks)]
    each = [
        _project(
            *wide[:4], viewmat, K, width, height, (near_plane, far_plane), radius_clip, calc_compensations
        )
        for viewmat, K in zip(wide[4], wide[5])
    ]
    radii, centres, depths, conics, compensations = (torch.stack(parts) for parts in zip(*each))
    return radii, centres, depths, conics, compensations if calc_compensations else None


def _project(means, quats, scales, opacities, viewmat, K, width, height, planes, clip, compensated):
    z = means @ viewmat[2, :3] + viewmat[2, 3]
    index = torch.nonzero((z >= planes[0]) & (z <= planes[1]))[:, 0]
    centres, covariance, z = reference.project(
        means[index], quats[index], scales[index], viewmat, K, width, height
    )
    blurred = covariance + 0.3 * torch.eye(2, dtype=means.dtype, device=means.device)
    share = (torch.linalg.det(covariance).clamp_min(0) / torch.linalg.det(blurred)).sqrt()
    radii = _radii(blurred, opacities[index] * share if compensated else opacities[index]).detach()
    at, size = centres.detach(), torch.tensor([width, height], device=means.device)
    seen = (radii > 0).all(1) & (radii > clip).any(1)
    seen &= ((at + radii > 0) & (at - radii < size)).all(1)
    inverse = torch.linalg.inv(blurred)
    conics = torch.stack([inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]], 1)
    rows, n = index[seen], len(means)
    return (
        _placed(rows, radii[seen].int(), n, 0),
        *(_placed(rows, values[seen].float(), n, float("nan")) for values in (centres, z, conics)),
        _placed(rows, share[seen].float(), n, 0.0),
    )


def _radii(covariances: Tensor, opacities: Tensor) -> Tensor:
    """Pixels to the sides up to where alpha falls below its threshold; 0 where it is never above.  [M, 2]"""
    reach = (2 * torch.log(opacities / ALPHA_THRESHOLD).clamp_min(0)).sqrt().clamp_max(_EXTENT)
    radii = torch.ceil(reach[:, None] * covariances.diagonal(dim1=1, dim2=2).sqrt())
    return torch.where((opacities >= ALPHA_THRESHOLD)[:, None], radii, torch.zeros_like(radii))


def _placed(rows: Tensor, values: Tensor, n: int, elsewhere: float) -> Tensor:
    """``values`` at ``rows`` of ``n``."""
    out = torch.full((n, *values.shape[1:]), elsewhere, dtype=values.dtype, device=values.device)
    return out.index_put((rows,), values)
