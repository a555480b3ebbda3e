"""The method ``image``: palette and strokes of a picture, form kept, repeatable, cancellable."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ft2os import looks
from ft2os.colour import LUMA
from ft2os.errors import CancelledError, FileError, MissingError, RequestError
from ft2os.gaussians import concatenate
from ft2os.stylize import StylizeRequest, memory, prepare, stylize
from ft2os.stylize.image import paint
from ft2os.stylize.image.about import Settings
from ft2os.stylize.image.paint import Strokes, own_colours, palette
from ft2os.stylize.image.run import _job
from tests import strokes, tiny_vgg
from tests.scenes import ball

SMALL = {"views": 4, "pixels": 64, "limit": 3000}


@pytest.fixture
def picture(tmp_path):
    """Wide strokes in blue and gold."""
    return strokes.write(tmp_path / "stars.png")


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    """VGG16 of random weights where ft2os looks for weights."""
    pytest.importorskip("torch")
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tiny_vgg.write(tmp_path / "weights")))


def asked(target, picture, preset="draft", prompt="", seed=0, **overrides) -> StylizeRequest:
    overrides = {**SMALL, **overrides}
    more = {"method": "image", "preset": preset, "style_image": picture, "seed": seed}
    return StylizeRequest(target, prompt, overrides=overrides, **more)


def shown(target, look, views=3) -> np.ndarray:
    """Un-premultiplied pixels of the object.  [M, 3]"""
    g = looks.apply(target, look, 1.0)
    made = prepare.prepare(g, views=views, pixels=64, max_split_scale=1.0, limit=1)
    return np.concatenate([own_colours(s) for s in made.surface_views])


def test_the_palette_moves_mean_and_covariance_to_the_pictures():
    rng = np.random.default_rng(0)
    own = np.clip(rng.normal([0.5, 0.6, 0.4], [0.17, 0.14, 0.12], (4000, 3)), 0, 1)
    mixing = np.array([[0.08, 0.02, 0], [0, 0.06, 0.01], [0, 0, 0.09]])
    goal = (rng.normal(size=(90, 100, 3)) @ mixing + [0.3, 0.4, 0.6]).astype(np.float32)
    moved = palette(own, goal).transported(own)
    np.testing.assert_allclose(moved.mean(0), goal.reshape(-1, 3).mean(0), atol=0.01)
    wanted = np.cov(goal.reshape(-1, 3).T)  # less what the floor for plain objects takes
    np.testing.assert_allclose(np.cov(moved.T), wanted, atol=0.15 * wanted.max())


def test_the_palette_keeps_the_order_of_light_and_dark():
    rng = np.random.default_rng(1)
    own = rng.uniform(0, 1, (500, 3)).astype(np.float32)
    found = palette(own, rng.uniform(0.1, 0.9, (64, 64, 3)).astype(np.float32)).colours(own, hue=0.0)
    order = np.argsort(own @ LUMA)
    assert (np.diff((found @ LUMA)[order]) > -1e-3).all()


def test_plain_objects_and_plain_pictures_have_a_palette_too():
    grey = np.full((50, 3), 0.5, np.float32)
    plain = np.full((40, 40, 3), (0.2, 0.5, 0.7), np.float32)
    np.testing.assert_allclose(palette(grey, plain).colours(grey), plain[0, :1].repeat(50, 0), atol=1e-3)
    assert np.isfinite(palette(grey[:1], plain).colours(grey)).all()


def test_lit_and_shaded_sides_come_nearer_before_the_palette_and_detail_stays():
    """Half of their difference goes, or ink would make them black and white."""
    made = prepare.prepare(ball(400, radius=1.0), views=1, pixels=64, max_split_scale=1.0, limit=1)
    view = made.surface_views[0]
    rows, columns = np.nonzero(view.mask)
    middle = int(np.median(columns))
    detail = np.where((rows + columns) % 2, 0.05, -0.05)
    own = np.repeat((np.where(columns < middle, 0.8, 0.2) + detail)[:, None], 3, axis=1).astype(np.float32)
    found = paint._evened(view, own)
    left, right = columns < middle - 16, columns > middle + 16
    assert found[left].mean() - found[right].mean() == pytest.approx(0.3, abs=0.06)
    assert found[left].std() == pytest.approx(0.05, abs=0.01)


def test_strokes_are_in_space_and_not_in_the_view():
    rng = np.random.default_rng(0)
    strokes = Strokes(rng.uniform(0, 1, (60, 80, 3)).astype(np.float32), seed=3)
    points, normals = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    wanted = np.full((50, 3), 0.5)
    forms, detail = strokes.at(points, normals, wanted)
    again = strokes.at(points[::-1].copy(), -normals[::-1], wanted)[1][::-1]
    np.testing.assert_allclose(detail, again, atol=1e-6)
    assert detail.std() > 0.05
    assert np.abs(forms - 0.5).mean() < 0.2


def test_a_draft_takes_the_palette_and_needs_no_weights(picture, monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path / "none"))
    g = ball(300, 0, 1, colour=(0.8, 0.3, 0.1))
    result = stylize(asked(g, picture))
    goal = np.array([92, 105, 145]) / 255
    before, after = np.array([0.8, 0.3, 0.1]), shown(g, result.look).mean(0)
    assert np.linalg.norm(after - goal) < 0.35 * np.linalg.norm(before - goal)
    stats = result.stats
    assert (stats["method"], stats["preset"], stats["losses"]) == ("image", "draft", [])
    assert stats["clipped"] == 0
    assert result.look.name == "stars"


def test_a_run_with_a_network(picture, vgg):
    g, seen = ball(200, 0, 1), []
    result = stylize(asked(g, picture, "standard", steps=12), progress=seen.append)
    stats = result.stats
    assert len(stats["losses"]) == 12
    assert set(stats["terms"]) == {"match", "content", "statistics", "smooth"}
    assert set(stats["stages"]) >= {"views", "paint", "strokes", "settle"}
    steps = [p.step for p in seen]
    assert steps == sorted(steps)
    assert (seen[-1].step, seen[-1].eta_s) == (seen[-1].total, 0)
    assert seen[-1].preview.dtype == np.uint8
    pictured = [p.stage for p in seen if p.preview is not None]
    assert pictured[0] == "paint"
    assert pictured[-1] == "settle"
    on_the_way = next(p for p in seen if p.stage == "strokes" and p.loss is not None)
    assert set(on_the_way.metrics) == set(stats["terms"])
    half = on_the_way.partial()
    assert not np.array_equal(half.look.dc, result.look.dc)
    assert len(half.stats["losses"]) == 12  # asked for late, it tells of the run so far


def test_the_same_seed_gives_the_same_look_and_another_another(picture, vgg):
    g = ball(150, 0, 1)
    first, second = (stylize(asked(g, picture, "standard", steps=4)).look for _ in range(2))
    other = stylize(asked(g, picture, "standard", steps=4, seed=1)).look
    np.testing.assert_array_equal(first.dc, second.dc)
    assert not np.array_equal(first.dc, other.dc)


def test_cancelling_keeps_what_is_painted(picture, vgg):
    g, seen = ball(150, 0, 1), []
    with pytest.raises(CancelledError) as caught:
        stylize(
            asked(g, picture, "standard", steps=50),
            progress=seen.append,
            cancelled=lambda: bool(seen) and seen[-1].stage == "strokes" and seen[-1].loss is not None,
        )
    assert len(caught.value.partial.look)
    assert 1 <= len(caught.value.partial.stats["losses"]) <= 2
    with pytest.raises(CancelledError) as caught:
        stylize(asked(g, picture), cancelled=lambda: True)
    assert caught.value.partial is None


def test_a_material_beside_the_picture_is_painted_over_and_other_words_are_a_title(picture):
    g = ball(200, 0, 1)
    alone, lava, words = (stylize(asked(g, picture, prompt=p)) for p in ("", "lava", "my xylophone qwerty"))
    assert (lava.stats["material"], lava.stats["prompt_is"]) == ("lava", "ground")
    assert (words.stats["material"], words.stats["prompt_is"]) == (None, "title")
    np.testing.assert_array_equal(words.look.dc, alone.look.dc)
    assert not np.array_equal(lava.look.dc, alone.look.dc)
    assert words.look.name == "my xylophone qwerty"
    assert (alone.stats["material"], alone.stats["prompt_is"]) == (None, None)
    assert alone.stats["style_image"] == "stars.png"


@pytest.mark.parametrize(("longer", "painted_with"), [(1300, 512), (400, 380)])
def test_a_large_picture_is_painted_with_at_512_pixels_and_without_its_rim(
    tmp_path, monkeypatch, longer, painted_with
):
    waves = np.sin(np.arange(longer) / 9)[None, :, None] * np.ones((longer, 1, 3))
    Image.fromarray((127 + 120 * waves).astype(np.uint8)).save(tmp_path / "waves.png")
    shapes, real = [], paint.paint

    def watched(prepared, small, *more, **settings):
        shapes.append(small.shape)
        return real(prepared, small, *more, **settings)

    monkeypatch.setattr(paint, "paint", watched)
    stylize(asked(ball(100), tmp_path / "waves.png"))
    assert shapes == [(painted_with, painted_with, 3)]


def test_specks_keep_their_bits(picture):
    g = concatenate([ball(300), ball(3, 0, 9, centre=(4.0, 0.0, 0.0), radius=0.01)])
    look = stylize(asked(g, picture)).look
    assert look.parent.max() < 300
    after = looks.apply(g, look, 1.0)
    for name in ("means", "quats", "scales", "opacities", "sh"):
        np.testing.assert_array_equal(getattr(after, name)[:3], getattr(g, name)[300:])


def test_what_cannot_be_is_said_before_any_work(picture, tmp_path, monkeypatch):
    g, stages = ball(50), []

    def refused(error, request):
        with pytest.raises(error) as caught:
            stylize(request, progress=lambda p: stages.append(p.stage))
        return caught.value.message

    assert "picture" in refused(RequestError, StylizeRequest(g, "lava", method="image"))
    assert "no setting" in refused(RequestError, asked(g, picture, speed=1))
    assert "cannot be" in refused(RequestError, asked(g, picture, steps=-1))
    assert "no file" in refused(FileError, asked(g, tmp_path / "none.png"))
    for name in ("FT2OS_WEIGHTS", "FT2OS_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.delenv("FT2OS_TEST_DATA", raising=False)
    pytest.importorskip("torch")
    assert "VGG16" in refused(MissingError, asked(g, picture, "standard"))
    assert not stages


def test_a_draft_runs_where_torch_cannot_be_imported(picture):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from tests.scenes import ball\n"
        "from ft2os.stylize import StylizeRequest, stylize\n"
        f"more = dict(method='image', preset='draft', style_image=Path({str(picture)!r}))\n"
        f"assert len(stylize(StylizeRequest(ball(60), '', overrides={SMALL!r}, **more)).look)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_last_coat_holds_the_palette_and_the_form():
    made = prepare.prepare(ball(200, 0, 1), views=4, pixels=64, max_split_scale=0.05, limit=3000)
    rng = np.random.default_rng(0)
    noise = rng.uniform(0, 1, (len(made), 3)).astype(np.float32)
    goal = rng.uniform(0, 1, (64, 64, 1)).astype(np.float32) * np.array([1.0, 0.8, 0.2], np.float32)
    colours = paint.solve(made, paint.settle(made, noise, goal, luminance_keep=0.5))

    def chroma(values):  # how far from the picture's only hue
        gold = np.array([1.0, 0.8, 0.2]) / np.linalg.norm([1.0, 0.8, 0.2])
        return np.linalg.norm(values - (values @ gold)[:, None] * gold, axis=1).mean()

    before, after = (
        chroma(np.concatenate([own_colours(s, s.view.image(c)) for s in made.surface_views]))
        for c in (noise, colours)
    )
    assert after < 0.4 * before
    assert colours.max() < 1


@pytest.mark.parametrize("style", ["starry", "hokusai"])
def test_real_weights_bring_a_real_object_to_the_painting(data_dir, monkeypatch, style):
    pytest.importorskip("torch")
    from ft2os.formats import load_scene
    from ft2os.guidance import style_image

    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    scene = load_scene(data_dir / "grouped" / "composite_gg")
    g = scene.gaussians.subset(scene.mask(75))
    path = data_dir / "style_images" / f"{style}.jpg"
    small = {"views": 6, "pixels": 128, "limit": 8000, "steps": 24}
    result = stylize(asked(g, path, "standard", **small))
    match = result.stats["terms"]["match"]
    assert np.mean(match[-6:]) < np.mean(match[:6])
    picture = style_image.load(path, 256).reshape(-1, 3)
    looked = prepare.prepare(g, views=3, pixels=64, max_split_scale=1.0, limit=1).surface_views
    before, after = np.concatenate([own_colours(s) for s in looked]), shown(g, result.look)
    for figure in (lambda x: x.mean(0), lambda x: np.cov(x.T)):
        off = [np.abs(figure(x) - figure(picture)).max() for x in (before, after)]
        assert off[1] < 0.5 * off[0], (figure(picture), figure(before), figure(after))
    assert result.stats["clipped"] < 0.001
    assert result.stats["ssim"] > 0.35  # the object is still to be seen


def test_the_largest_size_of_the_picture_counts_for_the_memory():
    """The network sees the picture at two sizes, one after the other."""
    usual, large = (_job(1000, Settings(stroke=stroke), matched=True).fixed for stroke in (1.0, 2.0))
    assert usual == memory.VGG_PASS * 720**2
    assert large == memory.VGG_PASS * 1440**2
