"""Re-fitting: the split set's opacities are moved until it shows the unsplit object.

Splitting is neutral one Gaussian at a time. Where many overlap, and are sorted by new centres, their sum is
not; the pictures say by how much, and the rasterizer's gradient which way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ft2os.activations import sigmoid
from ft2os.cameras.camera import Camera, stack
from ft2os.gaussians import Gaussians
from ft2os.tiles.rasterizer import Parameters, Rendered, backward, forward

RATE = 0.08  # of the logit, a step, falling to zero along a cosine
ALPHA = 0.3  # weight of the coverage's error beside that of one colour channel
_DECAY = (0.9, 0.99)  # Adam's (Kingma and Ba 2015)
_FLOOR = 0.3  # of the usual slope: what hardly shows has a slope of noise and stays
_RANGE = (1e-3, 0.9995)


def refit_opacities(
    fine: Gaussians,
    cameras: Sequence[Camera],
    wanted: Rendered,
    steps: int,
    on_progress: Callable[[float], None] | None = None,
) -> Gaussians:
    """Opacities with which ``fine`` shows the ``wanted`` pictures better.

    Parameters
    ----------
    fine : Gaussians
        M of them.
    cameras : sequence of Camera
        All of one size.
    wanted : Rendered
        What they should show, over black.
    steps : int
        One view each; the views take turns in an order that is the same on every run.
    on_progress : callable, optional
        Called with the finished share after each step; may raise to stop.
    """
    viewmats, Ks = stack(cameras)
    width, height = cameras[0].width, cameras[0].height
    logits = np.log(opacities := np.clip(fine.opacities, *_RANGE)) - np.log1p(-opacities)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    order, queue = np.random.default_rng(0), []
    for step in range(1, steps + 1):
        queue = queue or order.permutation(len(cameras)).tolist()
        i = queue.pop()
        opacities = sigmoid(logits).astype(np.float32)
        parameters = Parameters(fine.means, fine.quats, fine.scales, opacities, fine.sh[None], fine.degree)
        done = forward(parameters, viewmats[i : i + 1], Ks[i : i + 1], width, height)
        slope = np.zeros_like(done.blended.features)
        slope[0, ..., :3] = done.blended.features[0, ..., :3] - wanted.rgb[i]
        lack = wanted.alpha[i : i + 1] - (1 - done.blended.rest)
        gradient = backward(done, slope, ALPHA * lack).opacities * opacities * (1 - opacities)
        mean += (1 - _DECAY[0]) * (gradient - mean)
        square += (1 - _DECAY[1]) * (gradient**2 - square)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * (step - 1) / steps)) / (1 - _DECAY[0] ** step)
        square_now = square / (1 - _DECAY[1] ** step)
        logits -= (
            np.float32(rate) * mean / (np.sqrt(square_now) + _FLOOR * np.sqrt(square_now.mean()) + 1e-12)
        )
        if on_progress:
            on_progress(step / steps)
    return fine.replace(opacities=sigmoid(logits).astype(np.float32)) if steps else fine
