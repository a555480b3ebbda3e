"""The geometry stage: shapes it must reach, what it must leave alone, and splitting that shows nothing."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

torch = pytest.importorskip("torch")

from ft2os import looks  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.gaussians import C0, Gaussians  # noqa: E402
from ft2os.gaussians import concatenate as joined  # noqa: E402
from ft2os.stylize.geometry import Settings, Shape, deform, draw, wanted, wider  # noqa: E402
from ft2os.stylize.geometry.densify import Densifier, split_long  # noqa: E402
from ft2os.tiles import render  # noqa: E402
from tests.scenes import ball  # noqa: E402

RADIUS = 0.5
PIXELS = 48
GREY = (0.2, 0.2, 0.2)


def _fibonacci(n):
    """Directions spread evenly over the sphere.  [n, 3]"""
    z = 1 - (2 * np.arange(n) + 1) / n
    angle = np.arange(n) * np.pi * (3 - np.sqrt(5))
    across = np.sqrt(1 - z * z)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)


def sphere(n, radii=None):
    """Flat discs on a sphere of many colours, or at ``radii`` [n] along the same directions."""
    normals = _fibonacci(n)
    quats = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(n)], axis=1)
    size = RADIUS * np.sqrt(4 / n) * 0.8
    colours = 0.5 + 0.35 * np.sin(5 * normals)
    arrays = {
        "means": normals * (RADIUS if radii is None else radii[:, None]),
        "quats": quats / np.linalg.norm(quats, axis=1, keepdims=True),
        "scales": np.tile([size, size, 0.3 * size], (n, 1)),
        "opacities": np.full(n, 0.9),
        "sh": ((colours - 0.5) / C0)[:, None],
    }
    return Gaussians(**{name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()})


SPIKES = _fibonacci(8)
HEIGHT, WIDTH = 0.15, 0.4


def spiky(n):
    """The sphere with eight cones on it."""
    angle = np.arccos(np.clip(_fibonacci(n) @ SPIKES.T, -1, 1)).min(axis=1)
    return sphere(n, RADIUS + HEIGHT * np.clip(1 - angle / WIDTH, 0, 1))


def swollen(n):
    grown = sphere(n, np.full(n, 1.15 * RADIUS))
    return grown.replace(scales=grown.scales * np.float32(1.15))


def cameras(pixels=PIXELS, rings=((5, 0.0), (4, 45.0), (4, -45.0), (1, 85.0), (1, -85.0))):
    around = ((0.0, 0.0, 0.0), RADIUS)
    return [wider(c, 1.4) for n, up in rings for c in orbit(around, n, (pixels, pixels), elevation_deg=up)]


def held_out():
    return cameras(96, ((5, 20.0),))


def pictures(gaussians, views, background=GREY):
    viewmats, Ks = stack(views)
    return render(gaussians, viewmats, Ks, views[0].width, views[0].height, background=background)


def psnr(a, b):
    return -10 * np.log10(np.mean((pictures(a, held_out()).rgb - pictures(b, held_out()).rgb) ** 2))


def overlap(a, b):
    """Intersection over union of the silhouettes, over the held-out views."""
    x, y = (pictures(g, held_out()).alpha > 0.5 for g in (a, b))
    return (x & y).sum() / (x | y).sum()


def needles(gaussians):
    ordered = np.sort(gaussians.scales, axis=1)
    return float((ordered[:, 2] / ordered[:, 1] > 10).mean())


def imitate(target, views):
    """A judge that wants the pictures of ``target``."""
    wanted_ = torch.from_numpy(pictures(target, views).rgb).permute(0, 3, 1, 2)
    row = {id(view): i for i, view in enumerate(views)}

    def judge(images, asked):
        loss = (images - wanted_[[row[id(view)] for view in asked]]).square().mean()
        return 100 * loss, {"mse": float(loss.detach())}

    return judge


def run(start, target, *, context=None, shape=None, seed=0, on_progress=None, state=None, **changes):
    shape = shape or Shape(start, extent=2 * RADIUS)
    views = cameras()
    settings = Settings(**{"steps": 80, "background": GREY, **changes})
    rng = np.random.default_rng(seed)
    report = deform(
        shape,
        views,
        imitate(target, views),
        settings,
        rng,
        context=context,
        on_progress=on_progress,
        state=state,
    )
    return shape, report


def finished(shape, start):
    """The object at full strength, through a look, as every client gets it."""
    return looks.apply(start, looks.Look(**shape.look_parts()), 1.0)


def test_a_sphere_swells_as_the_judge_wants():
    start, target = sphere(400), swollen(400)
    shape, report = run(start, target)
    after = finished(shape, start)
    assert report.terms["mse"][-1] < 0.1 * report.terms["mse"][0]
    assert psnr(after, target) > psnr(start, target) + 8
    assert overlap(start, target) < 0.8
    assert overlap(after, target) > 0.95
    radii = np.linalg.norm(after.means, axis=1)
    assert 1.08 * RADIUS < radii.mean() < 1.17 * RADIUS
    assert needles(after) <= needles(start)


def test_a_sphere_grows_spikes_where_the_judge_wants_them():
    start, target = sphere(700), spiky(4000)
    shape, report = run(start, target)
    after = finished(shape, start)
    assert psnr(after, target) > psnr(start, target) + 5
    assert overlap(after, target) > 0.93
    radii = np.linalg.norm(after.means, axis=1)
    angle = np.arccos(np.clip(after.means / radii[:, None] @ SPIKES.T, -1, 1))
    tips = [radii[near < 0.2].max() for near in angle.T]
    assert min(tips) > RADIUS + 0.4 * HEIGHT
    assert np.median(radii[angle.min(axis=1) > WIDTH]) == pytest.approx(RADIUS, rel=0.02)
    assert needles(after) <= needles(start)
    assert sum(report.split) > 0
    assert len(after) <= 1.5 * len(start)


def test_no_spill_whatever_the_judge_wants():
    # The judge wants a sphere twice as large; the neighbours behind and in front must not notice.
    start = sphere(300)
    monster = sphere(300, np.full(300, 2 * RADIUS))
    behind = ball(150, seed=1, centre=(0.0, 0.0, 1.6), radius=1.0)
    before_it = ball(60, seed=2, centre=(0.5, 0.0, -0.6), radius=0.15)
    context = joined([behind, before_it])
    bits = {
        name: getattr(context, name).tobytes() for name in ("means", "quats", "scales", "opacities", "sh")
    }
    reach = 0.06

    def change(**settings):
        shape, _ = run(start, monster, context=context, **settings)
        views = [wider(view) for view in cameras(PIXELS, ((4, 0.0), (2, 45.0)))]
        old = pictures(joined([start, context]), views).rgb
        new = pictures(joined([finished(shape, start), context]), views).rgb
        # A picture is 1.4 × 1.6 times as wide as the sphere, which fills an orbit's views.
        pixels = reach / (2 * RADIUS) * PIXELS / (1.4 * 1.6) + 3
        masks = pictures(start, views).alpha > 0.02
        beyond = np.stack([distance_transform_edt(~mask) > pixels for mask in masks])
        return np.abs(new - old)[beyond].max()

    assert change(reach=reach) < 1 / 255
    assert change(reach=1.0, spill=0.0) > 10 / 255
    assert all(getattr(context, name).tobytes() == value for name, value in bits.items())


def test_under_a_judge_of_noise_neighbours_move_together():
    # Such a judge screen_gradients every Gaussian its own way; followed singly they leave no surface.
    start = sphere(900)
    views = cameras(32)
    noise = torch.from_numpy(np.random.default_rng(5).normal(size=(len(views), 3, 32, 32)).astype(np.float32))
    row = {id(view): i for i, view in enumerate(views)}

    def judge(images, asked):
        return (images * noise[[row[id(view)] for view in asked]]).mean(), {}

    def roughness(coherence):
        shape = Shape(start, extent=2 * RADIUS)
        settings = Settings(steps=10, spill=0.0, densify=(), coherence=coherence, background=GREY)
        deform(shape, views, judge, settings, np.random.default_rng(0))
        by = shape.look_parts()["target"]["means"] - shape.home["means"].numpy()
        near = cKDTree(start.means).query(start.means, k=7)[1]
        length = np.linalg.norm(by[: len(near)], axis=1)
        assert np.median(length) > 0.005  # they do move
        return np.linalg.norm(by[near].mean(axis=1) - by[near[:, 0]], axis=1).mean() / length.mean()

    assert roughness(0.0) > 0.5
    assert roughness(0.15) < 0.35


def test_nothing_moves_farther_than_its_reach():
    start = sphere(200)
    shape, _ = run(start, swollen(200), steps=15, reach=0.02, densify=(), spill=0.0)
    parts = shape.look_parts()
    away = np.linalg.norm(parts["target"]["means"] - parts["means"], axis=1)
    assert 0.01 < away.max() <= 0.0201


def test_what_is_twice_as_large_moves_twice_as_far():
    few = {"steps": 15, "reach": 0.02, "densify": (), "spill": 0.0}

    def farthest(size):
        start, target = (
            g.replace(means=size * g.means, scales=size * g.scales) for g in (sphere(200), swollen(200))
        )
        parts = run(start, target, shape=Shape(start, extent=2 * size * RADIUS), **few)[0].look_parts()
        return np.linalg.norm(parts["target"]["means"] - parts["means"], axis=1).max()

    assert farthest(1.6) > 1.4 * farthest(1.0)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    start, target = sphere(150), swollen(150)
    first, again, other = (run(start, target, steps=10, seed=s)[0].look_parts() for s in (3, 3, 4))
    for name in ("means", "scales", "opacities", "quats"):
        assert first["target"][name].tobytes() == again["target"][name].tobytes()
    assert first["target"]["means"].tobytes() != other["target"]["means"].tobytes()


def test_a_resumed_run_ends_with_the_same_bits(tmp_path):
    start, target = sphere(150), spiky(150)

    def on_progress(step):
        if step.number == 7:  # between the two splits of 12 steps
            torch.save(step.state(), tmp_path / "state.pt")

    whole, report = run(start, target, steps=12, on_progress=on_progress, split_share=0.1)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    rest, rest_report = run(start, target, steps=12, state=state, split_share=0.1)
    assert rest_report.losses == report.losses
    assert rest_report.split == report.split
    assert len(report.split) == 3
    assert min(report.split[1:]) > 0
    a, b = whole.look_parts(), rest.look_parts()
    assert a["dc"].tobytes() == b["dc"].tobytes()
    assert all(a["target"][name].tobytes() == b["target"][name].tobytes() for name in a["target"])


@pytest.mark.parametrize("frozen", ["colour", "opacity", "scale", "rotation", "position"])
def test_a_frozen_array_keeps_its_bits_and_the_others_move(frozen):
    start, target = ball(120, seed=2, radius=RADIUS), swollen(120)
    shape = Shape(start, freeze=[frozen], extent=1.0)
    run(start, target, shape=shape, steps=2, densify=(), growth=1.0, spill=0.0)
    after = finished(shape, start)
    arrays = {
        "colour": "sh",
        "opacity": "opacities",
        "scale": "scales",
        "rotation": "quats",
        "position": "means",
    }
    for name, array in arrays.items():
        same = getattr(after, array).tobytes() == getattr(start, array).tobytes()
        assert same == (name == frozen), name


def test_a_cancelled_run_leaves_a_valid_look():
    start = sphere(150)
    shape = Shape(start, extent=1.0)

    def stop(step):
        if step.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(start, swollen(150), shape=shape, on_progress=stop)
    assert not np.array_equal(finished(shape, start).means, start.means)


def _pair(opacity, scales, quat=(1.0, 0.0, 0.0, 0.0)):
    one = Gaussians(
        means=np.array([[0.1, -0.2, 0.3]], np.float32),
        quats=np.array([quat], np.float32),
        scales=np.array([scales], np.float32),
        opacities=np.array([opacity], np.float32),
        sh=np.zeros((1, 1, 3), np.float32),
    )
    shape = Shape(one)
    shape.split(torch.tensor([0]), torch.tensor([int(np.argmax(scales))]))
    return one, finished(shape, one)


def _covariance(g):
    """Covariance of equally heavy Gaussians together."""
    from ft2os.transforms import rotation_matrices

    axes = rotation_matrices(g.quats.astype(np.float64)) * g.scales[:, None].astype(np.float64)
    away = g.means.astype(np.float64) - g.means.mean(axis=0)
    return (axes @ axes.transpose(0, 2, 1)).mean(axis=0) + away.T @ away / len(g)


@pytest.mark.parametrize("scales", [(0.3, 0.02, 0.01), (0.1, 0.3, 0.25), (0.2, 0.2, 0.2)])
def test_two_halves_have_their_parents_mean_and_covariance(scales):
    # The published offsets along all axes at once would fail the round one: a correlation of a half.
    one, two = _pair(0.6, scales, (0.5, -0.5, 0.7, 0.1))
    assert len(two) == 2
    np.testing.assert_allclose(two.means.mean(axis=0), one.means[0], atol=1e-6)
    np.testing.assert_allclose(_covariance(two), _covariance(one), atol=1e-6)


@pytest.mark.parametrize(("opacity", "bound"), [(0.2, 0.05), (0.6, 0.14), (0.95, 0.27)])
def test_two_halves_show_their_parent(opacity, bound):
    # Two for one cannot be exact, but what they cover is: the published opacity fails the last by a fifth.
    one, two = _pair(opacity, (0.3, 0.1, 0.1))
    a, b = (pictures(g, cameras(64, ((1, 0.0),))).alpha for g in (one, two))  # the x axis lies across
    assert np.abs(a - b).max() < bound
    assert b.sum() == pytest.approx(a.sum(), rel=0.03)


def test_the_hardest_pulled_are_split_and_remember_their_parents():
    start = sphere(200)
    shape = Shape(start)
    densifier = Densifier(shape)
    densifier.screen_gradients[[3, 50, 120]], densifier.views[:] = torch.tensor([5.0, 9.0, 7.0]), 1.0
    assert densifier.split(0.01, 1000) == 2
    assert shape.look_parts()["parent"].tolist() == [*range(200), 50, 120]
    densifier.screen_gradients[:] = 1.0
    assert densifier.split(0.5, 205) == 3
    assert len(shape) == 205
    densifier.screen_gradients[:] = 1.0
    assert densifier.split(0.5, 205) == 0


def test_splitting_halves_adams_memory():
    shape = Shape(sphere(20))
    shape.active("position").square().sum().backward()
    shape.step()
    (before,) = (g["params"][0] for n, g in zip(shape.free, shape.optimizer.param_groups) if n == "position")
    mean, square = (shape.optimizer.state[before][k].clone() for k in ("exp_avg", "exp_avg_sq"))
    shape.split(torch.tensor([4]), torch.tensor([0]))
    (after,) = (g["params"][0] for n, g in zip(shape.free, shape.optimizer.param_groups) if n == "position")
    for row in (4, 20):
        torch.testing.assert_close(shape.optimizer.state[after]["exp_avg"][row], mean[4] / 2)
        torch.testing.assert_close(shape.optimizer.state[after]["exp_avg_sq"][row], square[4] / 4)
    torch.testing.assert_close(shape.optimizer.state[after]["exp_avg"][:4], mean[:4])
    assert len(shape.optimizer.state) == 1  # nothing is kept of the old tensors


def test_needles_and_oversized_ones_are_split_before_the_start():
    start = sphere(300)
    scales = start.scales.copy()
    scales[7] = (0.2, 0.01, 0.01)  # a needle
    scales[9] = (0.15, 0.15, 0.01)  # a disc as wide as a third of the sphere
    shape = Shape(start.replace(scales=scales))
    assert split_long(shape, extent=1.0, max_gaussians=400) > 10
    ordered = np.sort(shape.look_parts()["target"]["scales"], axis=1)
    assert ordered[:, 2].max() <= 0.06 + 1e-6
    assert (ordered[:, 2] / ordered[:, 1]).max() <= 6
    assert set(shape.look_parts()["parent"][300:].tolist()) == {7, 9}
    capped = Shape(start.replace(scales=scales))
    assert split_long(capped, extent=1.0, max_gaussians=302) == 2


def test_the_look_shows_the_original_at_none_and_the_target_at_full_strength():
    start, target = sphere(400), swollen(400)
    shape, _ = run(start, target, steps=30, split_share=0.05)
    look = looks.Look(**shape.look_parts())
    assert len(look) > len(start)
    assert looks.apply(start, look, 0.0) is start
    views = held_out()
    drawn = [pictures(looks.apply(start, look, s), views).rgb for s in (0.0, 0.02, 0.04)]
    assert max(np.abs(b - a).mean() for a, b in pairwise(drawn)) < 1 / 255
    with torch.no_grad():
        moved = draw(shape, views, torch.tensor([GREY] * len(views))).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(
        pictures(looks.apply(start, look, 1.0), views).rgb.clip(0, 1), moved, atol=2e-5
    )


@pytest.mark.parametrize(
    ("prompt", "strength"),
    [
        ("lava", 0.0),
        ("red and gold", 0.0),
        ("wooden furniture", 0.0),
        ("a spiky ball of ice", 1.0),
        ("covered in thorns", 1.0),
        ("a melting robot", 0.8),
        ("inflated, bumpy", 0.8),
        ("Furry!", 0.6),
        ("bumpy leather", 0.4),
        ("smooth stone without spikes", 0.0),
    ],
)
def test_words_ask_for_geometry(prompt, strength):
    assert wanted(prompt) == strength


def test_the_objects_own_noun_asks_for_nothing():
    assert wanted("a golden hedgehog", "hedgehog") == 0.0
    assert wanted("a spiky hedgehog", "hedgehog") == 1.0
