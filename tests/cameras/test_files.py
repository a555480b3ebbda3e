"""COLMAP, Inria and nerfstudio files of the same cameras give the same pixels; broken ones a sentence."""

from __future__ import annotations

import json
import logging
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import Camera, load_cameras, look_at, nerfstudio, save_cameras
from ft2os.cameras.files import find_cameras
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


IDENTITY = np.eye(4).tolist()


def transforms(folder: Path, **data) -> list[Camera]:
    (folder / "transforms.json").write_text(json.dumps(data))
    return load_cameras(folder / "transforms.json")


@pytest.mark.parametrize(
    ("lens", "fx", "fy"),
    [
        ({"fl_x": 50, "fl_y": 60}, 50, 60),
        ({"fl_x": 50}, 50, 50),
        ({"fl_y": 60}, 60, 60),
        ({"camera_angle_x": 2 * np.arctan(0.25), "camera_angle_y": 2 * np.arctan(0.5)}, 200, 80),
        ({"fl_x": 50, "camera_angle_x": 1.0, "camera_angle_y": 2 * np.arctan(0.5)}, 50, 80),
    ],
)
def test_focal_lengths_are_given_in_many_ways(tmp_path, lens, fx, fy):
    frame = {"file_path": "far\\a.png", "transform_matrix": IDENTITY}
    (camera,) = transforms(tmp_path, w=100, h=80, frames=[frame], **lens)
    np.testing.assert_allclose(camera.K, [[fx, 0, 50], [0, fy, 40], [0, 0, 1]], rtol=1e-6)
    assert (camera.name, camera.width, camera.height) == ("a", 100, 80)
    (own,) = transforms(tmp_path, w=9, h=9, frames=[frame | {"w": 100, "h": 80, "cx": 7, "cy": 8}], **lens)
    np.testing.assert_allclose(own.K[:2, 2], [7, 8])
    assert (own.width, own.height) == (100, 80)


def test_poses_have_three_rows_or_four(tmp_path):
    three = [[0, 0, 1, 1], [1, 0, 0, 2], [0, 1, 0, 3]]
    made = [
        transforms(tmp_path, w=9, h=9, fl_x=9, frames=[{"transform_matrix": rows}])[0]
        for rows in (three, [*three, [0, 0, 0, 1]])
    ]
    np.testing.assert_array_equal(made[0].viewmat, made[1].viewmat)
    np.testing.assert_allclose(made[0].position, [1, 2, 3], atol=1e-6)
    assert made[0].viewmat[3].tolist() == [0, 0, 0, 1]
    own = {"transform": [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "scale": 2}
    (tmp_path / "dataparser_transforms.json").write_text(json.dumps(own))
    (moved,) = transforms(tmp_path, w=9, h=9, fl_x=9, frames=[{"transform_matrix": three}])
    np.testing.assert_allclose(moved.position, [4, 4, 6], atol=1e-6)


def test_sizes_that_are_missing_are_the_pictures(tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (31, 17)).save(tmp_path / "a.png")
    frame = {"file_path": "a", "transform_matrix": IDENTITY}
    (camera,) = transforms(tmp_path, fl_x=9, frames=[frame])
    assert (camera.width, camera.height, camera.photo) == (31, 17, tmp_path / "a.png")
    assert nerfstudio.read(tmp_path / "transforms.json", lambda photo: (5, 4))[0].width == 5
    assert load_cameras(tmp_path / "transforms.json", lambda photo: (5, 4))[0].height == 4
    for w, h in (("w", 9), ("h", 9)):
        assert transforms(tmp_path, fl_x=9, frames=[frame], **{w: h})[0].width == 31
    with pytest.raises(FileError, match="size of the pictures"):
        nerfstudio.read(tmp_path / "transforms.json")
    with pytest.raises(FileError, match="size of the pictures"):
        transforms(tmp_path, fl_x=9, frames=[frame | {"file_path": "b"}])
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(FileError, match=r"a\.png is no picture"):
        transforms(tmp_path, fl_x=9, frames=[frame])
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(FileError, match="size of the pictures"):
        transforms(tmp_path, fl_x=9, frames=[frame])


def test_what_nerfstudio_reads_back(tmp_path):
    save_cameras(tmp_path / "a_TRANSFORMS.json", [*views()[:1], replace(views()[1], name="")])
    data = json.loads((tmp_path / "a_TRANSFORMS.json").read_text())
    first, second = data["frames"]
    assert (data["camera_model"], first["file_path"], second["file_path"]) == ("OPENCV", "left", "00001")
    assert {k: first[k] for k in ("w", "h", "fl_x", "fl_y", "cx", "cy")} == {
        "w": 320, "h": 240, "fl_x": 310.5, "fl_y": 300, "cx": 170.25, "cy": 111,
    }  # fmt: skip
    pose = np.array(first["transform_matrix"])
    np.testing.assert_allclose(pose[:3, 3], EYES[0], atol=1e-5)
    forward = np.array((0.1, 0.2, -0.3)) - EYES[0]
    np.testing.assert_allclose(-pose[:3, 2], forward / np.linalg.norm(forward), atol=1e-5)
    assert pose[:3, 1] @ (0, -1, 0) > 0  # up
    assert (data["frames"], len(load_cameras(tmp_path / "a_TRANSFORMS.json"))) == ([first, second], 2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"k1": 0.1}, "k1"),
        ({"p2": 0.1, "k4": 1}, "k4, p2"),
        ({"camera_model": "OPENCV_FISHEYE"}, "OPENCV_FISHEYE"),
        ({"camera_model": "OPENCV", "k1": 0.0}, ""),
    ],
)
def test_what_bends_in_transforms_is_named(tmp_path, caplog, data, said):
    frames = [{"transform_matrix": IDENTITY}, {"transform_matrix": IDENTITY}]
    transforms(tmp_path, w=9, h=9, fl_x=9, frames=frames, **data)
    assert (f"({said})" in caplog.text) if said else not caplog.text
    caplog.clear()
    transforms(tmp_path, w=9, h=9, fl_x=9, frames=[frames[0], frames[1] | {"k3": 1}])
    assert "(k3)" in caplog.text


def test_every_kind_of_file_can_be_stopped_and_holds_some_cameras(tmp_path):
    save_cameras(tmp_path / "cameras.json", views())
    save_cameras(tmp_path / "transforms.json", views())
    write_colmap(tmp_path / "bin", views(), True)
    write_colmap(tmp_path / "txt", views(), False)
    for name in ("cameras.json", "transforms.json", "bin", "txt", "bin/images.bin", "txt/cameras.txt"):
        beats: list[int] = []
        assert len(load_cameras(tmp_path / name, beat=lambda beats=beats: beats.append(1))) == 3
        assert len(beats) >= 3 * (2 if name[:3] in ("bin", "txt") else 1)
    (tmp_path / "cameras.json").write_text("[]")
    with pytest.raises(FileError, match="holds no cameras"):
        load_cameras(tmp_path / "cameras.json")
    with pytest.raises(FileError, match="no COLMAP model"):
        load_cameras(tmp_path)
    with pytest.raises(RequestError, match="no cameras to write"):
        save_cameras(tmp_path / "c.json", [])


def test_cameras_beside_a_scene_are_looked_for_in_turn(tmp_path):
    assert find_cameras(tmp_path) is None
    for folder in ("colmap/sparse/0", "sparse", "sparse/0"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("cameras.txt", "images.txt"):
            assert find_cameras(tmp_path) != tmp_path / folder
            (tmp_path / folder / name).touch()
        assert find_cameras(tmp_path) == tmp_path / folder
    for name in ("transforms.json", "cameras.json"):
        (tmp_path / name).touch()
        assert find_cameras(tmp_path) == tmp_path / name


MODEL_NUMBERS = {  # as COLMAP's text lists them: how many numbers, and whether the second is cx
    "SIMPLE_PINHOLE": (3, True), "PINHOLE": (4, False), "SIMPLE_RADIAL": (4, True), "RADIAL": (5, True),
    "OPENCV": (8, False), "OPENCV_FISHEYE": (8, False), "FULL_OPENCV": (12, False), "FOV": (5, False),
    "SIMPLE_RADIAL_FISHEYE": (4, True), "RADIAL_FISHEYE": (5, True), "THIN_PRISM_FISHEYE": (12, False),
    "RAD_TAN_THIN_PRISM_FISHEYE": (16, False), "SIMPLE_DIVISION": (4, True), "DIVISION": (5, False),
    "SIMPLE_FISHEYE": (3, True), "FISHEYE": (4, False), "EUCM": (6, False),
}  # fmt: skip


def one_image(folder: Path, lens: str, image: str = "1 1 0 0 0 0.5 1.5 2.5 7 far/a b.png\n\n") -> Camera:
    (folder / "cameras.txt").write_text(lens)
    (folder / "images.txt").write_text(image)
    (camera,) = load_cameras(folder)
    return camera


@pytest.mark.parametrize("number", range(len(MODEL_NUMBERS)))
@pytest.mark.parametrize("bent", [False, True])
def test_every_lens_of_colmap(tmp_path, caplog, number, bent):
    name, (count, single) = list(MODEL_NUMBERS.items())[number]
    own = 3 if single else 4
    values = [30.0, *([] if single else [40.0]), 5.0, 6.0] + [0.5 if bent else 0.0] * (count - own)
    found = one_image(tmp_path, f"# x\n\n7 {name} 20 10 {' '.join(map(str, values))}\n")
    np.testing.assert_array_equal(found.K, [[30, 0, 5], [0, 30 if single else 40, 6], [0, 0, 1]])
    assert (found.width, found.height, found.name) == (20, 10, "a b")
    np.testing.assert_allclose(found.viewmat[:3], np.eye(4)[:3] + [[0, 0, 0, v] for v in (0.5, 1.5, 2.5)])
    always = "FISHEYE" in name or name in ("FOV", "EUCM")
    assert (f"{name} bends" in caplog.text) == (always or (bent and count > own))
    (tmp_path / "cameras.txt").unlink()
    (tmp_path / "images.txt").unlink()
    lens = struct.pack(f"<QIiQQ{count}d", 1, 7, number, 20, 10, *values)
    (tmp_path / "cameras.bin").write_bytes(lens)
    image = struct.pack("<QI7dI", 1, 1, 2, 0, 0, 0, 0.5, 1.5, 2.5, 7) + b"a.png\0" + struct.pack("<Q", 0)
    (tmp_path / "images.bin").write_bytes(image)
    (again,) = load_cameras(tmp_path)
    np.testing.assert_array_equal(again.K, found.K)
    np.testing.assert_array_equal(again.viewmat, found.viewmat)


@pytest.mark.parametrize(
    ("lens", "image", "words"),
    [
        ("7 PINHOLE 20 10 30 40 5\n", None, "has 3 parameters, not 4"),
        ("7 WIDE 20 10 30 40 5 6\n", None, "WIDE is unknown"),
        ("8 PINHOLE 20 10 30 40 5 6\n", None, "there is no camera 7"),
        ("7 PINHOLE 20 10 30 40 5 6\n", "1 1 0 0 0 0 0 0 7\n", "damaged"),
        ("7 PINHOLE 20 10 30 40 5 6\n", "1 0 0 0 0 0 0 0 7 a\n", "NaN"),
    ],
)
def test_a_text_model_that_is_none(tmp_path, lens, image, words):
    with pytest.raises(FileError, match=words):
        one_image(tmp_path, lens, image or "1 1 0 0 0 0 0 0 7 a\n\n")


@pytest.mark.parametrize(("at", "value", "words"), [(12, -1, "-1 is unknown"), (12, 17, "17 is unknown")])
def test_a_binary_model_that_is_none(tmp_path, at, value, words):
    write_colmap(tmp_path / "a", views(), True)
    data = bytearray((tmp_path / "a" / "cameras.bin").read_bytes())
    struct.pack_into("<i", data, at, value)
    (tmp_path / "a" / "cameras.bin").write_bytes(data)
    with pytest.raises(FileError, match=words):
        load_cameras(tmp_path / "a")
    endless = struct.pack("<QI7dI", 1, 1, 1, 0, 0, 0, 0, 0, 0, 5) + b"a" * 5000
    write_colmap(tmp_path / "b", views(), True)
    (tmp_path / "b" / "images.bin").write_bytes(endless + b"\0" + bytes(8))
    with pytest.raises(FileError, match="name has no end"):
        load_cameras(tmp_path / "b")


def test_a_line_of_many_features_is_passed_over(tmp_path):
    lens = "7 PINHOLE 20 10 30 40 5 6\n"
    image = "# x\n1 1 0 0 0 0 0 0 7 a\n" + "1.5 2.5 -1 " * 20_000 + "\n2 1 0 0 0 0 0 0 7 b\n1 2 3\n"
    (tmp_path / "cameras.txt").write_text(lens)
    (tmp_path / "images.txt").write_text(image)
    assert [camera.name for camera in load_cameras(tmp_path)] == ["a", "b"]
