"""The linear rendering is the rasterizer, and the solve inverts it."""

import numpy as np
import pytest

from ft2os import tiles
from ft2os.cameras.camera import stack
from ft2os.tiles import linear, solve
from tests.splat_scenes import camera, cloud

BACKGROUND = (0.2, 0.5, 0.8)


@pytest.mark.parametrize("antialiased", [False, True])
def test_pictures_alpha_and_depth_are_the_rasterizers(antialiased):
    scene = cloud(degree=2, size=0.06)
    views = [camera(a) for a in (0.0, 2.0)]
    drawn = tiles.render(scene, *stack(views), 70, 52, background=BACKGROUND, antialiased=antialiased)
    for c, view in enumerate(linear.build(scene, views, antialiased=antialiased)):
        image = view.image(linear.view_colours(scene, view.camera), BACKGROUND)
        np.testing.assert_allclose(image, drawn.rgb[c], rtol=0, atol=1e-5)
        np.testing.assert_allclose(view.alpha.reshape(52, 70), drawn.alpha[c], rtol=0, atol=1e-5)
        np.testing.assert_allclose(view.depth(), drawn.depth[c], rtol=0, atol=1e-4)


def test_the_transpose_is_the_transpose():
    scene = cloud()
    (view,) = linear.build(scene, [camera()])
    assert (view.W.T != view.WT).nnz == 0
    image = np.random.default_rng(0).normal(size=(52, 70, 3)).astype(np.float32)
    np.testing.assert_allclose(view.gradient(image), view.W.T @ image.reshape(-1, 3), rtol=1e-4, atol=1e-5)


def test_pruning_only_leaves_out_small_weights():
    scene = cloud()
    (exact,), (pruned,) = (linear.build(scene, [camera()], prune=p) for p in (0.0, 2e-3))
    assert pruned.W.nnz < exact.W.nnz
    assert pruned.W.data.min() >= 2e-3
    kept = exact.W.copy()
    kept.data[kept.data < 2e-3] = 0
    kept.eliminate_zeros()
    assert abs(kept - pruned.W).max() == 0


def test_an_unseen_scene_is_the_background():
    scene = cloud().replace(means=cloud().means - np.float32([0, 0, 50]))
    for gaussians in (scene, scene.subset(np.zeros(0, int))):
        (view,) = linear.build(gaussians, [camera()])
        image = view.image(np.ones((len(gaussians), 3), np.float32), BACKGROUND)
        np.testing.assert_array_equal(image, np.broadcast_to(np.float32(BACKGROUND), image.shape))
        assert not view.depth().any()


def test_a_product_of_the_wrong_size_is_refused():
    (view,) = linear.build(cloud(), [camera()])
    with pytest.raises(ValueError):
        view.image(np.ones((7, 3), np.float32))


def test_the_solve_finds_the_colours_that_made_the_pictures():
    scene = cloud(n=120, degree=0, size=0.12)
    views = linear.build(scene, [camera(a) for a in np.linspace(0, 6, 8)])
    rng = np.random.default_rng(0)
    wanted = rng.uniform(0.05, 0.95, (len(scene), 3)).astype(np.float32)
    targets = [v.image(wanted, BACKGROUND) for v in views]
    found = solve.solve_colours(
        views, targets, np.full_like(wanted, 0.5), background=BACKGROUND, prior_weight=1e-4, iterations=200
    )
    error = [np.abs(v.image(found, BACKGROUND) - t).max() for v, t in zip(views, targets)]
    assert max(error) < 0.02
    well_seen = sum(np.asarray(v.WT.sum(axis=1)).ravel() for v in views) > 100
    assert well_seen.sum() > 20
    assert np.abs(found - wanted)[well_seen].max() < 0.05


def test_the_solve_keeps_to_its_box_its_pull_and_its_weights():
    scene = cloud(n=120, degree=0, size=0.12)
    views = linear.build(scene, [camera(0.0)])
    start = np.full((len(scene), 3), 0.5, np.float32)
    bright = [np.full((52, 70, 3), 3.0, np.float32)]
    assert solve.solve_colours(views, bright, start).max() <= 1.0
    assert solve.solve_colours(views, bright, start, bounds=None).max() > 1.0
    np.testing.assert_allclose(solve.solve_colours(views, bright, start, prior_weight=1e6), start, atol=1e-3)
    nothing = [np.zeros((52, 70), np.float32)]
    np.testing.assert_array_equal(solve.solve_colours(views, bright, start, weights=nothing), start)
    with pytest.raises(ValueError):
        solve.solve_colours(views, bright * 2, start)


def test_a_solve_can_be_stopped_on_its_way():
    scene = cloud(n=20, degree=0, size=0.12)
    views, start = linear.build(scene, [camera(0.0)]), np.full((20, 3), 0.5, np.float32)
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1
        if told == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve.solve_colours(views, [views[0].image(start)], start, iterations=10, tick=tell)
    assert told == 3


def test_the_solve_never_makes_the_fit_worse():
    scene = cloud(n=120, degree=0)
    views = linear.build(scene, [camera(a) for a in (0.0, 2.0, 4.0)])
    rng = np.random.default_rng(1)
    targets = [rng.uniform(size=(52, 70, 3)).astype(np.float32) for _ in views]
    start = np.full((len(scene), 3), 0.5, np.float32)

    def misfit(colours):
        return sum(float(((v.image(colours) - t) ** 2).sum()) for v, t in zip(views, targets))

    errors = [
        misfit(solve.solve_colours(views, targets, start, prior_weight=1e-3, iterations=k))
        for k in (0, 5, 20, 60)
    ]
    assert errors[0] > errors[1] >= errors[2] >= errors[3] * (1 - 1e-4)


def test_surface_weights_fade_at_the_edge():
    (view,) = linear.build(cloud(), [camera()])
    weights = solve.surface_weights(view)
    alpha = view.alpha.reshape(52, 70)
    assert weights[alpha < 0.3].max() == 0
    assert weights[alpha > 0.81].min() == 1
