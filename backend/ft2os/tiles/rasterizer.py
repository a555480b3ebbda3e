"""Gaussians and cameras in, pictures out: the numpy rasterizer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ft2os.gaussians import Gaussians
from ft2os.tiles.binning import bin_splats
from ft2os.tiles.blend import blend
from ft2os.tiles.numeric import ready
from ft2os.tiles.projection import splat


class Rendered(NamedTuple):
    """Pictures of C cameras, float32.

    Parameters
    ----------
    rgb : ndarray, [C, H, W, 3]
        Display-referred, over the background; may exceed 1.
    alpha : ndarray, [C, H, W]
    depth : ndarray, [C, H, W]
        Expected camera z, Σ w·z / Σ w; 0 where alpha is 0.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray


def render(
    gaussians: Gaussians,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    width: int,
    height: int,
    *,
    background: tuple[float, float, float] | np.ndarray = (0.0, 0.0, 0.0),
    antialiased: bool = False,
    depth_limit: np.ndarray | None = None,
) -> Rendered:
    """Draw Gaussians, with gsplat 1.5.3's semantics.

    Parameters
    ----------
    viewmats : ndarray, [C, 4, 4]
        World to camera.
    Ks : ndarray, [C, 3, 3]
        Intrinsics in pixels.
    background : [3] or [C, 3]
        Display-referred colour behind everything.
    antialiased : bool
        Lower a splat's opacity by what the 0.3 px² blur adds to its area (Mip-Splatting's 2-D filter).
    depth_limit : ndarray, [C, H, W], optional
        Camera z beyond which Gaussians do not contribute, pixel by pixel: where a mesh stands in front.

    Returns
    -------
    Rendered
    """
    splats = splat(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.sh[None],
        gaussians.degree, viewmats, Ks, width, height, antialiased=antialiased,
    )  # fmt: skip
    limit = None
    if depth_limit is not None:
        limit = ready(np.broadcast_to(depth_limit, (len(viewmats), height, width)))
    out = blend(splats, bin_splats(splats), limit)
    behind = np.broadcast_to(np.asarray(background, np.float32), (len(viewmats), 3))[:, None, None, :]
    rgb = out.features[..., :3] + out.rest[..., None] * behind
    alpha = 1.0 - out.rest
    depth = np.divide(out.features[..., 3], alpha, out=np.zeros_like(alpha), where=alpha > 0)
    return Rendered(rgb, alpha, depth)
