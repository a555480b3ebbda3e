"""A look: strength 0 is the object itself, nothing jumps on the way, and files keep every bit."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import orbit
from ft2os.cameras.camera import stack
from ft2os.errors import FileError, RequestError
from ft2os.formats import load_scene
from ft2os.looks import FADE, Look, apply
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.split import split
from ft2os.tiles import render
from tests.scenes import ball

DEMO_SCENE = Path(__file__).parent.parent / "demo" / "scene" / "scene.ply"


def look_for(g, rows, tau=0.06, **fields) -> Look:
    part = g.subset(rows)
    fine, parent = split(part, tau, 3000)
    dc = np.random.default_rng(1).uniform(-1, 1, (len(fine), 3)).astype(np.float32)
    geometry = {n: getattr(fine, n) for n in ("means", "quats", "scales", "opacities")}
    return Look(parent=rows[parent].astype(np.int32), dc=dc, dc0=None, **geometry, **fields)


def test_strength_zero_is_the_object_itself():
    g = ball(60, 1)
    assert apply(g, look_for(g, np.arange(60)), 0.0) is g


def test_rows_without_children_keep_their_bits_and_order():
    g = ball(60, 2)
    rows = np.arange(0, 60, 2)
    for strength in (0.01, 0.5, 1.0):
        shown = apply(g, look_for(g, rows), strength)
        untouched = np.setdiff1d(np.arange(60), rows)
        first = untouched if strength < FADE else np.arange(len(untouched))
        for name in ("means", "quats", "scales", "opacities", "sh"):
            np.testing.assert_array_equal(getattr(shown, name)[first], getattr(g, name)[untouched])


def test_full_strength_shows_the_looks_colours_without_higher_bands():
    g = ball(60, 2)
    look = look_for(g, np.arange(60))
    shown = apply(g, look, 1.0)
    np.testing.assert_array_equal(shown.sh[:, 0], look.dc)
    assert not shown.sh[:, 1:].any()


def test_target_geometry_blends_in_its_own_units():
    g = ball(10)
    n = len(g)
    look = Look(
        parent=np.arange(n, dtype=np.int32),
        dc=g.sh[:, 0],
        dc0=None,
        means=g.means,
        quats=g.quats,
        scales=np.ones((n, 3), np.float32),
        opacities=np.full(n, 0.2, np.float32),
        target={"scales": np.full((n, 3), 4.0, np.float32), "opacities": np.full(n, 0.8, np.float32)},
    )
    half = apply(g, look, 0.5)
    np.testing.assert_allclose(half.scales, 2.0, rtol=1e-5)
    np.testing.assert_allclose(half.opacities, 0.5, rtol=1e-5)


def test_a_rotation_takes_the_short_way():
    """q and −q are the same rotation: half of a turn by 60° is 30°, whichever of them a file has."""
    g = ball(10)
    turned = {angle: np.array([np.cos(angle), 0, 0, np.sin(angle)]) for angle in np.radians([0, 15, 30])}
    still, half, whole = (np.tile(q, (10, 1)).astype(np.float32) for q in turned.values())
    look = look_for(g, np.arange(10), tau=10.0, target={"quats": -whole})
    look = replace(look, quats=still)
    found = apply(g, look, 0.5).quats
    np.testing.assert_allclose(np.abs((found * half).sum(axis=1)), 1, atol=1e-6)


def test_nothing_jumps_as_the_strength_moves():
    g = ball(400, 1, colour=(0.5, 0.4, 0.3))
    look = look_for(g, np.arange(400), tau=1.0)  # unsplit: the blend itself is on trial
    viewmats, Ks = stack(orbit(g, 2, size=(96, 96)))
    previous = render(g, viewmats, Ks, 96, 96).rgb
    for strength in (0.02, 0.04, 0.06, 0.5, 0.52):
        shown = render(apply(g, look, strength), viewmats, Ks, 96, 96).rgb
        if strength != 0.5:
            assert np.abs(shown - previous).mean() <= 1 / 255
        previous = shown


def the_pumpkin(data_dir):
    scene = load_scene(DEMO_SCENE)
    return scene.gaussians.subset(scene.mask(scene.resolve_group("pumpkin")))


def the_robot(data_dir):
    scene = load_scene(data_dir() / "grouped" / "composite_gg")
    return scene.gaussians.subset(scene.mask(75))


@pytest.mark.parametrize("subject", [the_pumpkin, the_robot])
def test_a_real_look_comes_in_evenly(subject, request):
    """In each step of 0.02 as much changes as in any other, and nowhere more than 1/255 of the picture.

    The finer set differs from the object by more than that, so it has to come in with the strength.
    """
    g = subject(lambda: request.getfixturevalue("data_dir"))
    small = {"views": 6, "pixels": 96, "refit": 6}
    look = stylize(StylizeRequest(g, "ice", overrides=small)).look
    viewmats, Ks = stack(orbit(g, 2, size=(160, 160)))

    def picture(strength: float) -> np.ndarray:
        return render(apply(g, look, strength), viewmats, Ks, 160, 160).rgb

    first = picture(0.0)
    even = np.abs(picture(1.0) - first).mean() / 50
    for start in (0.0, 0.02, 0.1, 0.16, FADE, 0.5, 0.98):
        step = np.abs(picture(start + 0.02) - (first if start == 0 else picture(start))).mean()
        assert step < 1 / 255, f"from {start}"
        assert 0.5 * even < step < 1.6 * even, f"from {start}: {step / even:.2f} times an even step"
    assert np.abs(picture(FADE - 1e-4) - picture(FADE)).mean() < 0.1 / 255
    np.testing.assert_array_equal(apply(g, look, 1.0).sh[-len(look) :, 0], look.dc)
    assert apply(g, look, 0.0) is g


def test_what_gives_way_takes_the_looks_mean_colour():
    """In its own colours the object would shine through the look in patches."""
    g = ball(60, 1)
    look = look_for(g, np.arange(60))
    giving_way = apply(g, look, FADE / 2).sh[:60]
    mean = np.stack([look.dc[look.parent == i].mean(axis=0) for i in range(60)])
    np.testing.assert_allclose(giving_way[:, 0], g.sh[:, 0] + FADE / 2 * (mean - g.sh[:, 0]), atol=1e-5)
    np.testing.assert_allclose(giving_way[:, 1:], (1 - FADE / 2) * g.sh[:, 1:], atol=1e-6)


def test_saved_and_loaded_is_the_same(tmp_path):
    g = ball(20)
    target = {"means": g.means[:1].repeat(20, 0)}
    look = Look(
        parent=np.arange(20, dtype=np.int32),
        dc=g.sh[:, 0],
        dc0=g.sh[:, 0] * 2,
        means=g.means,
        quats=g.quats,
        scales=g.scales,
        opacities=g.opacities,
        target=target,
        name="Lava",
        prompt="lava",
        method="material",
        seed=3,
        stats={"clipped": 0.0},
    )
    look.save(tmp_path / "a.npy")
    back = Look.load(tmp_path / "a.npy")
    for name in ("parent", "dc", "dc0", "means", "quats", "scales", "opacities"):
        np.testing.assert_array_equal(getattr(back, name), getattr(look, name))
    np.testing.assert_array_equal(back.target["means"], target["means"])
    assert (back.name, back.prompt, back.seed, back.stats) == ("Lava", "lava", 3, {"clipped": 0.0})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "a.npy"]


@pytest.mark.parametrize("damage", ["cut", "text", "other", "absent"])
def test_a_file_that_is_no_look_is_said_to_be_none(tmp_path, damage):
    path = tmp_path / "a.npy"
    g = ball(20)
    if damage == "cut":
        look_for(g, np.arange(20)).save(path)
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "text":
        path.write_text("not an array")
    elif damage == "other":
        np.save(path, np.zeros(4))
    with pytest.raises(FileError):
        Look.load(path)


def test_a_look_of_another_object_is_refused():
    g = ball(60)
    with pytest.raises(RequestError):
        apply(g.subset(np.arange(30)), look_for(g, np.arange(60)), 1.0)


WRONG = [
    "[" * 100_000,
    "[1]",
    "5",
    '{"stats": [1]}',
    '{"prompt": null}',
    '{"seed": "x"}',
    '{"name": {}}',
    "{",
]


@pytest.mark.parametrize("words", WRONG, ids=range(len(WRONG)))
def test_words_of_another_kind_beside_a_look_are_an_error_in_words(tmp_path, words):
    look_for(ball(20), np.arange(20)).save(tmp_path / "look.npy")
    (tmp_path / "look.json").write_text(words)
    with pytest.raises(FileError):
        Look.load(tmp_path / "look.npy")


def test_a_pipe_in_place_of_its_words_is_refused(tmp_path):
    look_for(ball(20), np.arange(20)).save(tmp_path / "look.npy")
    (tmp_path / "look.json").unlink()
    os.mkfifo(tmp_path / "look.json")
    with pytest.raises(FileError, match="it is a pipe"):
        Look.load(tmp_path / "look.npy")


def test_a_file_keeps_the_geometry_that_a_look_grows_into(tmp_path):
    plain = look_for(ball(20), np.arange(20))
    grown = {"means": plain.means + 1, "opacities": 0.5 * plain.opacities}
    replace(plain, target=grown).save(tmp_path / "look.npy")
    kept = Look.load(tmp_path / "look.npy").target
    assert kept is not None
    assert kept.keys() == grown.keys()
    for name, array in grown.items():
        np.testing.assert_array_equal(kept[name], array)
