"""Cameras in and out: what F12 draws through an imported one is what the file's numbers say, to the pixel."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest

from ft2os.cameras import Camera, load_cameras, look_at, save_cameras
from tests.blender.helpers import room
from tests.scenes import ball, write_ply

SIZE = (96, 64)
EYES = {"left": (-3.2, -0.4, -1.5), "below": (0.6, 2.5, -2.8), "far": (1.0, -1.0, 6.0)}


def views(fy: float = 95.0) -> list[Camera]:
    K = np.array([[100.0, 0, 53.5], [0, fy, 29.0], [0, 0, 1]], np.float32)
    return [Camera(look_at(eye, (0.2, 0, 0.1)), K, *SIZE, name) for name, eye in EYES.items()]


def pixels(camera: Camera) -> np.ndarray:
    points = np.array([[0, 0, 0], [0.5, 0.2, 0.1], [-0.3, 0.6, 0.2], [0.1, -0.4, 0.7]])
    local = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    projected = local @ camera.K.T
    return projected[:, :2] / projected[:, 2:]


def assert_same(found: list[Camera], expected: list[Camera], atol: float = 5e-3) -> None:
    by_name = {camera.name: camera for camera in found}
    for camera in expected:
        got = by_name[camera.name]
        assert (got.width, got.height) == (camera.width, camera.height)
        np.testing.assert_allclose(pixels(got), pixels(camera), atol=atol)


@pytest.fixture
def captured(tmp_path):
    """A scene with cameras of uneven focal lengths beside it, one with its photo."""
    (tmp_path / "images").mkdir()
    photo = bpy.data.images.new("photo", *SIZE)
    photo.filepath_raw, photo.file_format = str(tmp_path / "images" / "left.png"), "PNG"
    photo.save()
    bpy.data.images.remove(photo)
    named = [c if c.name != "left" else Camera(c.viewmat, c.K, *SIZE, "images/left.png") for c in views()]
    save_cameras(tmp_path / "transforms.json", named)
    write_ply(tmp_path / "scene.ply", ball(250, 1, seed=2))
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "scene.ply"))
    return tmp_path


def cameras() -> dict[str, bpy.types.Object]:
    return {obj.name: obj for obj in bpy.data.objects if obj.type == "CAMERA"}


def test_cameras_arrive_with_their_photo(captured):
    found = cameras()
    assert sorted(found) == sorted(EYES)
    data = found["left"].data
    assert data.show_background_images
    assert Path(data.background_images[0].image.filepath).name == "left.png"
    assert not found["far"].data.show_background_images
    assert found["far"].data == found["below"].data
    assert found["left"].data != found["far"].data


def test_one_click_looks_through_one(captured):
    scene = bpy.context.scene
    bpy.ops.ft2os.look_through(camera="below")
    assert scene.camera.name == "below"
    assert (scene.render.resolution_x, scene.render.resolution_y) == SIZE
    assert scene.render.pixel_aspect_y / scene.render.pixel_aspect_x == pytest.approx(100 / 95, rel=1e-5)
    bpy.ops.ft2os.look_through(step="NEXT")
    assert scene.camera.name == "far"
    bpy.ops.ft2os.look_through(step="BACK")
    assert scene.camera.name == "below"


def test_the_renderer_sees_what_the_file_says(captured):
    """K and pose that the engine sends to the backend, against the file's, through the scene's own axes."""
    camera_view, axes = room("scene.views").camera_view, room("scene.axes")
    root = next(obj for obj in bpy.data.objects if obj.ft2os.is_root)
    for view in views():
        bpy.ops.ft2os.look_through(camera=view.name)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        seen = camera_view(cameras()[view.name], depsgraph, *SIZE)
        np.testing.assert_allclose(seen.K, view.K, atol=2e-3)
        from_file = seen.viewmat @ axes.to_rdf(np.array(root.matrix_world))
        np.testing.assert_allclose(from_file, view.viewmat, atol=1e-5)


@pytest.mark.parametrize("name", ["cameras.json", "transforms.json"])
def test_out_again_they_are_the_same_even_from_a_moved_scene(captured, tmp_path, name):
    root = next(obj for obj in bpy.data.objects if obj.ft2os.is_root)
    root.location, root.rotation_euler, root.scale = (1, 2, 3), (0.3, -0.2, 0.5), (2, 2, 2)
    bpy.context.view_layer.update()
    out = tmp_path / "out" / name
    bpy.ops.ft2os.export_cameras(filepath=str(out), which="CAPTURE")
    assert_same(load_cameras(out), views())


def test_an_animated_camera_goes_out_frame_by_frame(captured, tmp_path):
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 3, 5
    scene.frame_set(4)
    data = bpy.data.cameras.new("moving")
    moving = bpy.data.objects.new("moving", data)
    scene.collection.objects.link(moving)
    for frame, x in ((3, 0.0), (5, 2.0)):
        moving.location = (x, -5, 0)
        moving.rotation_euler = (np.pi / 2, 0, 0)
        moving.keyframe_insert("location", frame=frame)
    scene.camera = moving
    bpy.ops.ft2os.export_cameras(filepath=str(tmp_path / "out.json"), which="ANIMATION")
    found = load_cameras(tmp_path / "out.json")
    assert [camera.name for camera in found] == ["0003", "0004", "0005"]
    assert scene.frame_current == 4
    # Blender's (x, −5, 0), looking along +y, is (x, 0, −5) of a capture, looking along +z.
    for camera, x in zip(found, (0.0, 1.0, 2.0), strict=True):
        np.testing.assert_allclose(camera.position, [x, 0, -5], atol=1e-5)
        np.testing.assert_allclose(camera.viewmat[2, :3], [0, 0, 1], atol=1e-6)


def test_cameras_may_come_later(tmp_path):
    write_ply(tmp_path / "scene.ply", ball(50))
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "scene.ply"))
    save_cameras(tmp_path / "elsewhere" / "cameras.json", views())
    bpy.ops.ft2os.import_cameras(filepath=str(tmp_path / "elsewhere" / "cameras.json"))
    assert sorted(cameras()) == sorted(EYES)
    assert all(obj.parent.ft2os.is_root for obj in cameras().values())


def test_a_photo_tells_its_size_where_the_file_does_not(captured):
    path = captured / "transforms.json"
    data = json.loads(path.read_text())
    for frame in data["frames"]:
        frame["file_path"] = "images/left.png"
        del frame["w"], frame["h"]
    path.write_text(json.dumps(data))
    bpy.ops.ft2os.import_cameras(filepath=str(path))
    assert len(cameras()) == 6


def test_broken_files_are_explained(tmp_path):
    (tmp_path / "cameras.json").write_text("[{}]")
    with pytest.raises(RuntimeError, match="Camera 0"):
        bpy.ops.ft2os.import_cameras(filepath=str(tmp_path / "cameras.json"))
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.ft2os.export_cameras(filepath=str(tmp_path / "out.json"), which="ANIMATION")


@pytest.mark.skipif("FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed")
def test_f12_lies_over_the_photo(captured, tmp_path):
    """The engine's picture through an imported camera is the CPU rasterizer's of the file's own numbers."""
    from tests.blender import test_engine

    (view,) = [v for v in views() if v.name == "below"]
    save_cameras(tmp_path / "one" / "cameras.json", [view])
    ply = captured / "scene.ply"
    ply.rename(tmp_path / "one" / "scene.ply")
    command = [os.environ["FT2OS_PYTHON"], "-m", "ft2os", "render", tmp_path / "one" / "scene.ply"]
    subprocess.run([*command, "--out", tmp_path / "cli"], check=True, stdout=subprocess.PIPE)
    bpy.ops.ft2os.look_through(camera="below")
    scene = bpy.context.scene
    scene.render.engine = "FT2OS_SPLATS"
    drawn = test_engine.f12(tmp_path / "f12.png")
    wanted = test_engine.pixels(tmp_path / "cli" / "below.png")
    assert wanted[..., :3].std() > 0.05
    seen = drawn[..., :3] * drawn[..., 3:]
    assert np.abs(seen - wanted[..., :3]).mean() < 0.01
    assert np.abs(seen - wanted[..., :3]).max() <= 3.001 / 255


def test_photos_beside_a_scene_say_the_size_that_its_cameras_lack(two_groups_ply):
    """Blender's Python has no library for pictures; Blender has."""
    folder = two_groups_ply.parent
    image = bpy.data.images.new("photo", 48, 36)
    image.filepath_raw, image.file_format = str(folder / "photo.png"), "PNG"
    image.save()
    frame = {"file_path": "photo", "camera_angle_x": 1.0, "transform_matrix": np.eye(4).tolist()}
    (folder / "transforms.json").write_text(json.dumps({"frames": [frame]}))
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    (camera,) = (obj for obj in bpy.data.objects if obj.type == "CAMERA")
    assert list(camera.data["ft2os_size"]) == [48, 36]


def test_every_panel_that_is_written_is_registered(captured):
    """One that is not is seen by nobody."""
    panel = bpy.types.FT2OS_PT_cameras
    assert panel.bl_parent_id == "FT2OS_PT_main"
    registered = {cls.bl_idname for cls in room("ui").CLASSES if issubclass(cls, bpy.types.Panel)}
    files = Path(room("ui").__file__).parent.glob("*.py")
    written = {
        line.split('"')[1] for f in files for line in f.read_text().splitlines() if "bl_idname = " in line
    }
    assert {name for name in written if "_PT_" in name} <= registered
