"""Objects that are tiny, huge, far off, flat or broken: a look that shows, or a sentence, never a crash."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from ft2os import looks
from ft2os.errors import RequestError
from ft2os.gaussians import C0, Gaussians
from ft2os.stylize import StylizeRequest, memory, prepare, stylize
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.methods import METHODS
from ft2os.stylize.split import max_gaussians, split
from ft2os.tiles.linear import LinearView
from tests.scenes import ball

QUICK = {"views": 3, "pixels": 64, "limit": 4000}
GRID = np.stack([*np.mgrid[0:12, 0:12].reshape(2, -1), np.zeros(144)], axis=1) / 12


def some(means, sigma) -> Gaussians:
    """Grey Gaussians at these places, of one width or of three."""
    means = np.asarray(means, np.float32).reshape(-1, 3)
    n = len(means)
    return Gaussians(
        means=means,
        quats=np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        scales=np.broadcast_to(np.float32(sigma), (n, 3)).copy(),
        opacities=np.full(n, 0.8, np.float32),
        sh=np.full((n, 1, 3), 0.1, np.float32),
    )


def with_one(gaussians: Gaussians, name: str, value: float) -> Gaussians:
    """One of them with another value."""
    array = getattr(gaussians, name).copy()
    array.reshape(len(array), -1)[3] = value
    return gaussians.replace(**{name: array})


def look_of(target: Gaussians, prompt: str = "lava", **overrides) -> looks.Look:
    request = StylizeRequest(target, prompt, preset="draft", overrides={**QUICK, **overrides})
    return stylize(request).look


ODD = {
    **{f"one of sigma {s}": some([0, 0, 0], s) for s in (0.01, 0.02, 0.05, 0.1, 0.5)},
    "one flat": some([1, 2, 3], (0.3, 0.2, 0.001)),
    "two in one place": some([[0, 0, 0]] * 2, 0.05),
    "two apart": some([[0, 0, 0], [1, 0, 0]], 0.1),
    "three": some(np.eye(3), 0.2),
    "60 in one place": some([[5, 5, 5]] * 60, 0.03),
    "far off": some(1e6 + ball(60).means, 0.3),
    "a tenth of a millimetre": some(1e-4 * ball(60).means, 3e-5),
    "a hundred kilometres": some(1e5 * ball(60).means, 3e4),
    "a line": some(np.linspace(0, 1, 50)[:, None] * [0, 1, 0], 0.02),
    "a sheet": some(GRID, (0.05, 0.05, 1e-4)),
    "flat without thickness": some(GRID, (0.05, 0.05, 0)),
    "one huge among small": with_one(some(ball(60).means, 0.3), "scales", 2e4),
    "one far away": with_one(some(ball(60).means, 0.3), "means", 1e18),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_object_takes_the_look(name: str) -> None:
    target = ODD[name]
    look = look_of(target)
    assert len(look) <= max_gaussians(len(target), QUICK["limit"])
    styled = looks.apply(target, look, 0.5)
    assert all(np.isfinite(getattr(styled, part)).all() for part in ("means", "quats", "scales", "sh"))
    red, _, blue = np.average(0.5 + C0 * look.dc, axis=0, weights=look.opacities)
    assert red > blue + 0.15


@pytest.mark.parametrize("prompt", ["spiky ice", "furry", "melting gold", "inflated"])
def test_one_gaussian_takes_a_form(prompt: str) -> None:
    look = look_of(some([0, 0, 0], 0.1), prompt)
    assert np.isfinite(look.target["means"]).all()
    assert np.abs(look.target["means"]).max() < 1.0  # it is some 0.4 wide


def test_size_and_place_make_no_difference() -> None:
    """Powers of two cost no bit."""
    plain = ball(80)
    right = look_of(plain)
    for scale in (2.0**-14, 2.0**20):
        found = look_of(plain.replace(means=plain.means * scale, scales=plain.scales * np.float32(scale)))
        np.testing.assert_array_equal(found.dc, right.dc)
        np.testing.assert_array_equal(found.means, right.means * np.float32(scale))
        np.testing.assert_array_equal(found.scales, right.scales * np.float32(scale))


def test_what_is_out_of_proportion_is_left_alone() -> None:
    for name in ("means", "scales"):
        target = with_one(some(ball(60).means, 0.3), name, 1e18)
        assert np.flatnonzero(~keep_connected(target)).tolist() == [3]
        assert 3 not in look_of(target).parent


@pytest.mark.parametrize("name", ["means", "quats", "scales", "opacities", "sh"])
def test_values_that_are_no_numbers_are_told(name: str) -> None:
    for value in (np.nan, np.inf, 1e30):
        broken = with_one(some(ball(60).means, 0.3), name, value)
        with pytest.raises(RequestError, match=r"1 of the object's Gaussians hold no usable number"):
            StylizeRequest(broken, "lava")
        with pytest.raises(RequestError, match="surroundings"):
            StylizeRequest(some([0, 0, 0], 1), "lava", context=broken)


def test_a_rotation_without_a_length_is_told() -> None:
    with pytest.raises(RequestError, match="no usable number"):
        StylizeRequest(with_one(some(ball(60).means, 0.3), "quats", 1e20), "lava")


def test_an_object_without_size_is_told() -> None:
    with pytest.raises(RequestError, match="no size"):
        look_of(some([[2, 0, 0]] * 5, 0))


def test_children_are_counted_beyond_what_an_integer_holds() -> None:
    fine, parent = split(some([0, 0, 0], 1.0), 1e-12, 5000)
    assert 1000 < len(fine) <= 5000
    assert len(parent) == len(fine)


def test_pictures_of_many_layers_are_split_coarser_and_refused_before_they_fill_the_memory(
    monkeypatch,
) -> None:
    deep = some([[0, 0, 0]] * 200, 0.03)
    how = {"views": 4, "pixels": 64, "max_split_scale": 0.006, "limit": 20_000}
    made = prepare.prepare(deep, **how)
    weights = [s.view.W.nnz / s.mask.size for s in made.surface_views]
    assert max(weights) < 100
    faint = some(np.zeros((3000, 3)), 0.1).replace(opacities=np.full(3000, 0.03, np.float32))
    monkeypatch.setenv(memory.MEMORY_ENV, str(4 << 20))
    with pytest.raises(RequestError, match="lie over each other"):
        prepare.prepare(faint, **how)


@pytest.mark.parametrize("method", ["material", "image"])
def test_an_object_that_nobody_can_see_is_told(method: str, tmp_path) -> None:
    from PIL import Image

    picture = tmp_path / "style.png" if METHODS[method].takes.picture != "no" else None
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "style.png")
    clear = some(ball(20).means, 0.1).replace(opacities=np.zeros(20, np.float32))
    request = StylizeRequest(
        clear, "lava", method=method, preset="draft", style_image=picture, overrides=QUICK
    )
    with pytest.raises(RequestError, match="too transparent"):
        stylize(request)


@pytest.mark.parametrize(("name", "value"), [("opacities", -0.1), ("opacities", 1.5), ("scales", -1.0)])
def test_values_that_no_gaussian_has_are_told(name: str, value: float) -> None:
    with pytest.raises(RequestError, match="1 of the object's"):
        StylizeRequest(with_one(some(ball(60).means, 0.3), name, value), "lava")


def test_a_run_leaves_none_of_its_pictures_behind() -> None:
    """They are hundreds of megabytes, and a warm worker makes many runs."""
    before = [held for held in gc.get_objects() if type(held) is LinearView]  # other tests keep some
    look_of(ball(60))
    after = [held for held in gc.get_objects() if type(held) is LinearView]
    assert {id(held) for held in after} <= {id(held) for held in before}
