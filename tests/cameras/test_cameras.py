"""Cameras: the file format round trip, orbits that see all of their subject the right way up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import Camera, inria, look_at, orbit
from ft2os.cameras.camera import checked, photo_in, stack
from ft2os.cameras.orbit import bounding_sphere
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


def test_an_orbit_by_hand() -> None:
    """Four cameras, 30° up, half angle 30°: twice the radius away, focal length 50·√3 pixels."""
    cameras = orbit(((1, 2, 3), 1.5), 4, (140, 100), fov_deg=60.0, elevation_deg=30.0)
    far, high = 3 * np.cos(np.pi / 6), 3 * 0.5
    places = [[1, 2 - high, 3 - far], [1 - far, 2 - high, 3], [1, 2 - high, 3 + far], [1 + far, 2 - high, 3]]
    found = np.array([camera.position for camera in cameras])
    np.testing.assert_allclose(found, places, atol=1e-5)
    focal = 50 * np.sqrt(3)
    for i, camera in enumerate(cameras):
        np.testing.assert_allclose(camera.K, [[focal, 0, 70], [0, focal, 50], [0, 0, 1]], atol=1e-4)
        assert (camera.width, camera.height, camera.name) == (140, 100, f"orbit_{i:03d}")


def test_an_orbit_has_its_usual_size_and_height() -> None:
    (camera,) = orbit(((0, 0, 0), 1.0), 1)
    assert (camera.width, camera.height) == (512, 512)
    assert camera.K[0, 0] == pytest.approx(256 / np.tan(np.radians(17.5)), rel=1e-6)
    away = 1 / np.sin(np.radians(17.5))
    up, back = np.sin(np.radians(15)), np.cos(np.radians(15))
    np.testing.assert_allclose(camera.position, [0, -away * up, -away * back], atol=1e-5)


@pytest.mark.parametrize(("n", "size"), [(0, (9, 9)), (1, (0, 9)), (1, (9, 0))])
def test_an_orbit_of_nothing_is_refused(n: int, size: tuple[int, int]) -> None:
    with pytest.raises(RequestError, match="at least one"):
        orbit(((0, 0, 0), 1.0), n, size)
    assert len(orbit(((0, 0, 0), 1.0), 1, (1, 1))) == 1


@pytest.mark.parametrize("up", [(0, 0, -3), (0.2, 0.1, 1), (0, 0.44, 0.9), (0, -2, 0)])
def test_up_of_any_length_and_direction_is_the_pictures(up: tuple) -> None:
    for camera in orbit(((0, 0, 0), 1.0), 3, (64, 64), up=up, elevation_deg=20.0):
        unit = np.array(up) / np.linalg.norm(up)
        away = 1 / np.sin(np.radians(17.5))
        assert camera.position @ unit == pytest.approx(away * np.sin(np.radians(20)), rel=1e-5)
        assert np.linalg.norm(camera.position) == pytest.approx(away, rel=1e-5)
        (top,), _ = seen(camera, 0.5 * unit[None])
        assert top[0] == pytest.approx(32, abs=1e-3)
        assert top[1] < 32


def test_a_bounding_sphere_by_hand() -> None:
    """The middle 96 % of each axis of what can be seen: of −50 to 50 in 101 steps that is −48 to 48."""
    steps = np.arange(-50, 51, dtype=np.float32)
    means = np.stack([steps, 2 * steps, 0 * steps + 7], axis=1)
    scene = ball(101).replace(means=means)
    centre, radius = bounding_sphere(scene)
    np.testing.assert_allclose(centre, [0, 0, 7], atol=1e-5)
    assert radius == pytest.approx(np.hypot(48, 96), rel=1e-6)
    opacities = np.where(steps > 0, 0.11, 0.1).astype(np.float32)
    half, _ = bounding_sphere(scene.replace(opacities=opacities))
    np.testing.assert_allclose(half, [25.5, 51, 7], atol=1e-4)
    unseen, _ = bounding_sphere(scene.replace(opacities=0 * opacities))
    np.testing.assert_allclose(unseen, [0, 0, 7], atol=1e-5)
    one = scene.subset(np.arange(1))
    assert bounding_sphere(one)[1] == pytest.approx(3 * one.scales.max())
    assert bounding_sphere(one.replace(scales=0 * one.scales))[1] == 1e-3


def test_look_at_by_hand() -> None:
    viewmat = look_at((1, 2, 3), (1, 2, 8))
    np.testing.assert_allclose(
        viewmat, [[1, 0, 0, -1], [0, 1, 0, -2], [0, 0, 1, -3], [0, 0, 0, 1]], atol=1e-6
    )
    aside = look_at((0, 0, 0), (2, 0, 0), (0, -9, 0))
    np.testing.assert_allclose(aside[:3, :3], [[0, 0, -1], [0, 1, 0], [1, 0, 0]], atol=1e-6)
    tilted = look_at((0, 0, 0), (0, 0, 1), (0, -1, -5))  # up need not be perpendicular
    np.testing.assert_allclose(tilted, np.eye(4), atol=1e-6)
    straight = look_at((0, 0, 0), (0, 5, 0), (0, -2, 0))
    assert np.linalg.det(straight[:3, :3]) == pytest.approx(1)
    np.testing.assert_allclose(straight[2, :3], [0, 1, 0], atol=1e-6)
    nearly = look_at((0, 0, 0), (1e-7, 1, 0), (0, -1, 0))  # a little aside of up is enough
    np.testing.assert_allclose(nearly[:3, :3], [[0, 0, -1], [-1, 0, 0], [0, 1, 0]], atol=1e-6)


def test_cameras_are_stacked_and_keep_the_rest_when_resized() -> None:
    cameras = orbit(((0, 0, 0), 1.0), 2, (80, 60))
    viewmats, Ks = stack(cameras)
    assert (viewmats.shape, Ks.shape) == ((2, 4, 4), (2, 3, 3))
    assert {viewmats.dtype, Ks.dtype} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(viewmats[1], cameras[1].viewmat)
    np.testing.assert_array_equal(Ks[1], cameras[1].K)
    larger = cameras[1].resized(160, 90)
    assert (larger.width, larger.height, larger.name, larger.K.dtype) == (160, 90, "orbit_001", np.float32)
    window = cameras[1].cropped(10, 5, 40, 64)
    assert (window.width, window.height, window.K.dtype) == (64, 64, np.float32)


@pytest.mark.parametrize(
    ("width", "height", "taken"),
    [
        (1, 1, True),
        (65536, 65536, True),
        (65537, 9, False),
        (9, 65537, False),
        (9, 0, False),
        (0, 9, False),
        (-1, 9, False),
    ],
)
def test_a_picture_has_a_size_that_can_be(width: int, height: int, taken: bool) -> None:
    camera = Camera(np.eye(4, dtype=np.float32), np.diag([9.0, 9, 1]), width, height)
    if taken:
        assert checked(camera) is camera
    else:
        with pytest.raises(ValueError, match="size"):
            checked(camera)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"K": np.diag([0.0, 9, 1])}, "focal"),
        ({"K": np.diag([9.0, 0, 1])}, "focal"),
        ({"K": np.diag([9.0, np.inf, 1])}, "NaN"),
        ({"viewmat": np.diag([1.0, 1, np.nan, 1])}, "NaN"),
        ({"viewmat": np.diag([1.006, 1, 1, 1])}, "rotation"),
        ({"viewmat": np.diag([1.0, 1, -1, 1])}, "mirrored"),
    ],
)
def test_what_makes_no_camera_is_told_apart(change: dict, words: str) -> None:
    camera = Camera(np.eye(4), np.diag([9.0, 9, 1]), 9, 9)
    checked(replace(camera, viewmat=np.diag([1.004, 1, 1, 1])))  # the rounding of a file
    with pytest.raises(ValueError, match=words):
        checked(replace(camera, **change))


def test_photos_are_found_by_their_name_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.JPG", "in/b.png", "c", "d.jpeg"):
        (tmp_path / name).touch()
    found = [photo_in(tmp_path, name) for name in ("a", "in/b", "c", "d", "d.jpeg")]
    assert found == [tmp_path / name for name in ("a.JPG", "in/b.png", "c", "d.jpeg", "d.jpeg")]
    for name in ("", "in", "e", "in/../c", str(tmp_path / "c")):
        assert photo_in(tmp_path, name) is None


def test_a_list_of_cameras_by_hand(tmp_path: Path) -> None:
    plain = Camera(look_at((1, 2, 3), (1, 2, 8)), np.float32([[9, 0, 4], [0, 8, 3], [0, 0, 1]]), 8, 6)
    lenses = [[9, 0, 5], [0, 8, 3], [0, 0, 1]], [[9, 0, 4], [0, 8, 4], [0, 0, 1]]
    shifted = [replace(plain, K=np.float32(lens), name="b") for lens in lenses]
    inria.write(tmp_path / "c.json", [plain, *shifted])
    first, *others = json.loads((tmp_path / "c.json").read_text())
    assert first == {
        "id": 0, "img_name": "00000", "width": 8, "height": 6, "position": [1, 2, 3],
        "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "fy": 8, "fx": 9,
    }  # fmt: skip
    assert [(o["id"], o["img_name"], o["cx"], o["cy"]) for o in others] == [(1, "b", 5, 3), (2, "b", 4, 4)]
    beats: list[int] = []
    entries = json.loads((tmp_path / "c.json").read_text())
    read = inria.from_json(entries, tmp_path / "c.json", lambda: beats.append(1))
    assert (len(read), len(beats)) == (3, 3)
    with pytest.raises(FileError, match="not a list"):
        inria.from_json({}, tmp_path / "c.json")
    for change in ({"position": [1, 2]}, {"rotation": [[1, 0, 0]]}):
        with pytest.raises(FileError, match=r"Camera 0.*wrong shape"):
            inria.from_json([ENTRY | change], tmp_path / "c.json")
    (nameless,) = inria.from_json([{k: v for k, v in ENTRY.items() if k != "img_name"}], tmp_path / "c.json")
    assert (nameless.name, nameless.photo) == ("", None)
