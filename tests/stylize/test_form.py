"""Forms by name: they move and grow what they say, from an object that is itself at strength 0."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os import looks
from ft2os.errors import RequestError, UnknownPromptError
from ft2os.gaussians import C0, Gaussians, concatenate
from ft2os.stylize import StylizeRequest, form, prepare, shape_words, stylize
from ft2os.stylize.form.forms import REACH
from tests.scenes import ball

RADIUS = 0.5
SMALL = {"views": 8, "pixels": 96, "max_split_scale": 0.02, "limit": 4000}


def sphere(n: int = 1500) -> Gaussians:
    """Flat discs of one colour on a sphere."""
    z = 1 - (2 * np.arange(n) + 1) / n
    angle, across = np.arange(n) * np.pi * (3 - np.sqrt(5)), np.sqrt(1 - z * z)
    normals = np.stack([across * np.cos(angle), across * np.sin(angle), z], axis=1)
    quats = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(n)], axis=1)
    size = RADIUS * np.sqrt(4 / n) * 0.9
    arrays = {
        "means": RADIUS * normals,
        "quats": quats / np.linalg.norm(quats, axis=1, keepdims=True),
        "scales": np.tile([size, size, 0.3 * size], (n, 1)),
        "opacities": np.full(n, 0.95),
        "sh": np.tile((np.array([0.7, 0.4, 0.2]) - 0.5) / C0, (n, 1, 1)),
    }
    return Gaussians(**{name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()})


@pytest.fixture(scope="module")
def plain() -> prepare.PreparedObject:
    return prepare.prepare(sphere(), **SMALL)


@pytest.fixture(scope="module")
def made(plain) -> dict[str, prepare.PreparedObject]:
    return {name: form.give_form(plain, name, 1.0, 3) for name in form.FORMS}


def radii(gaussians: Gaussians) -> np.ndarray:
    return np.linalg.norm(gaussians.means, axis=1)


def test_spikes_stand_out_all_around(plain, made):
    shown = made["spikes"].shown
    body, grown = radii(shown)[: len(plain)], shown.means[len(plain) :]
    np.testing.assert_array_equal(body, radii(plain.fine))
    tips = grown[np.linalg.norm(grown, axis=1) > RADIUS + 0.06]
    for axis in range(3):  # on every side
        assert (tips[:, axis] > 0.3).any()
        assert (tips[:, axis] < -0.3).any()
    assert 0.07 < np.linalg.norm(grown, axis=1).max() - RADIUS < 0.2


def test_hair_grows_outward_lies_down_and_is_dark_at_its_roots(plain, made):
    shown, fine = made["fur"].shown, made["fur"].fine
    hair = slice(len(plain), None)
    length = np.linalg.norm(shown.means - fine.means, axis=1)[hair]
    ends = length > np.quantile(length, 0.8)
    assert np.median(radii(shown)[hair][ends]) > RADIUS + 0.02
    level = (np.abs(fine.means[hair, 1]) < 0.2) & (length > 0.03)
    assert (shown.means - fine.means)[hair][level, 1].mean() > 0.01  # y is down
    light = shown.base_colours[hair].mean(axis=1)
    assert (
        light[length > np.quantile(length, 0.8)].mean()
        > 1.3 * light[length < np.quantile(length, 0.2)].mean()
    )


def test_what_melts_sinks_and_drips_downwards(plain, made):
    shown, fine = made["melting"].shown, made["melting"].fine
    by = shown.means - fine.means
    top = fine.means[: len(plain), 1] < -0.35
    assert by[: len(plain)][top, 1].mean() > 0.04
    drops = by[len(plain) :]
    assert len(drops) > 500
    assert (drops[:, 1] > -0.02).mean() > 0.97
    assert drops[:, 1].max() > 0.1
    assert shown.means[len(plain) :, 1].max() < plain.frame.bottom + 0.04  # nothing under the floor


def test_what_is_inflated_swells_everywhere_and_closes(plain, made):
    shown = made["inflated"].shown
    gain = radii(shown) / radii(plain.fine)
    assert np.percentile(gain, 2) > 1.06
    assert np.percentile(gain, 98) < 1.3
    assert 1.05 < np.median(shown.scales / plain.fine.scales) < 1.3
    holes = [
        1 - s.view.alpha.reshape(s.mask.shape)[40:56, 40:56].min() for s in made["inflated"].surface_views
    ]
    assert max(holes) < 0.1


@pytest.mark.parametrize("name", form.FORMS)
def test_a_form_keeps_its_bounds_and_its_parents(plain, made, name):
    m = made[name]
    assert len(m.parent) == len(m.neutral) == len(m.fine) == len(m.shown)
    assert set(m.parent) <= set(plain.rows)
    assert m.shown.invalid().sum() == 0
    away = np.linalg.norm(m.shown.means - m.fine.means, axis=1)
    assert away.max() <= REACH * m.frame.extent * 1.001

    def needles(g):
        ordered = np.sort(g.scales, axis=1)
        return (ordered[:, 2] > 10.001 * ordered[:, 1]).sum()

    assert needles(m.shown) <= needles(plain.fine)
    grown = slice(len(plain.fine), None)  # at strength 0 nobody sees what has not grown yet
    assert (m.fine.scales[grown] < m.shown.scales[grown]).all()
    assert (m.fine.opacities[grown] < 0.05).all()
    again = form.give_form(plain, name, 1.0, 3)
    assert again.shown.means.tobytes() == m.shown.means.tobytes()


def test_another_seed_grows_elsewhere_and_more_grows_farther(plain, made):
    other, more = form.give_form(plain, "spikes", 1.0, 4), form.give_form(plain, "spikes", 1.8, 3)
    assert other.shown.means.tobytes() != made["spikes"].shown.means.tobytes()
    assert radii(more.shown).max() > radii(made["spikes"].shown).max() + 0.04


def test_eyes_are_spared():
    g = sphere()
    sh, towards = g.sh.copy(), -g.means[:, 2] / RADIUS
    face = towards > 0.8
    dark = np.floor(g.means[:, 0] * 10) % 2 == 0
    sh[face & dark] = -0.5 / C0
    sh[face & ~dark] = 0.5 / C0
    m = form.give_form(prepare.prepare(g.replace(sh=sh), **SMALL), "spikes")
    grown = m.shown.means[m.fine.opacities < 0.03]
    high = grown[np.linalg.norm(grown, axis=1) > RADIUS + 0.06]
    side = high[:, 2] / np.linalg.norm(high, axis=1)
    assert (side > 0.85).sum() > 100
    assert (side < -0.85).sum() < 0.35 * (side > 0.85).sum()


def run(g: Gaussians, prompt: str, **overrides):
    return stylize(StylizeRequest(g, prompt, overrides={**SMALL, "refit": 0, **overrides}))


def test_a_look_goes_from_the_object_to_the_form():
    g = concatenate([sphere(800), ball(3, 0, 9, centre=(4.0, 0.0, 0.0), radius=0.01)])
    result = run(g, "spiky ice")
    look = result.look
    assert result.stats["material"] == "ice"
    assert result.stats["form"] == "spikes"
    assert looks.apply(g, look, 0.0) is g
    slight, full = looks.apply(g, look, 0.03), looks.apply(g, look, 1.0)
    heavy = (slight.opacities > 0.3) & (slight.means[:, 0] < 3)
    assert radii(slight)[heavy].max() < RADIUS * 1.1  # nothing stands out yet
    own = full.means[np.isclose(full.means[:, 0], 4.0, atol=0.1)]
    np.testing.assert_array_equal(own, g.means[800:])  # what is no part of it stays
    assert np.percentile(radii(full.subset(np.abs(full.means[:, 0]) < 3)), 99) > RADIUS * 1.1


def test_a_form_alone_keeps_the_objects_own_colours():
    g = sphere(800)
    result = run(g, "inflated")
    assert "material" not in result.stats
    shown = looks.apply(g, result.look, 1.0)
    seen = shown.opacities > 0.3
    np.testing.assert_allclose(np.median(shown.base_colours[seen], axis=0), [0.7, 0.4, 0.2], atol=0.05)


def test_overrides_choose_a_form_or_none():
    g = sphere(400)
    assert run(g, "gold", form="melting").stats["form"] == "melting"
    assert run(g, "furry gold", form_amount=0.5).stats["form_amount"] == 0.5
    assert "form" not in run(g, "spiky ice", form="none").stats
    with pytest.raises(RequestError, match="form"):
        run(g, "gold", form="gaseous")
    with pytest.raises(UnknownPromptError):
        run(g, "spiky qwxz")


@pytest.mark.parametrize(
    ("prompt", "name", "rest", "coloured"),
    [
        ("spiky ice", "spikes", "ice", True),
        ("a furry thing", "fur", "a thing", False),
        ("brown fur", "fur", "brown fur", True),
        ("melting chocolate", "melting", "chocolate", True),
        ("Inflated", "inflated", "", False),
        ("ice without spikes", None, "ice without spikes", True),
        ("lava", None, "lava", True),
    ],
)
def test_the_form_is_found_in_the_prompt(prompt, name, rest, coloured):
    found = form.parse_form(prompt)
    assert (found.form, found.rest, found.coloured) == (name, rest, coloured)


def test_the_objects_own_noun_is_no_form():
    assert form.parse_form("golden hedgehog", "hedgehog").form is None
    assert form.parse_form("a melting robot", "robot") == form.FormRequest("melting", 1.0, "a robot", False)


def test_every_word_of_a_form_names_one_that_there_is_and_asks_the_optimiser_too():
    """One table for both: a word that names a form and no strength would leave the shape to chance."""
    named = [word for word in shape_words._INDEX.values() if word.form]
    assert {word.form for word in named} == set(form.FORMS)
    assert min(word.strength for word in named) >= 0.4
    assert min(word.amount for word in named) > 0
