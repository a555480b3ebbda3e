"""File > Import: objects, attributes, bits, cameras; and bad files, which change nothing."""

from __future__ import annotations

import json
import sys

import bpy
import numpy as np
import pytest
from mathutils import Vector

from ft2os.cameras import inria, look_at
from ft2os.cameras.camera import Camera
from ft2os.formats import load_scene
from tests import scenes
from tests.blender.helpers import in_scene


def objects_module(extension):
    return sys.modules[f"{extension.__name__}.scene.objects"]


def test_ft2os_comes_from_the_extension():
    import ft2os

    assert "extensions" in ft2os.__file__
    assert "torch" not in sys.modules


def test_groups_become_objects(pair):
    assert set(pair) == {"ball", "small ball", "Rest"}
    assert [len(pair[name].data.points) for name in ("ball", "small ball", "Rest")] == [150, 75, 5]
    roots = {obj.parent for obj in pair.values()}
    assert len(roots) == 1
    assert roots.pop().type == "EMPTY"


def test_every_value_keeps_its_bits(extension, pair, two_groups_ply):
    scene = load_scene(two_groups_ply)
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply), centred=False)
    for name, group in (("ball", 3), ("small ball", 7), ("Rest", -1)):
        got = objects_module(extension).read_gaussians(bpy.data.objects[f"{name}.001"])
        expected = scene.gaussians.subset(scene.mask(group))
        for field in ("means", "quats", "scales", "opacities", "sh", "group", "row"):
            assert getattr(got, field).tobytes() == getattr(expected, field).tobytes(), field


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_every_degree(extension, tmp_path, degree):
    path = tmp_path / "ball.ply"
    scenes.write_ply(path, scenes.ball(20, degree))
    bpy.ops.ft2os.import_scene(filepath=str(path))
    got = objects_module(extension).read_gaussians(bpy.context.object)
    assert got.degree == degree
    assert np.array_equal(got.sh, load_scene(path).gaussians.sh)


@pytest.mark.parametrize(
    ("up", "axis"),
    [
        ("-Y", (0, -1, 0)),
        ("+Y", (0, 1, 0)),
        ("+Z", (0, 0, 1)),
        ("-Z", (0, 0, -1)),
        ("+X", (1, 0, 0)),
        ("-X", (-1, 0, 0)),
    ],
)
def test_up_axis_points_up_without_mirroring(two_groups_ply, up, axis):
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply), up=up)
    bpy.context.view_layer.update()
    matrix = np.array(bpy.context.object.matrix_world)[:3, :3]
    assert np.allclose(matrix @ axis, (0, 0, 1), atol=1e-6)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_cameras_see_what_they_saw(tmp_path, two_groups_ply):
    eye = np.array([0.5, -2.0, -6.0])
    K = np.array([[300, 0, 210], [0, 300, 140], [0, 0, 1]], np.float32)
    view = Camera(look_at(eye, np.zeros(3), (0, -1, 0)).astype(np.float32), K, 400, 300, "one")
    inria.write(tmp_path / "cameras.json", [view])
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    scene = bpy.context.scene
    assert (scene.render.resolution_x, scene.render.resolution_y) == (400, 300)

    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    bpy.context.view_layer.update()
    for point in np.array([[0.3, 0.2, 0.1], [-1.0, 0.5, 0.4]]):
        seen = K @ (view.viewmat[:3, :3] @ point + view.viewmat[:3, 3])
        expected = seen[0] / seen[2] / 400, 1 - seen[1] / seen[2] / 300
        world = scene.camera.parent.matrix_world @ Vector(point)
        got = world_to_camera_view(scene, scene.camera, world)
        assert np.allclose(got[:2], expected, atol=1e-4)


def test_untouched_colour_management_becomes_standard(two_groups_ply):
    scene = bpy.context.scene
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    assert scene.view_settings.view_transform == "Standard"


def test_chosen_colour_management_stays(two_groups_ply):
    bpy.context.scene.view_settings.exposure = 1.5
    before = bpy.context.scene.view_settings.view_transform
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    assert bpy.context.scene.view_settings.view_transform == before


def _counts() -> tuple[int, ...]:
    kinds = (bpy.data.objects, bpy.data.pointclouds, bpy.data.collections, bpy.data.cameras)
    return tuple(len(kind) for kind in kinds)


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-40])


def _text(path):
    path.write_text("hello, I am no splat file\n")


def _empty(path):
    path.write_bytes(b"")


def _no_opacity(path):
    path.write_bytes(path.read_bytes().replace(b"float opacity", b"float opakity", 1))


@pytest.mark.parametrize("spoil", [_truncated, _text, _empty, _no_opacity])
def test_a_bad_file_is_reported_and_changes_nothing(two_groups_ply, spoil):
    spoil(two_groups_ply)
    before = _counts()
    with pytest.raises(RuntimeError, match=r"\w+ \w+"):
        bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    assert _counts() == before
    session = bpy.context.window_manager.ft2os
    assert session.error
    assert session.hint


def test_no_file_is_not_the_current_folder(two_groups_ply, monkeypatch):
    monkeypatch.chdir(two_groups_ply.parent)
    with pytest.raises(RuntimeError, match="No file was named"):
        bpy.ops.ft2os.import_scene(filepath="")
    assert not bpy.data.pointclouds


def test_invalid_values_are_counted_and_can_be_left_out(tmp_path):
    ball = scenes.ball(30)
    ball.means[4, 1] = np.nan
    ball.sh[9, 0, 2] = np.inf
    path = tmp_path / "ball.ply"
    scenes.write_ply(path, ball)
    with pytest.raises(RuntimeError, match="2 of the 30"):
        bpy.ops.ft2os.import_scene(filepath=str(path))
    assert not bpy.data.pointclouds
    bpy.ops.ft2os.import_scene(filepath=str(path), drop_invalid=True)
    assert len(bpy.context.object.data.points) == 28
    assert bpy.context.window_manager.ft2os.error == ""


def test_a_training_folder_brings_labels_and_cameras(data_dir):
    path = data_dir / "grouped" / "composite_gg" / "point_cloud" / "iteration_30000" / "point_cloud.ply"
    bpy.ops.ft2os.import_scene(filepath=str(path))
    labels = json.loads((data_dir / "grouped" / "composite_gg" / "labels.json").read_text())
    clouds = [obj for obj in bpy.data.objects if obj.type == "POINTCLOUD"]
    assert {obj.name for obj in clouds} & set(labels.values())
    assert any(obj.type == "CAMERA" for obj in bpy.data.objects)
    assert bpy.data.collections["composite_gg"]


def test_objects_can_be_clicked_and_framed(pair):
    """Blender asks their bounds, which it measures once."""
    bpy.context.view_layer.update()
    for name, size in (("ball", 2.0), ("small ball", 1.2)):
        assert np.allclose(pair[name].dimensions, size, rtol=0.15), name
        obj = pair[name]
        middle = np.mean([obj.matrix_world @ Vector(corner) for corner in obj.bound_box], axis=0)
        expected = obj.parent.matrix_world @ Vector(in_scene(obj).means.mean(axis=0))
        assert np.allclose(middle, expected, atol=0.2)


def test_origins_are_in_the_middles_and_nothing_moves(pair, two_groups_ply):
    scene = load_scene(two_groups_ply)
    for name, group in (("ball", 3), ("small ball", 7)):
        expected = scene.gaussians.subset(scene.mask(group))
        assert np.allclose(pair[name].location, expected.means.mean(axis=0), atol=0.2)
        assert np.abs(in_scene(pair[name]).means - expected.means).max() < 1e-6
        assert in_scene(pair[name]).sh.tobytes() == expected.sh.tobytes()


def test_a_scene_of_one_object_leaves_it_the_files_name(tmp_path):
    scenes.write_ply(tmp_path / "biker.ply", scenes.ball(20))
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "biker.ply"))
    assert bpy.context.object.name == "biker"
    assert bpy.context.object.parent.name == "biker Scene"


def test_several_files_that_are_dropped_at_once_all_come_in(tmp_path):
    """As Blender calls the operator for a drop; one that is no scene does not stop the others."""
    for name in ("one.ply", "two.ply"):
        scenes.write_ply(tmp_path / name, scenes.ball(20))
    (tmp_path / "bad.ply").write_text("hello")
    dropped = [{"name": name} for name in ("one.ply", "bad.ply", "two.ply")]
    with pytest.raises(RuntimeError, match=r"bad\.ply"):
        bpy.ops.ft2os.import_scene("EXEC_DEFAULT", directory=str(tmp_path), files=dropped)
    assert {"one", "two"} <= {obj.name for obj in bpy.data.objects}
    assert bpy.context.object.name == "one"
