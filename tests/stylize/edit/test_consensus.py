"""The fit of edited views: what they agree about comes out, whatever each says by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from ft2os.stylize import prepare
from ft2os.stylize.edit import consensus
from ft2os.stylize.edit.consensus import Fit, fit
from ft2os.stylize.edit.views import EditViews
from ft2os.tiles.solve import solve_colours
from tests.scenes import ball

SIDE = 72


@pytest.fixture(scope="module")
def views() -> EditViews:
    made = prepare.prepare(ball(900, 0, 3), views=8, pixels=SIDE, max_split_scale=0.03, limit=4000)
    return EditViews.of(made)


@pytest.fixture(scope="module")
def truth(views) -> np.ndarray:
    """Stripes around the ball, red to blue from top to bottom.  [M, 3]"""
    x, y, z = views.means.T
    stripes = 0.5 + 0.3 * np.sin(5 * x + 3 * z)
    return np.stack([stripes, 0.5 + 0.2 * np.sin(4 * y), 0.5 - 0.3 * y], axis=1).clip(0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def agreeing(views, truth) -> list[np.ndarray]:
    return [views.on_grey(i, truth) for i in range(len(views))]


@pytest.fixture(scope="module")
def spoilt(agreeing, views) -> list[np.ndarray]:
    """Each view with its own contrast and tint, bent by up to two pixels, one of them black in a patch."""
    rng, out = np.random.default_rng(1), []
    for i, picture in enumerate(agreeing):
        bend = np.stack([gaussian_filter(rng.standard_normal((SIDE, SIDE)), SIDE / 7) for _ in range(2)])
        at = np.mgrid[0:SIDE, 0:SIDE] + 1.2 * bend / bend.std()
        bent = [map_coordinates(picture[..., c], at, order=1, mode="nearest") for c in range(3)]
        own = np.stack(bent, axis=-1) * rng.normal(1, 0.12, 3) + rng.normal(0, 0.05, 3)
        if i == 3:
            own[25:40, 25:40] = 0
        out.append(own.astype(np.float32))
    return out


def error(views: EditViews, colours: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square over all views."""
    apart = [(views.surface(i, colours) - views.surface(i, truth))[views.mask[i]] for i in range(len(views))]
    return float(np.sqrt(np.mean(np.concatenate(apart) ** 2)))


def plain(views: EditViews, edited: list[np.ndarray], start: np.ndarray) -> np.ndarray:
    targets = [e * a[..., None] for e, a in zip(edited, views.alpha)]
    return solve_colours(
        views.linear, targets, start, prior_weight=0.01, iterations=28, weights=views.weights
    )


@pytest.fixture
def start(truth) -> np.ndarray:
    return np.full_like(truth, 0.5)


def test_agreeing_edits_are_solved_plainly(views, truth, agreeing, start):
    found = fit(views, agreeing, start)
    assert np.array_equal(found.colours, plain(views, agreeing, start))
    assert error(views, found.colours, truth) < 0.02
    assert min(found.agreement) > 0.9


def test_disagreeing_edits_come_out_better_than_their_plain_solve(views, truth, spoilt, start):
    ours, theirs = fit(views, spoilt, start).colours, plain(views, spoilt, start)
    assert error(views, ours, truth) < 0.85 * error(views, theirs, truth)


@pytest.mark.parametrize("without", ["align_colours", "flow", "reweigh"])
def test_every_correction_helps(views, truth, spoilt, start, without):
    most = error(views, fit(views, spoilt, start).colours, truth)
    less = error(views, fit(views, spoilt, start, replace(Fit(), **{without: False})).colours, truth)
    assert most < less


def test_colour_maps_keep_contrast(views, agreeing, start, monkeypatch):
    """Tints that cancel leave the object as colourful as it is in pictures without them."""

    def spread(edited: list[np.ndarray]) -> np.ndarray:
        colours = fit(views, edited, start).colours
        seen = [views.surface(i, colours)[views.mask[i]] for i in range(len(views))]
        return np.concatenate(seen).std(axis=0)

    tints = [1 + (0.25 if i % 2 else -0.25) * np.array([1, -1, 0]) for i in range(len(agreeing))]
    tinted = spread([picture * tint for picture, tint in zip(agreeing, tints)])
    monkeypatch.setattr(consensus, "_AGREE", -0.02)  # every correction, though nothing is to be corrected
    monkeypatch.setattr(consensus, "_DISAGREE", -0.01)
    assert tinted == pytest.approx(spread(agreeing), rel=0.03)


def test_what_no_view_shows_keeps_its_start():
    solid = ball(900, 0, 3)
    solid = solid.replace(opacities=np.full(len(solid), 0.999, np.float32), scales=3 * solid.scales)
    made = prepare.prepare(solid, views=1, pixels=48, max_split_scale=1.0, limit=900)
    views = EditViews.of(made).pick([0])
    hidden = views.linear[0].WT @ views.weights[0].reshape(-1) <= 0
    start = np.full((len(made), 3), 0.123, np.float32)
    found = fit(views, [np.ones((48, 48, 3), np.float32)], start).colours
    assert hidden.any()
    assert np.allclose(found[hidden], 0.123)
    assert np.median(found[~hidden]) > 0.5


def test_same_edits_same_bits(views, spoilt, start):
    one, other = (fit(views, spoilt, start) for _ in range(2))
    assert np.array_equal(one.colours, other.colours)
    assert all(np.array_equal(a, b) for a, b in zip(one.pictures, other.pictures))


def test_it_stops_where_tick_raises_and_says_how_far_it_is(views, spoilt, start):
    shares: list[float] = []
    fit(views, spoilt, start, tick=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 20
    assert shares[0] >= 0
    assert shares[-1] <= 1

    def stop(share: float) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(views, spoilt, start, tick=stop)


def test_a_solve_on_its_way_hears_of_a_cancel(views, spoilt, agreeing, start, monkeypatch):
    solving, heard = False, 0

    def solve(*args, **options):
        nonlocal solving
        solving = True
        try:
            return solve_colours(*args, **options)
        finally:
            solving = False

    def stop(share: float) -> None:
        nonlocal heard
        if solving:
            heard += 1
            raise KeyboardInterrupt

    monkeypatch.setattr(consensus, "solve_colours", solve)
    for edits in (spoilt, agreeing):
        with pytest.raises(KeyboardInterrupt):
            fit(views, edits, start, tick=stop)
    assert heard == 2


def test_edits_must_fit_the_views(views, agreeing, start):
    with pytest.raises(ValueError):
        fit(views, agreeing[:-1], start)
    with pytest.raises(ValueError):
        fit(views, [e[:-2] for e in agreeing], start)
