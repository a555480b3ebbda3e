"""Which objects are brought to units of their own before they are stylized, and which stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.cameras import orbit
from ft2os.cameras.camera import stack
from ft2os.errors import CancelledError
from ft2os.gaussians import Gaussians
from ft2os.looks import Look
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.units import Units, in_own_units, middle_and_size
from ft2os.tiles import render
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


def test_an_objects_size_is_the_usual_distance_or_width_from_its_middle():
    g = ball(5).replace(
        means=np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 90]], np.float32),
        scales=np.full((5, 3), 0.1, np.float32),
    )
    middle, size = middle_and_size(g)
    assert middle.tolist() == [0, 0, 0]
    assert size == 1
    assert middle_and_size(g.replace(scales=np.full((5, 3), 3.0, np.float32)))[1] == 3
    stacked = np.zeros((5, 3), np.float32)
    stacked[4, 1] = 7  # most lie in one place and have no width: what there is counts
    assert middle_and_size(g.replace(means=stacked, scales=np.zeros((5, 3), np.float32)))[1] == 7


@pytest.mark.parametrize(("size", "changed"), [(0.04, False), (0.02, True), (2.9e3, False), (3.5e3, True)])
def test_the_limits_of_usual_sizes(size, changed):
    g = placed(1.0, 0.0)
    of = size / middle_and_size(g)[1]
    units = Units.of(placed(of, 0.0))
    assert (units is not None) == changed
    if units:
        assert 0.7 < units.scale * size < 1.5  # about unit size


@pytest.mark.parametrize(("away", "changed"), [(900.0, False), (1100.0, True)])
def test_the_limit_of_distances_is_a_thousand_sizes(away, changed):
    size = middle_and_size(placed(1.0, 0.0))[1]
    assert (Units.of(placed(1.0, away * size)) is not None) == changed


def _copied(request: StylizeRequest) -> StylizeResult:
    g = request.target
    arrays = {"means": g.means, "quats": g.quats, "scales": g.scales, "opacities": g.opacities}
    target = {"means": g.means + np.float32(1), "scales": 2 * g.scales, "opacities": g.opacities}
    look = Look(np.arange(len(g), dtype=np.int32), g.sh[:, 0], **arrays, dc0=None, target=target, name="same")
    return StylizeResult(look, {})


def test_a_run_sees_the_same_pictures_in_its_own_units_and_its_look_comes_back():
    g, around = placed(0.01, 50.0), placed(0.02, 50.01)
    cameras = orbit(g, 2, size=(40, 30))
    request = StylizeRequest(g, "lava", context=around, cameras=cameras)
    told = []

    def run(inside, progress, cancelled):
        assert progress is not None
        assert inside.context is not None
        wanted = render(g, *stack(cameras), 40, 30).rgb
        np.testing.assert_allclose(
            render(inside.target, *stack(inside.cameras), 40, 30).rgb, wanted, atol=0.02
        )
        ratio = np.ptp(inside.context.means[:, 1]) / np.ptp(inside.target.means[:, 1])
        assert ratio == pytest.approx(2, rel=1e-3)
        progress(Progress("half", 1, 2, partial=lambda: _copied(inside)))
        progress(Progress("nothing yet", 1, 2))
        return _copied(inside)

    units = Units.of(g)
    look = in_own_units(run, request, told.append, None).look
    for shown in (look, told[0].partial().look):
        np.testing.assert_allclose(shown.means, g.means, atol=1e-5)
        np.testing.assert_allclose(shown.scales, g.scales, rtol=1e-6)
        np.testing.assert_allclose(shown.target["means"] - shown.means, 1 / units.scale, rtol=2e-3)
        np.testing.assert_allclose(shown.target["scales"], 2 * g.scales, rtol=1e-6)
        np.testing.assert_array_equal(shown.target["opacities"], g.opacities)
    assert told[1].partial is None


@pytest.mark.parametrize("partial", [True, False])
def test_what_a_cancelled_run_leaves_comes_back_too(partial):
    g = placed(1e-4, 0.0)

    def run(inside, progress, cancelled):
        assert progress is None
        raise CancelledError(partial=_copied(inside) if partial else None)

    with pytest.raises(CancelledError) as caught:
        in_own_units(run, StylizeRequest(g, "lava"), None, None)
    if partial:
        np.testing.assert_allclose(caught.value.partial.look.means, g.means, rtol=1e-5, atol=1e-12)
    else:
        assert caught.value.partial is None


def test_a_gaussian_without_width_gets_the_least_there_is():
    g = placed(1.0, 0.0)
    flat = g.scales.copy()
    flat[3, 1] = 0
    seen = []
    in_own_units(
        lambda request, *_: seen.append(request.target) or _copied(request),
        StylizeRequest(g.replace(scales=flat), "lava"),
        None,
        None,
    )
    assert seen[0].scales[3, 1] == np.float32(1e-30)
    assert (np.delete(seen[0].scales.ravel(), 10) == np.delete(flat.ravel(), 10)).all()
