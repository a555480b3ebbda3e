"""Figures of a look: blown whites counted, and structure compared by the published formula."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.stylize.measure import luminance_ssim, measure
from ft2os.stylize.prepare import prepare
from tests.scenes import ball


@pytest.fixture(scope="module")
def made():
    return prepare(ball(300), views=3, pixels=64, max_split_scale=0.05, limit=2000)


def test_a_pixels_ssim_is_the_formula_of_2004():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 1, (2, 21, 21))
    away = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    weights = np.outer(away, away) / away.sum() ** 2
    x, y = a[4:17, 4:17], b[4:17, 4:17]  # the window of pixel (10, 10)
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    both = (weights * (x - mean_x) * (y - mean_y)).sum()
    expected = (2 * mean_x * mean_y + 1e-4) * (2 * both + 9e-4)
    expected /= (mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4)
    assert luminance_ssim(a, b)[10, 10] == pytest.approx(expected, rel=1e-6)
    assert luminance_ssim(a, a) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("colour", "clipped", "clipped_any"),
    [((3, 3, 3), 1.0, 1.0), ((3, 0.2, 0.2), 0.0, 1.0), ((0.9, 0.9, 0.9), 0.0, 0.0)],
)
def test_white_is_where_all_channels_are(made, colour, clipped, clipped_any):
    figures = measure(made.surface_views, np.tile(np.float32(colour), (len(made), 1)))
    assert (figures["clipped"], figures["clipped_any"]) == (clipped, clipped_any)


def test_half_of_an_object_that_is_white_is_half_of_its_pixels(made):
    left = made.fine.means[:, :1] < 0
    figures = measure(made.surface_views, np.where(left, np.float32(3), np.float32([[0.2, 0.2, 0.2]])))
    assert 0.3 < figures["clipped"] < 0.7


def test_the_objects_own_colours_look_like_the_object(made):
    assert measure(made.surface_views, made.fine.base_colours)["ssim"] == pytest.approx(1.0, abs=1e-4)
    assert measure(made.surface_views, 1 - made.fine.base_colours)["ssim"] < 0.5
    assert measure([], made.neutral) == {"clipped": 0.0, "clipped_any": 0.0, "ssim": 0.0}
