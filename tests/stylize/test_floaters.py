"""What hangs beside an object and is no part of it: two Gaussians touch where their extents do."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.gaussians import Gaussians, concatenate
from ft2os.stylize.floaters import keep_connected


def grains(places, extent: float) -> Gaussians:
    n = len(places)
    return Gaussians(
        means=np.asarray(places, np.float32),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
        scales=np.full((n, 3), extent, np.float32),
        opacities=np.full(n, 0.9, np.float32),
        sh=np.zeros((n, 1, 3), np.float32),
    )


@pytest.mark.parametrize(("apart", "kept"), [(1.9, True), (2.1, False), (4.0, False)])
def test_a_grain_belongs_to_what_it_touches(apart, kept):
    """Within two standard deviations of both together it touches; farther away it is dust."""
    body = grains(np.zeros((20, 3)), 1.0)
    grain = grains([[apart * (1.0 + 0.01), 0, 0]], 0.01)
    assert keep_connected(concatenate([body, grain])).tolist() == [True] * 20 + [kept]
