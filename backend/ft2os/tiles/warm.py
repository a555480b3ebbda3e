"""Compile every kernel ahead of its first use, so that an installation can show it as a step of its own."""

from __future__ import annotations

import logging
import time

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians
from ft2os.tiles import linear, rasterizer, solve

_log = logging.getLogger(__name__)


def compile_kernels() -> float:
    """Run every kernel once on a picture of eight pixels; returns the seconds it took (0.5–2 from the cache).

    Every array that reaches a kernel has one type (see ``numeric.ready``), so one run compiles all there is.
    """
    began = time.perf_counter()
    one = np.ones((1, 3), np.float32)
    quats = np.array([[1, 0, 0, 0]], np.float32)
    gaussians = Gaussians(0 * one, quats, one, one[:, 0].copy(), np.zeros((1, 4, 3), np.float32))
    viewmat = np.eye(4, dtype=np.float32)
    viewmat[2, 3] = 3.0
    camera = Camera(viewmat, np.array([[4, 0, 4], [0, 4, 4], [0, 0, 1]], np.float32), 8, 8)
    parameters = rasterizer.Parameters(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.sh[None], 1
    )
    done = rasterizer.forward(parameters, viewmat[None], camera.K[None], 8, 8)
    rasterizer.backward(done, np.zeros_like(done.blended.features), np.zeros_like(done.blended.rest))
    views = linear.build(gaussians, [camera])
    solve.solve_colours(views, [views[0].image(linear.view_colours(gaussians, camera))], one)
    seconds = time.perf_counter() - began
    _log.info("Kernels are ready after %.1f s.", seconds)
    return seconds
