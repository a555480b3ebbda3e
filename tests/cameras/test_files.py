"""COLMAP, Inria and nerfstudio files of the same cameras give the same pixels; broken ones a sentence."""

from __future__ import annotations

import json
import logging
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import Camera, load_cameras, look_at, save_cameras
from ft2os.errors import FileError, Ft2osError, RequestError
from ft2os.formats import load_scene
from ft2os.transforms import quat_from_rotation
from tests.scenes import ball, write_ply

NAMES = ("left", "right low", "above")
EYES = ((-3.0, -0.5, -2.0), (2.5, 1.0, -3.0), (0.3, -4.0, 0.4))


def views() -> list[Camera]:
    """Three cameras that no mirroring or turning maps on one another, off-centre, of uneven focal lengths."""
    K = np.array([[310.5, 0, 170.25], [0, 300.0, 111.0], [0, 0, 1]], np.float32)
    return [
        Camera(look_at(eye, (0.1, 0.2, -0.3)), K, 320, 240, name)
        for name, eye in zip(NAMES, EYES, strict=True)
    ]


def pixels(camera: Camera) -> np.ndarray:
    """Where a few fixed points appear.  [P, 2]"""
    points = np.array([[0, 0, 0], [0.5, 0.2, 0.1], [-0.3, 0.6, 0.2], [0.1, -0.4, 0.7]])
    local = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    projected = local @ camera.K.T
    return projected[:, :2] / projected[:, 2:]


def write_colmap(
    folder: Path, cameras: list[Camera], binary: bool, model: int = 1, extra=(), size=(320, 240)
) -> None:
    """As COLMAP itself lays it out; ids that are not 0, 1, 2, images that are not in order."""
    folder.mkdir(parents=True)
    names = {1: "PINHOLE", 4: "OPENCV"}
    quats = [quat_from_rotation(c.viewmat[:3, :3]) for c in cameras]
    numbers = [[c.K[0, 0], c.K[1, 1], c.K[0, 2], c.K[1, 2], *extra] for c in cameras]
    order = [2, 0, 1]
    if not binary:
        lens = [f"{i + 5} {names[model]} {size[0]} {size[1]} {' '.join(map(str, numbers[i]))}" for i in order]
        (folder / "cameras.txt").write_text("# comment\n" + "\n".join(lens) + "\n")
        lines = []
        for i in order:
            pose = " ".join(str(float(x)) for x in [*quats[i], *cameras[i].viewmat[:3, 3]])
            lines += [f"{i + 1} {pose} {i + 5} {cameras[i].name}.jpg", "1.5 2.5 -1 3 4 7" if i else ""]
        (folder / "images.txt").write_text("# comment\n" + "\n".join(lines) + "\n")
        return
    lens = b"".join(struct.pack(f"<IiQQ{len(numbers[i])}d", i + 5, model, *size, *numbers[i]) for i in order)
    (folder / "cameras.bin").write_bytes(struct.pack("<Q", 3) + lens)
    images = b""
    for i in order:
        images += struct.pack("<I7dI", i + 1, *quats[i], *cameras[i].viewmat[:3, 3], i + 5)
        images += (
            cameras[i].name.encode() + b".jpg\0" + struct.pack("<Q", i) + i * struct.pack("<ddq", 1, 2, -1)
        )
    (folder / "images.bin").write_bytes(struct.pack("<Q", 3) + images)


def assert_same(found: list[Camera], expected: list[Camera]) -> None:
    by_name = {c.name: c for c in found}
    assert sorted(by_name) == sorted(NAMES)
    for camera in expected:
        got = by_name[camera.name]
        np.testing.assert_allclose(pixels(got), pixels(camera), atol=2e-3)
        assert (got.width, got.height) == (320, 240)


@pytest.mark.parametrize("binary", [True, False])
def test_colmap(tmp_path, binary):
    write_colmap(tmp_path / "sparse" / "0", views(), binary)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "left.jpg").write_bytes(b"")
    for path in (tmp_path, tmp_path / "sparse" / "0"):
        found = load_cameras(path)
        assert_same(found, views())
        assert {c.name: c.photo for c in found}["left"] == tmp_path / "images" / "left.jpg"
        assert sum(c.photo is not None for c in found) == 1


@pytest.mark.parametrize("name", ["cameras.json", "transforms.json"])
def test_what_we_write_comes_back(tmp_path, name):
    save_cameras(tmp_path / name, views())
    assert_same(load_cameras(tmp_path / name), views())


def test_transforms_by_the_formula(tmp_path):
    """A pose by hand: at (1, 2, 3), looking along −x with +z up, as OpenGL has it."""
    pose = [[0, 0, 1, 1], [1, 0, 0, 2], [0, 1, 0, 3], [0, 0, 0, 1]]
    frame = {"file_path": "images/a.png", "transform_matrix": pose}
    data = {"camera_angle_x": 2 * np.arctan(0.5), "w": 100, "h": 80, "frames": [frame]}
    (tmp_path / "transforms.json").write_text(json.dumps(data))
    (camera,) = load_cameras(tmp_path / "transforms.json")
    local = camera.viewmat[:3, :3] @ [1 - 4.0, 2 + 1.0, 3 + 2.0] + camera.viewmat[:3, 3]
    np.testing.assert_allclose(local, [1, -2, 4], atol=1e-5)  # right 1, up 2, ahead 4
    np.testing.assert_allclose(camera.K, [[100, 0, 50], [0, 100, 40], [0, 0, 1]], atol=1e-3)
    assert camera.name == "a"


def test_nerfstudios_own_frame(tmp_path):
    save_cameras(tmp_path / "transforms.json", views())
    move = [[0, 1, 0, 0.5], [0, 0, 1, -1], [1, 0, 0, 2]]
    (tmp_path / "dataparser_transforms.json").write_text(json.dumps({"transform": move, "scale": 0.25}))
    for camera, before in zip(load_cameras(tmp_path / "transforms.json"), views(), strict=True):
        turned = np.array(move)[:, :3] @ before.position + np.array(move)[:, 3]
        np.testing.assert_allclose(camera.position, 0.25 * turned, atol=1e-5)


@pytest.mark.parametrize("binary", [True, False])
def test_distortion_is_named(tmp_path, caplog, binary):
    write_colmap(tmp_path / "a", views(), binary, model=4, extra=(0.1, 0, 0, 0))
    with caplog.at_level(logging.WARNING):
        assert_same(load_cameras(tmp_path / "a"), views())
    assert "OPENCV bends" in caplog.text


def test_no_distortion_no_warning(tmp_path, caplog):
    write_colmap(tmp_path / "a", views(), True, model=4, extra=(0, 0, 0, 0))
    with caplog.at_level(logging.WARNING):
        load_cameras(tmp_path / "a")
    assert not caplog.text


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin"])
def test_a_cut_model_is_refused(tmp_path, name):
    write_colmap(tmp_path / "a", views(), True)
    whole = (tmp_path / "a" / name).read_bytes()
    for length in (0, 7, 20, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a" / name).write_bytes(whole[:length])
        with pytest.raises(Ft2osError):
            load_cameras(tmp_path / "a")


def test_huge_counts_cost_nothing(tmp_path):
    write_colmap(tmp_path / "a", views(), True)
    whole = (tmp_path / "a" / "images.bin").read_bytes()
    (tmp_path / "a" / "images.bin").write_bytes(struct.pack("<Q", 2**63) + whole[8:])
    with pytest.raises(Ft2osError, match="9,223,372,036,854,775,808 cameras"):
        load_cameras(tmp_path / "a")


def test_a_photo_outside_the_folder_is_not_touched(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"x")
    save_cameras(tmp_path / "in" / "transforms.json", views()[:1])
    data = json.loads((tmp_path / "in" / "transforms.json").read_text())
    for name in ("../secret.png", str(tmp_path / "secret.png")):
        data["frames"][0]["file_path"] = name
        (tmp_path / "in" / "transforms.json").write_text(json.dumps(data))
        assert load_cameras(tmp_path / "in" / "transforms.json")[0].photo is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": {}}, "list of frames"),
        ({"frames": [{}]}, "missing"),
        ({"frames": [{"w": 4, "h": 4, "fl_x": 1, "transform_matrix": [[1]]}]}, "shape"),
        (
            {"frames": [{"w": 4, "h": 4, "fl_x": 1, "transform_matrix": np.zeros((4, 4)).tolist()}]},
            "Singular",
        ),
        ({"frames": [{"w": 4, "h": 4, "transform_matrix": np.eye(4).tolist()}]}, "focal"),
    ],
)
def test_broken_transforms(tmp_path, change, words):
    (tmp_path / "transforms.json").write_text(json.dumps(change))
    with pytest.raises(Ft2osError, match=words):
        load_cameras(tmp_path / "transforms.json")


def test_a_scene_finds_the_cameras_beside_it(tmp_path):
    (tmp_path / "a").mkdir()
    write_ply(tmp_path / "a" / "scene.ply", ball(20))
    write_colmap(tmp_path / "a" / "sparse" / "0", views(), True)
    assert_same(load_scene(tmp_path / "a" / "scene.ply").cameras, views())
    save_cameras(tmp_path / "a" / "transforms.json", views()[:1])
    assert len(load_scene(tmp_path / "a" / "scene.ply").cameras) == 1


def test_other_names_are_refused(tmp_path):
    with pytest.raises(RequestError, match="Cannot write"):
        save_cameras(tmp_path / "cameras.txt", views())


def test_nerfstudios_own_frame_counts_from_the_capture(tmp_path):
    """As its dataparser writes it: move and scale go from COLMAP's world, which the file has left already."""
    applied = np.array([[0, 1, 0, 0.3], [1, 0, 0, 0], [0, 0, -1, 0.1], [0, 0, 0, 1]])
    save_cameras(tmp_path / "transforms.json", views())
    data = json.loads((tmp_path / "transforms.json").read_text())
    data |= {"applied_transform": applied[:3].tolist(), "applied_scale": 0.5}
    (tmp_path / "transforms.json").write_text(json.dumps(data))
    own = np.array([[0, 0, 1, 0.5], [1, 0, 0, -1], [0, 1, 0, 2], [0, 0, 0, 1]])
    whole = {"transform": (own @ applied)[:3].tolist(), "scale": 0.25 * 0.5}
    (tmp_path / "dataparser_transforms.json").write_text(json.dumps(whole))
    for camera, before in zip(load_cameras(tmp_path / "transforms.json"), views(), strict=True):
        placed = own[:3, :3] @ before.position + own[:3, 3]
        np.testing.assert_allclose(camera.position, 0.25 * placed, atol=1e-5)


def test_a_fisheye_bends_also_without_coefficients(tmp_path, caplog):
    write_colmap(tmp_path / "a", views(), True, model=5, extra=(0, 0, 0, 0))
    with caplog.at_level(logging.WARNING):
        load_cameras(tmp_path / "a")
    assert "OPENCV_FISHEYE bends" in caplog.text


def test_colmap_takes_the_nearest_images_and_none_outside(tmp_path):
    cameras = [replace(views()[0], name=str(tmp_path / "secret")), *views()[1:]]
    write_colmap(tmp_path / "scene" / "sparse", cameras, True)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    for folder in (tmp_path / "images", tmp_path / "scene" / "images"):
        folder.mkdir()
        (folder / "above.jpg").write_bytes(b"")
    found = {c.name: c.photo for c in load_cameras(tmp_path / "scene")}
    assert found["above"] == tmp_path / "scene" / "images" / "above.jpg"
    assert found["secret"] is None


@pytest.mark.parametrize("ending", ["", ".jpg", ".png"])
def test_inrias_photos_lie_in_images(tmp_path, ending):
    save_cameras(tmp_path / "cameras.json", [replace(views()[0], name=f"a{ending}")])
    (tmp_path / "images").mkdir()
    photo = tmp_path / "images" / f"a{ending or '.jpg'}"
    photo.write_bytes(b"")
    assert load_cameras(tmp_path / "cameras.json")[0].photo == photo


def test_a_text_of_remarks_without_end_is_refused(tmp_path):
    """Forty megabytes of them took many seconds."""
    for name in ("cameras.txt", "images.txt"):
        (tmp_path / name).write_bytes(b"#\n" * 100_000)
    with pytest.raises(FileError, match="lines"):
        load_cameras(tmp_path)
