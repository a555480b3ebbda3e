"""A shape: what an optimiser moves, what it must leave, and what it refuses to take up."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.cameras import orbit  # noqa: E402
from ft2os.stylize.geometry import RATES, Shape, draw  # noqa: E402
from ft2os.stylize.geometry.densify import Densifier, split_long  # noqa: E402
from ft2os.stylize.geometry.surroundings import Surroundings, _joined, _near, wider  # noqa: E402
from tests.scenes import ball  # noqa: E402


def test_a_shape_that_is_frozen_altogether_stays():
    start = ball(20, 1)
    shape = Shape(start, freeze=RATES)
    assert shape.gradients() == []
    shape.step()
    shape.limit(0.0, 1.0)
    parts = shape.look_parts()
    assert parts["target"] is None
    np.testing.assert_array_equal(parts["means"], start.means)
    np.testing.assert_array_equal(parts["sh"], start.sh[:, 1:])
    again = Shape(start, freeze=RATES)
    again.load_state_dict(shape.state_dict())
    np.testing.assert_array_equal(again.look_parts()["dc"], start.sh[:, 0])


def test_a_state_of_another_shape_is_refused():
    state = Shape(ball(20, 1), freeze=["scale"]).state_dict()
    with pytest.raises(ValueError, match="other free arrays"):
        Shape(ball(20, 1)).load_state_dict(state)
    with pytest.raises(ValueError, match="different lengths"):
        Shape(ball(20, 1), freeze=["scale"]).load_state_dict(state | {"parent": state["parent"][:-1]})


def test_a_state_can_be_taken_up_before_the_first_step_and_is_no_view_of_the_old():
    shape, other = Shape(ball(20, 1)), Shape(ball(20, 1, seed=3))
    other.load_state_dict(shape.state_dict())
    other.active("position").sum().backward()
    other.step()
    np.testing.assert_array_equal(shape.look_parts()["target"]["means"], ball(20, 1).means)
    moved = other.look_parts()["target"]["means"] - ball(20, 1).means
    np.testing.assert_allclose(moved, -RATES["position"], rtol=1e-3)


def test_rates_are_as_given_and_the_positions_follow_the_extent():
    start = ball(20)
    shape = Shape(start, rates={**RATES, "scale": 0.25}, extent=7.0)
    (shape.active("position").sum() + shape.active("scale").log().sum()).backward()
    shape.step(pace=0.5)
    target = shape.look_parts()["target"]
    np.testing.assert_allclose(start.means - target["means"], 0.5 * 7 * RATES["position"], rtol=1e-3)
    np.testing.assert_allclose(np.log(start.scales / target["scales"]), 0.5 * 0.25, rtol=1e-3)
    assert shape.gradients() == []


def test_positions_and_needles_are_held_within_their_limits():
    start = ball(3)
    scales = np.array([[0.1, 0.1, 0.1], [0.5, 0.02, 0.01], [0.1, 0.1, 0.1]], np.float32)
    shape = Shape(start.replace(scales=scales))
    with torch.no_grad():
        shape._raw["position"] += torch.tensor([[3.0, 0, 4.0], [0, 0.5, 0], [0, 0, 0]])
        shape._raw["scale"] += torch.tensor([[3.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0]])
    shape.limit(1.0, 10.0)
    target = shape.look_parts()["target"]
    away = target["means"] - start.means
    np.testing.assert_allclose(away, [[0.6, 0, 0.8], [0, 0.5, 0], [0, 0, 0]], atol=1e-6)
    longest = [1.0, 0.5, 0.1 * np.e]  # ten times the middle; as it was, a needle of 25; free
    np.testing.assert_allclose(target["scales"][:, 0], longest, rtol=1e-5)
    np.testing.assert_allclose(target["scales"][:, 1:], scales[:, 1:], rtol=1e-5)


def test_children_show_what_both_ends_of_a_look_need():
    """Split where the object was, where the shape began and where it is."""
    before, start = ball(6, 1, seed=1), ball(6, 1, seed=2)
    shape = Shape(start, neutral=before, parent=np.array([9, 8, 7, 6, 5, 4], np.int32), freeze=["opacity"])
    shape.split(torch.tensor([2, 5]), torch.tensor([0, 1]))
    parts = shape.look_parts()
    assert parts["parent"].tolist() == [9, 8, 7, 6, 5, 4, 7, 4]
    np.testing.assert_array_equal(parts["dc0"], before.sh[[0, 1, 2, 3, 4, 5, 2, 5], 0])
    np.testing.assert_array_equal(parts["dc"], start.sh[[0, 1, 2, 3, 4, 5, 2, 5], 0])
    for own, g in ((parts, before), (parts["target"], start)):
        np.testing.assert_array_equal(own["means"][:2], g.means[:2])
        np.testing.assert_allclose((own["means"][2] + own["means"][6]) / 2, g.means[2], atol=1e-6)
        apart = np.linalg.norm(own["means"][2] - own["means"][6])
        assert apart == pytest.approx(np.sqrt(2) * g.scales[2, 0], rel=1e-4)
        np.testing.assert_allclose(own["scales"][6], g.scales[2] * [np.sqrt(0.5), 1, 1], rtol=1e-5)
        np.testing.assert_allclose(own["scales"][5], g.scales[5] * [1, np.sqrt(0.5), 1], rtol=1e-5)
        assert (own["opacities"][[2, 5]] < g.opacities[[2, 5]]).all()


@pytest.mark.parametrize(("opacity", "split"), [(0.04, 0), (0.06, 1)])
def test_what_is_all_but_invisible_is_not_worth_two(opacity, split):
    g = ball(10)
    opacities = np.full(10, 0.9, np.float32)
    opacities[4] = opacity
    scales = np.full((10, 3), 0.01, np.float32)
    scales[4] = [0.08, 0.07, 0.01]
    assert (split_long(Shape(g.replace(scales=scales, opacities=opacities)), 1.0, 100) > 0) == bool(split)
    shape = Shape(g.replace(scales=scales, opacities=opacities))
    densifier = Densifier(shape)
    densifier.screen_gradients[4] = 1.0
    assert densifier.split(0.1, 100) == split


def test_gradients_are_ranked_by_the_mean_over_the_views_that_saw_them():
    shape = Shape(ball(10))
    densifier = Densifier(shape)
    densifier.screen_gradients[[1, 2, 3]] = torch.tensor([6.0, 5.0, 0.5])
    densifier.views[[1, 2]] = torch.tensor([6.0, 2.0])
    assert densifier.split(0.05, 100) == 1  # half of one is rounded up
    assert shape.look_parts()["parent"][10:].tolist() == [2]
    assert densifier.views.shape == densifier.screen_gradients.shape == (11,)
    assert not densifier.screen_gradients.any()


def _cameras():
    return orbit(ball(5), 2, size=(40, 30))


def test_only_what_may_be_seen_of_the_surroundings_is_drawn():
    shape = Shape(ball(20))
    assert _near(None, _cameras(), shape) is None
    assert _near(ball(20, centre=(500.0, 0.0, 0.0)), _cameras()[:1], shape) is None
    beside = ball(40, 1, centre=(0.5, 0.0, 0.0))
    far = np.arange(40) % 2 == 0
    some = beside.replace(means=beside.means + np.where(far, 300, 0)[:, None].astype(np.float32) * [1, 0, 0])
    near = _near(some.replace(means=some.means.astype(np.float32)), _cameras()[:1], shape)
    np.testing.assert_array_equal(near["means"].numpy(), some.means[~far].astype(np.float32))
    assert near["sh_degree"] == 1


@pytest.mark.parametrize(("own", "others"), [(0, 2), (2, 0), (1, 1)])
def test_colours_of_other_degrees_are_drawn_together(own, others):
    shape, context = Shape(ball(8, own)), ball(5, others, seed=4, centre=(0.4, 0.0, 0.0))
    near = _near(context, _cameras(), shape)
    colors = _joined(shape.gaussians(), near)["colors"].detach()
    assert colors.shape == (13, (max(own, others) + 1) ** 2, 3)
    np.testing.assert_array_equal(colors[:8, : (own + 1) ** 2], ball(8, own).sh)
    np.testing.assert_array_equal(colors[8:, : (others + 1) ** 2], context.sh)
    assert not colors[8:, (others + 1) ** 2 :].any()
    around = Surroundings(shape, _cameras(), context, 0.05)
    assert around.loss(shape, [0, 1], torch.zeros(2, 3)).item() == pytest.approx(0.0, abs=1e-9)


def test_a_wider_view_has_the_same_middle_and_more_around_it():
    camera = _cameras()[0].cropped(3, 5, 20, 40)
    wide = wider(camera, 2.0)
    ray = (np.array([20.0, 20.0]) - camera.K[:2, 2]) / camera.K[0, 0]
    np.testing.assert_allclose(wide.K[:2, 2] + wide.K[0, 0] * ray, [20, 20], atol=1e-4)
    assert (wide.K[0, 0], wide.K[1, 1]) == (camera.K[0, 0] / 2, camera.K[1, 1] / 2)
    assert wider(camera).K[0, 0] == pytest.approx(camera.K[0, 0] / 1.6)
    assert (camera.K != wide.K).any()
    np.testing.assert_array_equal(wide.viewmat, camera.viewmat)


def test_pictures_are_held_within_what_a_screen_shows():
    g = ball(50)
    bright = Shape(g.replace(sh=np.full_like(g.sh, 9.0)))
    images = draw(bright, _cameras(), torch.tensor([[0.5, 2.0, -1.0]] * 2)).detach()
    assert images.shape == (2, 3, 30, 40)
    assert (float(images.max()), float(images.min())) == (1.0, 0.0)
