"""Gaussians and cameras in, pictures out; and for the optimisers, the way back.

Pictures are drawn window by window, so that memory is bounded whatever covers what; the bits are those of the
whole. The way back needs a whole pass, which is refused where it does not fit into the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ft2os.gaussians import Gaussians
from ft2os.kernels import ready
from ft2os.tiles.binning import Bins, Window, bin_splats, check_room, depth_order, entries, windows
from ft2os.tiles.blend import Blended, blend
from ft2os.tiles.blend_backward import blend_backward
from ft2os.tiles.layout import COEF_A, COEF_Q, COEF_S, SUM_U, SUM_Y, SUMS
from ft2os.tiles.projection import Splats, splat
from ft2os.tiles.projection_backward import Gradients, project_backward

_ENTRY = 4 + 4 * SUMS  # bytes of a splat in a tile's list, with its gradient's sums


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
    """Project, sort and blend for cameras ``viewmats`` [C, 4, 4], ``Ks`` [C, 3, 3].

    Raises
    ------
    RequestError
        If splats cover so much of the pictures that the pass and its gradient do not fit into the memory.
    """
    splats = splat(
        parameters.means, parameters.quats, parameters.scales, parameters.opacities, parameters.colours,
        parameters.degree, viewmats, Ks, width, height, antialiased=antialiased,
    )  # fmt: skip
    check_room(_ENTRY * entries(splats, Window.whole(width, height)))
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


def render_parts(
    gaussians: Gaussians,
    viewmat: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    *,
    background: tuple[float, float, float] | np.ndarray = (0.0, 0.0, 0.0),
    antialiased: bool = False,
    depth_limit: Callable[[Window], np.ndarray] | None = None,
) -> Iterator[tuple[Window, Rendered]]:
    """Draw one camera's picture part by part, from the top.

    Each part takes less than a second or so and bounded memory. What goes on between them, such as a look at
    whether the picture is still wanted, is up to the caller.

    Parameters
    ----------
    viewmat : ndarray, [4, 4]
    K : ndarray, [3, 3]
    background : [3]
    antialiased : bool
    depth_limit : callable, optional
        Gives the limits of a window's pixels, [h, w]; see `render`.

    Yields
    ------
    window : Window
        Where the part lies.
    drawn : Rendered
        Its pixels; C is 1.
    """
    g = gaussians
    splats = splat(
        g.means, g.quats, g.scales, g.opacities, g.sh[None], g.degree, viewmat[None], K[None], width, height,
        antialiased=antialiased,
    )  # fmt: skip
    order, behind = depth_order(splats), np.asarray(background, np.float32)
    for window in windows(splats):
        limit = None if depth_limit is None else ready(depth_limit(window)[None])
        drawn = blend(splats, bin_splats(splats, window, order), limit)
        yield window, _shown(drawn, behind)


def _shown(drawn: Blended, background: np.ndarray) -> Rendered:
    alpha = 1.0 - drawn.rest
    depth = np.divide(drawn.features[..., 3], alpha, out=np.zeros_like(alpha), where=alpha > 0)
    return Rendered(drawn.features[..., :3] + drawn.rest[..., None] * background, alpha, depth)


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
    look: Callable[[], None] = lambda: None,
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
    look : callable, optional
        Called after every part, at least about once a second; may raise to stop.

    Returns
    -------
    Rendered
    """
    cameras = len(viewmats)
    shape = (cameras, height, width)
    out = Rendered(
        np.empty((*shape, 3), np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32)
    )
    behind = np.broadcast_to(np.asarray(background, np.float32), (cameras, 3))
    limits = None if depth_limit is None else np.broadcast_to(depth_limit, shape)
    for c in range(cameras):
        limit = None if limits is None else lambda part, c=c: limits[c, part.rows, part.columns]
        for part, drawn in render_parts(
            gaussians, viewmats[c], Ks[c], width, height,
            background=behind[c], antialiased=antialiased, depth_limit=limit,
        ):  # fmt: skip
            for whole, piece in zip(out, drawn):
                whole[c, part.rows, part.columns] = piece[0]
            look()
    return out
