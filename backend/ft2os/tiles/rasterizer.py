"""Gaussians and cameras in, pictures out; and for the optimisers, the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ft2os.gaussians import Gaussians
from ft2os.kernels import ready
from ft2os.tiles.binning import Bins, bin_splats
from ft2os.tiles.blend import Blended, blend
from ft2os.tiles.blend_backward import blend_backward
from ft2os.tiles.layout import COEF_A, COEF_Q, COEF_S, SUM_U, SUM_Y
from ft2os.tiles.projection import Splats, splat
from ft2os.tiles.projection_backward import Gradients, project_backward


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


@dataclass(frozen=True)
class Parameters:
    """What a pass needs, as ``splat`` takes it."""

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    colours: np.ndarray
    degree: int


@dataclass(frozen=True)
class Pass:
    """One forward pass and what its gradient needs."""

    parameters: Parameters
    splats: Splats
    bins: Bins
    blended: Blended
    antialiased: bool


def forward(
    parameters: Parameters,
    viewmats: np.ndarray,
    Ks: np.ndarray,
    width: int,
    height: int,
    *,
    antialiased: bool = False,
    depth_limit: np.ndarray | None = None,
) -> Pass:
    """Project, sort and blend for cameras ``viewmats`` [C, 4, 4], ``Ks`` [C, 3, 3]."""
    splats = splat(
        parameters.means, parameters.quats, parameters.scales, parameters.opacities, parameters.colours,
        parameters.degree, viewmats, Ks, width, height, antialiased=antialiased,
    )  # fmt: skip
    bins = bin_splats(splats)
    return Pass(parameters, splats, bins, blend(splats, bins, depth_limit), antialiased)


def backward(done: Pass, grad_features: np.ndarray, grad_rest: np.ndarray) -> Gradients:
    """Gradients of all parameters from those of the features [C, H, W, 4] and the rest [C, H, W]."""
    return parameter_gradients(done, *pixel_sums(done, grad_features, grad_rest))


def pixel_sums(done: Pass, grad_features: np.ndarray, grad_rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The half of `backward` that walks through the pixels; see ``blend_backward``."""
    return blend_backward(done.splats, done.bins, done.blended, ready(grad_features), ready(grad_rest))


def parameter_gradients(done: Pass, sums: np.ndarray, slots: np.ndarray) -> Gradients:
    """The half of `backward` that walks through the Gaussians."""
    p = done.parameters
    return project_backward(
        p.means, p.quats, p.scales, p.opacities, p.colours, p.degree, done.splats, sums, slots,
        antialiased=done.antialiased,
    )  # fmt: skip


def screen_gradients(done: Pass, sums: np.ndarray, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of every splat's centre on the screen, per pixel.

    Returns
    -------
    gradient : ndarray, float32, [C, N, 2]
    seen : ndarray, bool, [C, N]
    """
    seen = slots[1:] > slots[:-1]
    gradient = np.zeros((len(seen), 2), np.float32)
    if seen.any():
        u, y = np.add.reduceat(sums[:, [SUM_U, SUM_Y]], slots[:-1][seen], axis=0, dtype=np.float64).T
        a, s, q = done.splats.records[seen][:, [COEF_A, COEF_S, COEF_Q]].T.astype(np.float64)
        # sigma = ½a·u² + ½q·dy² with u = dx + s·dy, and moving the centre lessens dx and dy.
        gradient[seen] = -np.stack([a * u, s * a * u + q * y], axis=1)
    shape = (len(done.splats.cams), done.splats.count)
    return gradient.reshape(*shape, 2), seen.reshape(shape)


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
    g = gaussians
    parameters = Parameters(g.means, g.quats, g.scales, g.opacities, g.sh[None], g.degree)
    cameras = len(viewmats)
    limit = None if depth_limit is None else ready(np.broadcast_to(depth_limit, (cameras, height, width)))
    done = forward(parameters, viewmats, Ks, width, height, antialiased=antialiased, depth_limit=limit)
    features, rest = done.blended.features, done.blended.rest
    behind = np.broadcast_to(np.asarray(background, np.float32), (cameras, 3))[:, None, None, :]
    alpha = 1.0 - rest
    depth = np.divide(features[..., 3], alpha, out=np.zeros_like(alpha), where=alpha > 0)
    return Rendered(features[..., :3] + rest[..., None] * behind, alpha, depth)
