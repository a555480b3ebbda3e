"""The CPU rasterizer's parts by themselves, against dense arithmetic and cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ft2os import tiles
from ft2os.cameras.camera import Camera, stack
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians
from ft2os.tiles import Window, binning, linear, numeric, projection, rasterizer, solve
from ft2os.tiles.layout import PLAIN
from tests.splat_scenes import camera, cloud

torch = pytest.importorskip("torch")

from tests import reference  # noqa: E402


def test_the_exponential_is_as_good_as_float32() -> None:
    for sigma in (*np.linspace(0, 20, 400), 1e-6, 33.3, 60.0, 79.9):
        exact = math.exp(-float(np.float32(sigma)))
        assert numeric.exp_minus(np.float32(sigma)) == pytest.approx(exact, rel=8e-7)
    for sigma in (80.0, 1e3, 3e38):
        assert 0 < numeric.exp_minus(np.float32(sigma)) < 2e-34


@pytest.mark.parametrize("antialiased", [False, True])
def test_projection_agrees_with_the_reference(antialiased: bool) -> None:
    scene, view = cloud(size=0.03), camera(0.7, distance=1.0)
    given = [scene.means, scene.quats, scene.scales, view.viewmat, view.K]
    exact = [torch.from_numpy(x.astype(np.float64)) for x in given]
    centres, covariance, depths = (x.numpy() for x in reference.project(*exact, 70, 52))
    blurred = covariance + 0.3 * np.eye(2)
    opacity = scene.opacities.astype(np.float64)
    if antialiased:
        opacity = opacity * np.sqrt(np.linalg.det(covariance) / np.linalg.det(blurred))
    reach = np.sqrt(2 * np.log(np.maximum(255 * opacity, 1))[:, None] * blurred[:, [0, 1], [0, 1]])
    p = tiles.project(
        scene.means, scene.quats, scene.scales, scene.opacities, view.viewmat, view.K, 70, 52,
        antialiased=antialiased,
    )  # fmt: skip
    low, high = centres - reach, centres + reach
    covers = (np.ceil(low - 0.5) <= np.floor(high - 0.5)) & (high >= 0.5) & (low <= [69.5, 51.5])
    seen = (depths > 0.01) & (opacity * 255 >= 1) & covers.all(axis=1)
    assert 50 < seen.sum() < len(scene)
    np.testing.assert_array_equal(p.radii[:, 0] > 0, seen)
    np.testing.assert_allclose(p.means2d[seen], centres[seen], atol=1e-4)
    inverse = np.linalg.inv(blurred)[seen]
    np.testing.assert_allclose(p.conics[seen], inverse[:, [0, 0, 1], [0, 1, 1]], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(p.depths[seen], depths[seen], rtol=1e-6)
    np.testing.assert_allclose(p.opacities[seen], opacity[seen], rtol=1e-5)
    assert (np.abs(p.radii[seen] - np.ceil(reach[seen])) <= (np.abs(reach[seen] % 1) < 1e-3)).all()
    for values in (p.means2d, p.conics, p.radii, p.depths, p.opacities):
        assert not values[~seen].any()


def one(
    z: float, opacity: float = 0.9, scale: float = 0.01, place: tuple[float, float] = (0, 0)
) -> Gaussians:
    return Gaussians(
        np.float32([[place[0] * z, place[1] * z, z]]), np.float32([[1, 0, 0, 0]]),
        np.full((1, 3), scale * z, np.float32), np.float32([opacity]), np.ones((1, 1, 3), np.float32),
    )  # fmt: skip


def front(width: int = 40, height: int = 30) -> Camera:
    K = np.float32([[40, 0, width / 2], [0, 40, height / 2], [0, 0, 1]])
    return Camera(np.eye(4, dtype=np.float32), K, width, height)


def is_seen(gaussians: Gaussians, view: Camera, **options: float) -> bool:
    g = gaussians
    drawn = projection.project(
        g.means, g.quats, g.scales, g.opacities, view.viewmat, view.K, view.width, view.height, **options
    )
    return bool(drawn.radii.any())


def test_what_is_too_near_too_faint_or_beside_the_picture_is_not_seen() -> None:
    view = front()
    assert is_seen(one(0.0101), view)
    assert not is_seen(one(0.0099), view)
    assert not is_seen(one(1.9), view, near=2.0)
    assert is_seen(one(2.1), view, near=2.0)
    assert is_seen(one(1.0, opacity=1 / 254, place=(0.0125, 0.0125)), view)
    assert not is_seen(one(1.0, opacity=1 / 256, place=(0.0125, 0.0125)), view)
    # 255 · 0.9 = e^5.436, and the variance is 0.4²·(1 + 0.55²) + 0.3: it reaches 2.35 pixels from its middle,
    # upwards 2.31. The last pixels' middles are 19.5 and 14.5 from the picture's.
    for place, width in ((21.7 / 40, True), (21.95 / 40, False)):
        for sign in (1, -1):
            assert is_seen(one(1.0, place=(sign * place, 0)), view) is width
            assert is_seen(one(1.0, place=(0, sign * (place - 0.125))), view) is width
    assert not is_seen(one(1.0, place=(0.5 + 2.5 / 40, 0)), view, eps2d=0.0)
    assert is_seen(one(1.0, place=(0.5 + 2.5 / 40, 0)), view, eps2d=3.0)


def test_a_window_is_halved_along_tiles() -> None:
    whole = Window.whole(70, 52)
    assert whole.tiles == (0, 0, 5, 4)
    assert (whole.rows, whole.columns, whole.shape) == (slice(0, 52), slice(0, 70), (52, 70))
    upper, lower = whole.halves()
    assert (upper.tiles, lower.tiles) == ((0, 0, 5, 2), (0, 2, 5, 4))
    assert (lower.rows, lower.shape) == (slice(32, 52), (20, 70))
    left, right = Window(0, 3, 5, 4, 70, 52).halves()
    assert (left.tiles, right.tiles) == ((0, 3, 2, 4), (2, 3, 5, 4))
    assert (right.columns, right.shape) == (slice(32, 70), (4, 38))
    assert Window.whole(16, 17).tiles == (0, 0, 1, 2)
    assert [w.tiles for w in tiles.halved(whole)] == [whole.tiles]
    few = [w.tiles for w in tiles.halved(whole, lambda window: window.shape[0] <= 16)]
    assert few == [(0, y, 5, y + 1) for y in range(4)]
    alone = [w.tiles for w in tiles.halved(whole, lambda window: False)]
    assert sorted(alone) == sorted((x, y, x + 1, y + 1) for x in range(5) for y in range(4))
    assert [t[1] for t in alone] == sorted(t[1] for t in alone)


def test_a_large_picture_is_drawn_in_windows_of_two_million_pixels() -> None:
    assert [w.shape for w in tiles.halved(Window.whole(2048, 1024))] == [(1024, 2048)]
    assert [w.shape for w in tiles.halved(Window.whole(2048, 1040))] == [(512, 2048), (528, 2048)]
    assert binning.WINDOW_ENTRIES == 4_194_304  # half a second of two cores


def test_places_in_lists_are_counted_and_filled_nearest_first() -> None:
    scene, views = cloud(), [camera(), camera(1.0)]
    splats = projection.splat(
        scene.means, scene.quats, scene.scales, scene.opacities, scene.sh[None], 3, *stack(views), 70, 52
    )
    assert splats.count == len(scene)
    for window in (Window.whole(70, 52), Window(1, 1, 4, 3, 70, 52)):
        bins = binning.bin_splats(splats, window)
        across, down = window.x1 - window.x0, window.y1 - window.y0
        assert (bins.across, bins.down, len(bins.ranges)) == (across, down, 2 * across * down + 1)
        assert binning.entries(splats, window) == len(bins.ids) == bins.ranges[-1]
        loads = np.diff(bins.ranges)
        assert (np.diff(loads[bins.turn]) <= 0).all()
        for tile in range(2 * across * down):
            c, y, x = tile // (across * down), tile // across % down + window.y0, tile % across + window.x0
            boxes = splats.boxes[c * len(scene) : (c + 1) * len(scene)]
            inside = (boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])
            listed = bins.ids[bins.ranges[tile] : bins.ranges[tile + 1]]
            assert sorted(listed - c * len(scene)) == np.flatnonzero(inside).tolist()
            assert (np.diff(splats.records[listed, 10]) >= 0).all()


def test_many_splats_are_listed_by_several_threads_in_the_same_order(monkeypatch) -> None:
    scene, view = cloud(n=20_000, degree=0), camera()
    splats = projection.splat(
        scene.means, scene.quats, scene.scales, scene.opacities, scene.sh[None], 0, *stack([view]), 70, 52
    )
    made = []
    for count in ("1", "3"):
        monkeypatch.setenv("FT2OS_THREADS", count)
        made.append(binning.bin_splats(splats))
    np.testing.assert_array_equal(made[0].ids, made[1].ids)
    np.testing.assert_array_equal(made[0].ranges, made[1].ranges)


def test_room_is_asked_for_from_a_quarter_of_a_gibibyte(monkeypatch) -> None:
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    binning.check_room(1 << 28)
    with pytest.raises(RequestError, match=r"needs 0\.3 GB"):
        binning.check_room((1 << 28) + 1)
    monkeypatch.setenv("FT2OS_MEMORY", str((1 << 28) + 1))
    binning.check_room((1 << 28) + 1)


def test_weights_are_counted_before_they_are_made() -> None:
    scene = cloud()
    (view,) = linear.build(scene, [camera()])
    assert linear.contributions(scene, camera()) == view.W.nnz
    assert view.W.indices.dtype == np.int32
    for row in (1200, 1830, 2500):  # within a pixel nearest first
        columns = view.W.indices[view.W.indptr[row] : view.W.indptr[row + 1]]
        assert (np.diff(view.depths[columns]) >= 0).all()
    dense = view.W.toarray()
    colours = np.random.default_rng(0).random((len(scene), 3)).astype(np.float32)
    np.testing.assert_allclose(linear.multiply(view.W, colours), dense @ colours, atol=1e-5)
    over = linear.over((0.2, 0.4, 0.6), np.float32([0.25, 1.0]))
    np.testing.assert_allclose(over, [[0.15, 0.3, 0.45], [0, 0, 0]], atol=1e-7)


def test_a_view_shows_no_colour_below_black() -> None:
    scene = cloud(degree=2)
    view = camera(0.3)
    shown = linear.view_colours(scene, view)
    dirs = scene.means.astype(np.float64) - view.position
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    Y = reference.harmonics(2, torch.from_numpy(dirs)).numpy()
    expected = np.maximum(np.einsum("nk,nkc->nc", Y, scene.sh) + 0.5, 0)
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert (shown == 0).any()
    np.testing.assert_allclose(
        tiles.sh.evaluate(scene.sh, 3 * dirs, 1),
        np.einsum("nk,nkc->nc", Y[:, :4], scene.sh[:, :4]),
        atol=1e-5,
    )


def test_pixels_count_more_the_more_of_the_object_is_in_them() -> None:
    (view,) = linear.build(cloud(), [camera()])
    expected = np.clip((view.alpha.reshape(52, 70) - 0.3) / 0.5, 0, 1)
    np.testing.assert_allclose(solve.surface_weights(view), expected, atol=1e-6)


@pytest.mark.parametrize("bounds", [(0.2, 0.7), None])
@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_the_solve_steps_as_beck_and_teboulle_do(bounds, iterations: int) -> None:
    """Densely: x ← P(y − (Σ WᵀM(Wy − b) + λ(y − x₀)) / (Σ WᵀMW1 + λ)), y ← x + (t − 1)/t⁺ · Δx."""
    scene, background = cloud(n=60, degree=0, size=0.12), np.array([0.1, 0.5, 0.9])
    views = linear.build(scene, [camera(0.0), camera(2.0)])
    rng = np.random.default_rng(3)
    targets = [rng.random((52, 70, 3)).astype(np.float32) for _ in views]
    weights = [rng.random((52, 70)).astype(np.float32) for _ in views]
    start = rng.random((60, 3)).astype(np.float32)
    dense = [view.W.toarray().astype(np.float64) for view in views]
    masks = [w.reshape(-1, 1).astype(np.float64) for w in weights]
    wanted = [t.reshape(-1, 3) - (1 - W.sum(1))[:, None] * background for t, W in zip(targets, dense)]
    diagonal = sum(W.T @ (m * W.sum(1, keepdims=True)) for W, m in zip(dense, masks))
    pull = 0.2 * np.median(diagonal[diagonal > 1e-3])
    x, y, t = start.astype(np.float64), start.astype(np.float64), 1.0
    for _ in range(iterations):
        slope = pull * (y - start) + sum(W.T @ (m * (W @ y - b)) for W, m, b in zip(dense, masks, wanted))
        new = y - slope / (diagonal + pull)
        new = new if bounds is None else np.clip(new, *bounds)
        later = (1 + math.sqrt(1 + 4 * t * t)) / 2
        x, y, t = new, new + (t - 1) / later * (new - x), later
    found = solve.solve_colours(
        views, targets, start, background=background, prior_weight=0.2, iterations=iterations, bounds=bounds,
        weights=weights,
    )  # fmt: skip
    np.testing.assert_allclose(found, x, atol=2e-4)
    assert found.dtype == np.float32


def test_the_solves_own_settings_are_a_pull_of_a_twentieth_and_twenty_steps() -> None:
    scene = cloud(n=60, degree=0, size=0.12)
    views = linear.build(scene, [camera(0.0)])
    targets = [np.random.default_rng(0).random((52, 70, 3)).astype(np.float32)]
    start = np.full((60, 3), 0.4, np.float32)
    told = {"prior_weight": 0.05, "iterations": 20, "bounds": (0.0, 1.0), "background": (0.0, 0.0, 0.0)}
    plain = solve.solve_colours(views, targets, start)
    np.testing.assert_array_equal(plain, solve.solve_colours(views, targets, start, **told))
    with pytest.raises(ValueError, match="as many"):
        solve.solve_colours(views, targets, start, weights=[])
    unseen = linear.build(scene.replace(means=scene.means - np.float32([0, 0, 50])), [camera()])
    np.testing.assert_array_equal(solve.solve_colours(unseen, targets, start), start)


def test_plain_colours_are_drawn_as_they_are_one_set_for_all_or_one_for_each() -> None:
    scene, views = cloud(n=80, degree=0), [camera(), camera(1.0)]
    colours = np.random.default_rng(0).random((2, 80, 1, 3)).astype(np.float32)

    def features(values: np.ndarray, cameras: list[Camera]) -> np.ndarray:
        p = rasterizer.Parameters(scene.means, scene.quats, scene.scales, scene.opacities, values, PLAIN)
        return rasterizer.forward(p, *stack(cameras), 70, 52).blended.features

    both = features(colours, views)
    for c in range(2):
        np.testing.assert_array_equal(both[c], features(colours[c : c + 1], views[c : c + 1])[0])
    np.testing.assert_array_equal(features(colours[:1], views)[1], features(colours[:1], views[1:])[0])
    black = tiles.render(scene, *stack(views[:1]), 70, 52)
    told = tiles.render(scene, *stack(views[:1]), 70, 52, background=(0, 0, 0), antialiased=False)
    np.testing.assert_array_equal(black.rgb, told.rgb)
