"""Cameras: the file format round trip, orbits that see all of their subject the right way up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import Camera, inria, look_at, orbit
from ft2os.errors import FileError, RequestError
from tests.scenes import ball

ENTRY = {
    "id": 0,
    "img_name": "a",
    "width": 640,
    "height": 480,
    "position": [1.0, 2.0, 3.0],
    "rotation": [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]],
    "fy": 500.0,
    "fx": 510.0,
}


def seen(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 2] and depth [N]."""
    local = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    projected = local @ camera.K.T
    return projected[:, :2] / projected[:, 2:], local[:, 2]


def test_inria_conventions(tmp_path: Path) -> None:
    (tmp_path / "cameras.json").write_text(json.dumps([ENTRY]))
    (camera,) = inria.read(tmp_path / "cameras.json")
    np.testing.assert_allclose(camera.position, [1, 2, 3], atol=1e-6)
    # The third column of camera-to-world is where the camera looks: a point 5 ahead is in the middle.
    pixel, depth = seen(camera, np.array([[1, 2, 3]]) + 5 * np.array([[1.0, 0, 0]]))
    np.testing.assert_allclose(pixel, [[320, 240]], atol=1e-3)
    np.testing.assert_allclose(depth, [5], atol=1e-5)
    assert (camera.K[0, 0], camera.K[1, 1], camera.name) == (510, 500, "a")


def test_write_is_the_inverse_of_read(tmp_path: Path) -> None:
    cameras = orbit(ball(), 5, (80, 60))
    cameras.append(cameras[0].cropped(10, 5, 40, 64))
    inria.write(tmp_path / "c.json", cameras)
    for a, b in zip(cameras, inria.read(tmp_path / "c.json"), strict=True):
        np.testing.assert_allclose(a.viewmat, b.viewmat, atol=1e-5)
        np.testing.assert_array_equal(a.K, b.K)
        assert (a.width, a.height, a.name) == (b.width, b.height, b.name)


def test_a_window_of_a_picture_shows_what_the_picture_shows_there() -> None:
    (camera,) = orbit(((0, 0, 0), 1.0), 1, (80, 60))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    whole, _ = seen(camera, points)
    window, _ = seen(camera.cropped(10, 5, 40, 64), points)
    np.testing.assert_allclose(window, (whole - [10, 5]) * 64 / 40, atol=1e-3)
    larger, _ = seen(camera.resized(160, 90), points)
    np.testing.assert_allclose(larger, whole * [2, 1.5], atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"height": 10**9},
        {"fx": -1},
        {"fy": float("nan")},
        {"rotation": [[1, 0], [0, 1]]},
        {"rotation": [[2, 0, 0], [0, 1, 0], [0, 0, 1]]},
        {"rotation": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]},  # a mirror
        {"position": ["a", "b", "c"]},
        {"width": None},
    ],
)
def test_senseless_cameras_are_refused(tmp_path: Path, change: dict) -> None:
    (tmp_path / "cameras.json").write_text(json.dumps([ENTRY | change]))
    with pytest.raises(FileError, match="Camera 0"):
        inria.read(tmp_path / "cameras.json")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "cameras.json").write_text(json.dumps([{k: v for k, v in ENTRY.items() if k != "fx"}]))
    with pytest.raises(FileError, match="'fx' is missing"):
        inria.read(tmp_path / "cameras.json")


@pytest.mark.parametrize("up", [(0, -1, 0), (0, 0, 1), (0.3, -1, 0.2)])
def test_an_orbit_sees_all_of_its_subject_upright(up: tuple) -> None:
    centre = np.array([2.0, -1.0, 0.5])
    subject = ball(500, centre=centre)
    up_unit = np.array(up) / np.linalg.norm(up)
    for camera in orbit((centre, 1.0), 7, (120, 90), up=up):
        pixels, depth = seen(camera, subject.means)
        assert depth.min() > 0
        assert (pixels >= 0).all()
        assert (pixels <= [120, 90]).all()
        (middle, top), _ = seen(camera, np.stack([centre, centre + 0.5 * up_unit]))
        np.testing.assert_allclose(middle, [60, 45], atol=1e-2)
        assert top[1] < middle[1]
        assert abs(top[0] - middle[0]) < 1e-2
        assert (camera.position - centre) @ up_unit > 0
        np.testing.assert_allclose(np.linalg.det(camera.viewmat[:3, :3]), 1, atol=1e-5)


def test_an_orbit_begins_in_front() -> None:
    """In the usual frame, y down: the first camera looks along +z, the second of four along an axis too."""
    cameras = orbit(((0, 0, 0), 1.0), 4, (64, 64), elevation_deg=0)
    places = np.array([camera.position / np.linalg.norm(camera.position) for camera in cameras])
    np.testing.assert_allclose(places[[0, 2]], [[0, 0, -1], [0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(np.abs(places[[1, 3]]), [[1, 0, 0], [1, 0, 0]], atol=1e-6)


def test_the_orbit_of_a_scene_ignores_its_farthest_floaters() -> None:
    subject = ball(500, centre=(1, 1, 1))
    means = subject.means.copy()
    means[0] = 1000
    near = orbit(subject.replace(means=means), 1)[0].position
    np.testing.assert_allclose(near, orbit(subject, 1)[0].position, atol=0.3)


def test_look_at_survives_looking_along_up() -> None:
    viewmat = look_at((0, -3, 0), (0, 0, 0), (0, -1, 0))
    np.testing.assert_allclose(viewmat[:3, :3] @ viewmat[:3, :3].T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(viewmat @ [0, 0, 0, 1], [0, 0, 3, 1], atol=1e-6)
    with pytest.raises(RequestError):
        look_at((1, 1, 1), (1, 1, 1))


def test_an_orbit_holds_a_single_wide_gaussian():
    one = ball(1).replace(means=np.zeros((1, 3), np.float32), scales=np.array([[0.01, 2.0, 0.1]], np.float32))
    for camera in orbit(one, 4, (64, 64)):
        assert np.linalg.norm(camera.position) > 3 * 2.0  # from outside of what it fills


@pytest.mark.parametrize("distance", [0.01, 1.0, 300.0])
def test_a_camera_turns_and_does_not_stretch(distance):
    viewmat = look_at((0.0, 0.3 * distance, -distance), (0.0, 0.0, 0.0))
    np.testing.assert_allclose(viewmat[:3, :3] @ viewmat[:3, :3].T, np.eye(3), atol=1e-5)
    assert (viewmat @ [0, 0, 0, 1])[2] == pytest.approx(np.hypot(1, 0.3) * distance, rel=1e-5)
