"""The fit of opacities: what the split set covers comes back, whatever its colours say."""

from __future__ import annotations

import numpy as np

from ft2os.cameras import orbit
from ft2os.cameras.camera import stack
from ft2os.gaussians import C0
from ft2os.stylize.refit import refit_opacities
from ft2os.tiles import render
from tests.scenes import ball


def test_a_black_object_gets_its_cover_back():
    """Over black its colours show nothing of what is missing; only the coverage does."""
    black = ball(200, colour=(0.0, 0.0, 0.0))
    np.testing.assert_allclose(0.5 + C0 * black.sh[:, 0], 0, atol=1e-6)
    whole = black.replace(opacities=np.full(200, 0.8, np.float32))
    thin = black.replace(opacities=np.full(200, 0.3, np.float32))
    cameras = orbit(whole, 4, size=(64, 64))
    wanted = render(whole, *stack(cameras), 64, 64)

    def missing(gaussians) -> float:
        return float(np.abs(render(gaussians, *stack(cameras), 64, 64).alpha - wanted.alpha).mean())

    fitted = refit_opacities(thin, cameras, wanted, steps=60)
    assert missing(fitted) < 0.35 * missing(thin)
    assert fitted.opacities.mean() > 0.5
