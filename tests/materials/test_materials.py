"""Materials: complete, deterministic, unclipped, and obedient to detail, seed and scale."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ft2os.errors import RequestError
from ft2os.materials import MATERIALS, noise, sheet
from ft2os.materials.material import material as register
from ft2os.materials.palette import ramp, rgb, shoulder

NAMES = sorted(MATERIALS)


@pytest.fixture(scope="module")
def surface() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bumpy ball: points [M, 3], height [M], detail [M] over its whole range."""
    rng = np.random.default_rng(5)
    points = rng.normal(size=(3000, 3))
    points *= rng.uniform(0.3, 0.5, (3000, 1)) / np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), (0.5 - points[:, 1]).astype(np.float32), rng.uniform(-0.5, 0.5, 3000)


def luminance(colour: np.ndarray) -> np.ndarray:
    return colour @ np.array([0.2126, 0.7152, 0.0722])


def test_there_are_many_and_no_word_has_two_owners() -> None:
    assert len(MATERIALS) >= 24
    claims = [w for m in MATERIALS.values() for w in {m.name.replace("_", " "), *m.words}]
    assert sorted(claims) == sorted(set(claims))
    for material in MATERIALS.values():
        assert len(material.words) >= 2
        assert all(w == w.lower().strip() and w for w in material.words)
        assert 0 < material.luminance_keep <= 1
        assert material.detail_gain > 0


def test_two_materials_of_one_name_are_a_mistake() -> None:
    """The second would take the first one's place without a word."""
    gold = MATERIALS["gold"]
    with pytest.raises(ValueError, match="two materials are called gold"):
        register("gold", "Gold", "golden")(gold.paint)
    assert MATERIALS["gold"] is gold


def test_a_material_says_only_what_it_does_otherwise(monkeypatch) -> None:
    monkeypatch.setattr("ft2os.materials.material.MATERIALS", {})
    plain = register("toy", "Toy", "a, b c ")
    plain(MATERIALS["gold"].paint)
    from ft2os.materials.material import MATERIALS as registered

    toy = registered["toy"]
    assert (toy.words, toy.detail_gain, toy.luminance_keep, toy.emissive, toy.scale) == (
        ("a", "b c"), 0.8, 0.5, False, 1.0,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["gold", "lava", "zebra"])
def test_detail_beyond_what_an_object_has_changes_nothing_more(name: str, surface) -> None:
    points, height, detail = surface
    material = MATERIALS[name]
    dark, bright = (material.colour(points, height, 0 * detail + d) for d in (-0.6, 3.0))
    np.testing.assert_array_equal(material.colour(points, height, 0 * detail - 2), dark)
    np.testing.assert_allclose(material.colour(points, height, 0 * detail + 9), bright, atol=1e-5)
    assert (material.colour(points, height, 0 * detail - 0.5) != dark).any()


def test_bright_detail_levels_off_below_three_tenths() -> None:
    """A grey that ignores detail shows the gain alone: exp(1.2 · 0.8 · 0.28 · tanh(detail / 0.28))."""
    from ft2os.materials.material import Material

    grey = Material("grey", "Grey", (), lambda s: np.full((len(s.p), 3), 0.4), 0.8, 0.5, False, 1.0)
    detail = np.array([-0.9, -0.3, 0.0, 0.14, 0.5])
    points = np.zeros((5, 3))
    gain = np.exp(0.96 * np.array([-0.6, -0.3, 0, 0.28 * np.tanh(0.5), 0.28 * np.tanh(0.5 / 0.28)]))
    found = grey.colour(points, detail * 0, detail)
    np.testing.assert_allclose(found, np.repeat(0.4 * gain[:, None], 3, axis=1), atol=1e-5)


def test_normals_turn_what_faces_the_light(surface) -> None:
    points, height, detail = surface
    outward = points / np.linalg.norm(points, axis=1, keepdims=True)
    leather = MATERIALS["leather"]
    plain = leather.colour(points, height, 0 * detail)
    np.testing.assert_allclose(leather.colour(points, height, 0 * detail, normals=outward), plain, atol=0.02)
    light = np.tile(np.float32([-0.45, -0.78, -0.43]), (len(points), 1))
    to, away = (leather.colour(points, height, 0 * detail, normals=way * light).mean() for way in (1, -1))
    assert to > away + 0.05


@pytest.mark.parametrize("name", NAMES)
def test_colours_are_repeatable_pointwise_and_never_clipped(name: str, surface) -> None:
    points, height, detail = surface
    material = MATERIALS[name]
    colour = material.colour(points, height, detail, seed=3)
    assert colour.shape == (len(points), 3)
    assert colour.dtype == np.float32
    assert colour.min() >= 0.011
    assert colour.max() <= 0.976
    np.testing.assert_array_equal(colour, material.colour(points, height, detail, seed=3))
    # A point's colour depends on nothing but the point: no statistics over the call.
    few = material.colour(points[:64], height[:64], detail[:64], seed=3)
    np.testing.assert_allclose(few, colour[:64], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_seed_changes_the_pattern_and_detail_stays_readable(name: str, surface) -> None:
    points, height, _ = surface
    material = MATERIALS[name]
    flat = np.zeros(len(points), np.float32)
    plain = material.colour(points, height, flat)
    assert np.abs(material.colour(points, height, flat, seed=1) - plain).mean() > 0.004
    assert luminance(plain).std() > 0.01
    dark = luminance(material.colour(points, height, flat - 0.3)).mean()
    bright = luminance(material.colour(points, height, flat + 0.3)).mean()
    assert dark < 0.93 * luminance(plain).mean() < 0.93 * bright


def test_materials_look_different_from_each_other(surface) -> None:
    points, height, detail = surface
    colours = [MATERIALS[n].colour(points, height, 0 * detail) for n in NAMES]
    prints = np.stack(
        [np.r_[c.mean(0), c.std(0), np.quantile(c, 0.9, 0), np.quantile(c, 0.1, 0)] for c in colours]
    )
    apart = np.abs(prints[:, None] - prints[None]).max(-1) + np.eye(len(NAMES))
    assert apart.min() > 0.03, NAMES[int(apart.min(1).argmin())]


def test_scale_enlarges_the_pattern(surface) -> None:
    points, height, detail = surface
    small = MATERIALS["marble"].colour(points, height, detail)
    large = MATERIALS["marble"].colour(2 * points, height, detail, scale=2)
    np.testing.assert_allclose(small, large, atol=1e-6)
    assert np.abs(MATERIALS["marble"].colour(points, height, detail, scale=2) - small).mean() > 0.01


def test_wrong_shapes_and_scales_are_refused(surface) -> None:
    points, height, detail = surface
    ice = MATERIALS["ice"]
    for arguments in (
        (points[:, :2], height, detail),
        (points, height[:-1], detail),
        (points, height, detail[1:]),
    ):
        with pytest.raises(RequestError):
            ice.colour(*arguments)
    for scale in (0, -1, float("nan")):
        with pytest.raises(RequestError):
            ice.colour(points, height, detail, scale=scale)


def test_no_points_give_no_colours() -> None:
    empty = np.zeros((0, 3), np.float32)
    assert MATERIALS["lava"].colour(empty, empty[:, 0], empty[:, 0]).shape == (0, 3)


def test_noise_has_the_promised_range() -> None:
    points = np.random.default_rng(0).uniform(-40, 40, (20000, 3)).astype(np.float32)
    for octaves in (1, 3, 6):
        values = noise.fbm(points, octaves, 0.5, 7, noise.PLAIN)
        assert abs(values.mean()) < 0.03
        assert 0.25 < values.std() < 0.42
    for kind in (noise.BILLOW, noise.RIDGE):
        values = noise.fbm(points, 4, 0.5, 7, kind)
        assert 0 <= values.min() < values.max() <= 1


def test_noise_is_continuous_across_lattice_planes() -> None:
    edge = np.array([[3, 0.4, 0.7], [-2, 1.3, 0.2], [0, 0.5, 0.5]], np.float32)
    step = np.float32([1e-3, 0, 0])
    jump = noise.fbm(edge + step, 3, 0.5, 1, 0) - noise.fbm(edge - step, 3, 0.5, 1, 0)
    assert np.abs(jump).max() < 0.03


def test_voronoi_agrees_with_walking_to_the_border() -> None:
    """The cell changes within a step beyond the border distance and nowhere short of it."""
    rng = np.random.default_rng(2)
    points = rng.uniform(-5, 5, (60, 3)).astype(np.float32)
    cells = noise.voronoi(points, 3, 0.7)
    ways = rng.normal(size=(400, 3))
    ways = (ways / np.linalg.norm(ways, axis=1, keepdims=True)).astype(np.float32)
    for point, cell in zip(points, cells, strict=True):
        inside = noise.voronoi(point + 0.97 * cell[1] * ways, 3, 0.7)
        assert (inside[:, 2] == cell[2]).all()
    beyond = [
        (noise.voronoi(p + (1.25 * c[1] + 0.02) * ways, 3, 0.7)[:, 2] != c[2]).any()
        for p, c in zip(points, cells, strict=True)
    ]
    assert np.mean(beyond) > 0.95


def test_palettes_hit_their_stops_and_the_shoulder_never_clips() -> None:
    t = np.array([-1, 0, 0.5, 1, 2])
    got = ramp(t, "0 #102030, 0.5 #ff8800, 1 #f0f0f0")
    want = np.stack([rgb(c) for c in ("#102030", "#102030", "#ff8800", "#f0f0f0", "#f0f0f0")])
    np.testing.assert_allclose(got, want, atol=4e-3)
    x = np.linspace(-1, 6, 500, dtype=np.float32)
    y = shoulder(x)
    assert (np.diff(y) >= -1e-6).all()
    assert y.min() > 0
    assert y.max() < 0.98
    np.testing.assert_allclose(y[(x > 0.06) & (x < 0.8)], x[(x > 0.06) & (x < 0.8)], atol=1e-6)


def test_the_contact_sheet_is_written(tmp_path) -> None:
    sheet.main([str(tmp_path / "sheet.png"), "lava", "ice"])
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert len(list(tmp_path.iterdir())) == 1


def test_a_sheet_shows_each_material_with_a_face() -> None:
    """Eyes and mouth darker than the cheek between them, a bright spot above on the left, grey around."""
    page = sheet.sheet(["snow", "gold", "snow"], columns=2, size=60)
    assert (page.shape, page.dtype) == ((120, 120, 3), np.uint8)
    snow = page[:60, :60].astype(float).mean(axis=2)
    np.testing.assert_array_equal(page[60:, :60], page[:60, :60])
    assert (page[60:, 60:] == page[0, 0]).all()
    assert page[0, 0].tolist() == [107] * 3
    assert not np.array_equal(page[:60, 60:], page[:60, :60])

    def at(x: float, y: float) -> float:
        column, row = (int((v / 1.04 + 1) * 30) for v in (x, y))
        return snow[row - 1 : row + 2, column - 1 : column + 2].mean()

    cheek = at(0.0, 0.05)
    assert at(-0.3, -0.15) < 0.75 * cheek
    assert at(0.3, -0.15) < 0.75 * cheek
    assert at(0.0, 0.41) < 0.75 * cheek  # the mouth, an arc around (0, 0.05)
    assert at(0.0, -0.31) > 0.85 * cheek  # which is open above
    assert at(-0.35, -0.55) > cheek
    assert at(0.75, 0.0) > 0.6 * cheek


def test_a_ball_is_seen_from_the_front() -> None:
    points, detail, mask = sheet.ball(100)
    assert mask.mean() == pytest.approx(np.pi / 4 / 1.04**2, abs=0.005)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 0.5, atol=1e-6)
    assert points[:, 2].max() < 0
    assert (detail.min(), detail.max()) == (pytest.approx(-0.45, abs=0.02), pytest.approx(0.25, abs=0.01))
    rim = np.hypot(points[:, 0], points[:, 1]) * 2
    side = (np.abs(points[:, 1]) < 0.1) & (points[:, 0] > 0)
    assert rim[side][detail[side].argmin()] in (pytest.approx(0.82, abs=0.02), pytest.approx(0.33, abs=0.05))
    assert detail[side & (np.abs(rim - 0.82) < 0.006)].max() < -0.2
    assert detail[side & (np.abs(rim - 0.75) < 0.01)].min() > -0.01


def test_noise_may_be_asked_for_from_several_threads_at_once():
    points = np.random.default_rng(5).uniform(-3, 3, (4000, 3)).astype(np.float32)
    expected = noise.fbm(points, 4, 0.5, 7, noise.PLAIN), noise.voronoi(points, 3, 0.7)
    with ThreadPoolExecutor(6) as callers:
        fbms = [callers.submit(noise.fbm, points, 4, 0.5, 7, noise.PLAIN) for _ in range(6)]
        cells = [callers.submit(noise.voronoi, points, 3, 0.7) for _ in range(6)]
    for done, wanted in [*((f, expected[0]) for f in fbms), *((c, expected[1]) for c in cells)]:
        np.testing.assert_array_equal(done.result(), wanted)
