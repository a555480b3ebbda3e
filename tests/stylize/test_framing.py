"""Windows around an object: where its box is in a picture, and when it is not seen. Worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.cameras.camera import Camera
from ft2os.stylize.framing import crop_to_object, object_box
from tests.stylize.test_floaters import grains

CAMERA = Camera(
    np.eye(4, dtype=np.float32), np.array([[100, 0, 80], [0, 100, 60], [0, 0, 1]], np.float32), 160, 120
)


def test_the_box_is_two_standard_deviations_around_what_is_seen():
    """At depth 5 a length of 1 is 20 pixels."""
    assert object_box(grains([[1.0, 0.5, 5.0]], 0.3), CAMERA) == pytest.approx((88, 58, 112, 82), abs=1e-3)
    two = grains([[-1.0, 0.0, 5.0], [1.0, 0.0, 5.0]], 0.3)
    assert object_box(two, CAMERA) == pytest.approx((48.2, 48, 111.8, 72), abs=1e-2)  # half a percent inside


def test_the_box_ends_where_the_picture_does():
    assert object_box(grains([[0.0, 0.0, 5.0]], 50.0), CAMERA) == (0, 0, 160, 120)


def test_the_window_is_a_tenth_longer_than_the_box_and_has_its_middle():
    crop = crop_to_object(grains([[1.0, 0.5, 5.0], [1.4, 0.5, 5.0]], 0.3), CAMERA, 64)
    box = object_box(grains([[1.0, 0.5, 5.0], [1.4, 0.5, 5.0]], 0.3), CAMERA)
    scale = 64 / (1.1 * (box[2] - box[0]))
    assert crop.K[0, 0] == pytest.approx(100 * scale, rel=1e-5)
    middle = (np.array([box[0] + box[2], box[1] + box[3]]) / 2 - [80, 60]) / 100  # at depth 1
    assert crop.K[:2, 2] + crop.K[0, 0] * middle == pytest.approx(32, abs=1e-3)
    assert (crop.width, crop.height) == (64, 64)


@pytest.mark.parametrize(
    ("place", "extent", "opacity", "seen"),
    [
        ((0, 0, 5), 0.2, 0.9, True),  # 16 pixels
        ((0, 0, 5), 0.11, 0.9, True),  # 8.8 pixels
        ((0, 0, 5), 0.09, 0.9, False),  # 7.2 pixels: too little to say anything
        ((0, 0, -5), 0.3, 0.9, False),  # behind
        ((9, 0, 5), 0.3, 0.9, False),  # beside
        ((0, 9, 5), 0.3, 0.9, False),  # below
        ((0, 0, 5), 0.3, 0.04, False),  # all but invisible
    ],
)
def test_what_is_not_seen_has_no_window(place, extent, opacity, seen):
    lone = grains([place], extent).replace(opacities=np.float32([opacity]))
    assert (object_box(lone, CAMERA) is not None) == seen
    assert (crop_to_object(lone, CAMERA, 64) is not None) == seen


@pytest.mark.parametrize(("behind", "seen"), [(9, True), (10, False)])
def test_a_tenth_of_the_object_in_front_of_the_camera_is_enough(behind, seen):
    part = grains([[0, 0, 5.0]] + [[0, 0, -5.0]] * behind, 0.3)
    assert (object_box(part, CAMERA) is not None) == seen
