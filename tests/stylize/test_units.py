"""Which objects are brought to units of their own before they are stylized, and which stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.gaussians import Gaussians
from ft2os.stylize.units import Units
from tests.scenes import ball


def placed(size: float, away: float) -> Gaussians:
    g = ball(200, radius=0.8)
    return g.replace(
        means=(size * g.means + [away, 0, 0]).astype(np.float32), scales=(size * g.scales).astype(np.float32)
    )


@pytest.mark.parametrize(("size", "away"), [(1.0, 0.0), (1.0, 50.0), (0.1, 1.0), (500.0, 0.0)])
def test_what_is_usual_is_left_as_it_is(size, away):
    assert Units.of(placed(size, away)) is None


def test_what_is_small_or_far_comes_near_the_origin_at_about_unit_size():
    small, far = Units.of(placed(1e-4, 0.0)), Units.of(placed(1.0, 1e5))
    assert small is not None
    assert far is not None
    assert np.log2(small.scale) == round(np.log2(small.scale)) > 10  # a power of two costs no bit
    assert not small.origin.any()
    assert far.scale == 1.0
    assert far.origin[0] == pytest.approx(1e5, rel=1e-4)
