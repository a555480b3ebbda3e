"""What every room shares of colour and opacity: bytes, coefficients, logits."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.activations import MARGIN, logit, sigmoid
from ft2os.colour import LUMA, to_uint8
from ft2os.gaussians import Gaussians, dc_of


def test_bytes_are_the_nearest_and_what_is_too_bright_stays_white():
    values = np.array([-0.5, 0.0, 0.49 / 255, 0.51 / 255, 254.4 / 255, 1.0, 1.5], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 254, 255, 255]


def test_grey_has_its_own_luminance():
    assert np.array([0.3, 0.3, 0.3], np.float32) @ LUMA == pytest.approx(0.3, abs=1e-6)


def test_coefficients_show_as_their_colours():
    colours = np.random.default_rng(0).uniform(-0.2, 1.2, (50, 3)).astype(np.float32)
    gaussians = Gaussians.unfilled(50, 2)
    gaussians.sh[:, 0] = dc_of(colours)
    np.testing.assert_allclose(gaussians.base_colours, colours, atol=1e-6)
    assert (gaussians.degree, len(gaussians)) == (2, 50)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_give_their_opacities_back_in_the_precision_they_came_in(dtype):
    opacities = np.array([0.0, 0.005, 0.5, 0.98, 1.0], dtype)
    back = sigmoid(logit(opacities))
    assert back.dtype == dtype
    np.testing.assert_allclose(back, np.clip(opacities, MARGIN, 1 - MARGIN), rtol=2e-6, atol=1e-7)
