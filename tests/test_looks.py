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
from tests.scenes import ball, write_ply

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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logit(x):
    return np.log(x / (1 - x))


def moving(g, rows) -> Look:
    """A look with all that one may have, two Gaussians for each of some rows, of random values."""
    rng = np.random.default_rng(7)
    parent = np.repeat(rows, 2).astype(np.int32)

    def random(*shape, low=-1.0, high=1.0):
        return rng.uniform(low, high, (len(parent), *shape)).astype(np.float32)

    def turned():
        quats = random(4)
        return quats / np.linalg.norm(quats, axis=1, keepdims=True)

    def geometry():
        return {
            "means": random(3),
            "quats": turned(),
            "scales": random(3, low=0.1),
            "opacities": random(low=0.1, high=0.9),
        }

    return Look(parent, random(3), random(3), **geometry(), target=geometry(), sh=random(3, 3))


@pytest.mark.parametrize("strength", [0.05, 0.3, 1.0])
def test_every_value_is_blended_in_its_own_way(strength):
    """Places and colours linearly, sizes by their logarithm, opacities by their logit, below FADE thinned."""
    g, s = ball(9, 1).replace(group=np.arange(9, dtype=np.int32)), strength
    look = moving(g, np.array([1, 4, 5]))
    shown, to = apply(g, look, s), look.target
    own = shown.subset(np.arange(len(shown) - 6, len(shown)))
    np.testing.assert_allclose(own.means, (1 - s) * look.means + s * to["means"], atol=1e-6)
    np.testing.assert_allclose(own.scales, look.scales ** (1 - s) * to["scales"] ** s, rtol=1e-5)
    np.testing.assert_allclose(own.sh[:, 0], (1 - s) * look.dc0 + s * look.dc, atol=1e-6)
    bands = g.sh[look.parent, 1:]
    np.testing.assert_allclose(own.sh[:, 1:], (1 - s) * bands + s * look.sh, atol=1e-6)
    flip = np.sign((look.quats * to["quats"]).sum(axis=1, keepdims=True))
    quats = (1 - s) * look.quats + s * flip * to["quats"]
    np.testing.assert_allclose(own.quats, quats / np.linalg.norm(quats, axis=1)[:, None], atol=1e-6)
    whole = sigmoid((1 - s) * logit(look.opacities) + s * logit(to["opacities"]))
    a = min(s / FADE, 1)
    gain = 1 / a if a == 1 else (1 - np.sqrt(1 - 2 * a * (1 - a) * whole)) / (a * (1 - a) * whole)
    np.testing.assert_allclose(own.opacities, a * gain * whole, rtol=1e-5)
    assert own.group.tolist() == [1, 1, 4, 4, 5, 5]
    assert len(shown) == 6 + (9 if s < FADE else 6)


def test_a_thinned_pair_covers_what_the_whole_did():
    """With a and 1 − a the shares of one opacity o, c their gain: c − ½·a·(1 − a)·o·c² = 1."""
    g = ball(4).replace(opacities=np.float32([0.1, 0.5, 0.9, 0.99]))
    look = look_for(g, np.arange(4), tau=10.0)
    a = 0.25
    shown = apply(g, look, a * FADE).opacities
    for share, found in ((1 - a, shown[:4]), (a, shown[4:])):
        gain = found / (share * g.opacities)
        np.testing.assert_allclose(gain - 0.5 * a * (1 - a) * g.opacities * gain**2, 1, atol=1e-5)


@pytest.mark.parametrize(("strength", "as_if"), [(-0.5, 0.0), (1.7, 1.0)])
def test_a_strength_beyond_its_ends_is_that_end(strength, as_if):
    g = ball(9, 1)
    look = moving(g, np.array([1, 4]))
    one, other = apply(g, look, strength), apply(g, look, as_if)
    np.testing.assert_array_equal(one.sh, other.sh)
    np.testing.assert_array_equal(one.means, other.means)


def test_a_look_of_nothing_changes_nothing():
    g = ball(9, 1)
    assert apply(g, moving(g, np.zeros(0, int)), 1.0) is g


@pytest.mark.parametrize(("degree", "bands"), [(0, 3), (1, 8), (2, 3), (2, 0)])
def test_a_look_keeps_to_the_bands_that_both_have(degree, bands):
    g = ball(9, degree)
    shine = np.random.default_rng(0).uniform(0.1, 1, (18, bands, 3)).astype(np.float32)
    look = replace(moving(g, np.arange(9)), sh=shine if bands else None)
    shown = apply(g, look, 1.0).sh[:, 1:]
    width = min(bands, (degree + 1) ** 2 - 1)
    np.testing.assert_array_equal(shown[:, :width], shine[:, :width])
    assert not shown[:, width:].any()


def test_rows_of_a_look_belong_to_no_row_of_the_file(tmp_path):
    write_ply(tmp_path / "a.ply", ball(9, 1))
    g = load_scene(tmp_path / "a.ply").gaussians
    shown = apply(g, moving(g, np.array([2, 3])), 1.0)
    assert shown.row.tolist() == [0, 1, 4, 5, 6, 7, 8, -1, -1, -1, -1]
    assert shown.source is g.source
    assert apply(ball(9, 1), moving(g, np.array([2, 3])), 0.1).row is None


@pytest.mark.parametrize("row", [-1, 9])
def test_rows_just_beyond_the_object_are_refused(row):
    g = ball(9, 1)
    look = moving(g, np.array([0, 8]))
    assert len(apply(g, look, 1.0)) == 11
    with pytest.raises(RequestError, match="another object"):
        apply(g, replace(look, parent=np.int32([0, 0, row, 8])), 0.5)


def test_a_file_keeps_all_that_a_look_may_have(tmp_path):
    look = replace(moving(ball(9, 1), np.array([2, 3])), method="clip", stats={"a": [1, None]})
    look.save(tmp_path / "a.npy")
    back = Look.load(tmp_path / "a.npy")
    assert back.columns().keys() == look.columns().keys()
    for name, column in look.columns().items():
        np.testing.assert_array_equal(back.columns()[name], column)
        assert back.columns()[name].dtype == (np.int32 if name == "parent" else np.float32)
    assert (back.method, back.stats) == ("clip", {"a": [1, None]})
    assert back.digest() == look.digest()
    (tmp_path / "a.json").unlink()
    assert (Look.load(tmp_path / "a.npy").name, Look.load(tmp_path / "a.npy").stats) == ("", {})


def test_the_name_of_a_looks_content_follows_it():
    look = moving(ball(9, 1), np.array([2, 3]))
    names = {look.digest()}
    for name, column in look.columns().items():
        changed = look.columns() | {name: column + np.ones(1, column.dtype)}
        names.add(Look.of(changed).digest())
        if name in ("dc0", "sh") or name.startswith("target_"):
            names.add(Look.of({k: v for k, v in look.columns().items() if k != name}).digest())
    assert len(names) == 1 + 12 + 6
    assert replace(look, name="Lava").digest() == look.digest()
    ones = [np.ones((1, *shape), np.float32) for shape in ((3,), (3,), (3,), (4,), (3,), ())]
    assert (
        Look(np.zeros(1, np.int32), *ones).digest() == "49916b87e535cf688f408110f289e0c4"
    )  # point clouds of older files are named so
    empty = moving(ball(9, 1), np.zeros(0, int))
    assert empty.digest() != replace(empty, sh=None).digest()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("parent", (4, 1)),
        ("dc", (4, 2)),
        ("dc0", (4, 4)),
        ("means", (4,)),
        ("quats", (4, 3)),
        ("scales", (4, 1)),
        ("opacities", (4, 1)),
        ("sh", (4, 3)),
        ("sh", (4, 3, 4)),
        ("target_means", (4, 2)),
        ("target_opacities", (4, 1)),
        ("target_quats", (4, 5)),
    ],
)
def test_columns_of_another_width_are_no_look(tmp_path, name, shape):
    look = moving(ball(9, 1), np.array([2, 3]))
    columns = look.columns() | {name: np.zeros(shape, np.int32 if name == "parent" else np.float32)}
    rows = np.zeros(4, [(n, v.dtype, v.shape[1:]) for n, v in columns.items()])
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(FileError, match="not a look"):
        Look.load(tmp_path / "a.npy")


def test_parents_that_are_no_whole_numbers_are_no_look(tmp_path):
    columns = moving(ball(9, 1), np.array([2, 3])).columns()
    types = [(n, "<f4" if n == "parent" else v.dtype, v.shape[1:]) for n, v in columns.items()]
    np.save(tmp_path / "a.npy", np.zeros(4, types))
    with pytest.raises(FileError, match="not a look"):
        Look.load(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros(4, [*types[1:], ("parent", "<i4"), ("more", "<f4")]))
    with pytest.raises(FileError, match="not a look"):
        Look.load(tmp_path / "a.npy")
