"""What Blender's own edits do to a splat object: the outcomes that the README states."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest

from tests.blender.helpers import delete_points, in_scene, make_active, red_look, room, splats


def read(obj):
    return room("scene.objects").read_gaussians(obj)


def test_a_duplicate_is_an_object_of_its_own_with_the_same_looks(pair):
    ball = pair["ball"]
    room("scene.looks").add_look(ball, red_look(ball))
    make_active(ball)
    bpy.ops.object.duplicate()
    twin = bpy.context.object
    assert twin.name == "ball.001"
    assert np.array_equal(read(twin).means, read(ball).means)
    twin.ft2os.looks[0].strength = 0.25
    assert ball.ft2os.looks[0].strength == 1.0
    make_active(twin)
    bpy.ops.ft2os.look_remove()
    assert len(ball.ft2os.looks) == 1
    assert len(room("scene.looks").read_look(ball.ft2os.looks[0]).parent) == 150


def test_a_renamed_object_keeps_everything(pair):
    ball = pair["ball"]
    room("scene.looks").add_look(ball, red_look(ball))
    ball.name = "planet"
    assert ball.ft2os.group_id == 3
    assert ball.ft2os.source_sha256
    assert len(room("scene.looks").read_look(ball.ft2os.looks[0]).parent) == 150


def test_joining_keeps_all_points_and_the_active_objects_looks(pair):
    ball, small = pair["ball"], pair["small ball"]
    expected = np.concatenate([in_scene(ball).means, in_scene(small).means])
    for obj in (ball, small):
        room("scene.looks").add_look(obj, red_look(obj))
    make_active(ball, small)
    if bpy.app.version < (4, 4, 0):
        # Blender 4.2 cannot join point clouds and greys the command out.
        with pytest.raises(RuntimeError, match="poll"):
            bpy.ops.object.join()
        return
    bpy.ops.object.join()
    joined = splats()["ball"]
    assert "small ball" not in splats()
    got = read(joined)
    places = in_scene(joined).means[:, None] - expected[None]  # the other's points now count from its origin
    assert np.abs(places).max(axis=2).min(axis=1).max() < 1e-5
    assert sorted(got.group) == [3] * 150 + [7] * 75
    assert [item.name for item in joined.ft2os.looks] == ["red"]
    look = room("scene.looks").read_look(joined.ft2os.looks[0])
    assert set(got.group[look.parent]) == {3}


def test_deleting_points_takes_their_share_of_a_look(pair):
    ball = pair["ball"]
    before = read(ball)
    room("scene.looks").add_look(ball, red_look(ball, every=3))
    doomed = np.arange(150) % 2 == 0
    delete_points(ball, doomed)
    got = read(ball)
    assert np.array_equal(got.means, before.means[~doomed])
    look = room("scene.looks").read_look(ball.ft2os.looks[0])
    assert len(look.parent) == 25
    assert np.array_equal(got.means[look.parent], look.means)
    make_active(ball)
    assert bpy.ops.ft2os.look_activate(index=0) == {"FINISHED"}


def test_a_look_without_any_point_left_says_so(pair):
    ball = pair["ball"]
    room("scene.looks").add_look(ball, red_look(ball, every=50))
    delete_points(ball, np.arange(150) % 50 == 0)
    make_active(ball)
    bpy.ops.ft2os.look_revert()
    with pytest.raises(RuntimeError, match="None of the points"):
        bpy.ops.ft2os.look_activate(index=0)
    assert ball.ft2os.active_look == -1


def test_an_object_without_points_is_refused(pair):
    ball = pair["ball"]
    attributes = room("scene.attributes")
    ball.data = attributes.new_cloud("empty", np.zeros((0, 3)))
    for name in ("radiance:base", "scale", "rotation"):
        attributes.write(ball.data, name, np.zeros(0))
    make_active(ball)
    bpy.context.scene.ft2os.prompt = "lava"
    with pytest.raises(RuntimeError, match="no points left"):
        bpy.ops.ft2os.stylize()
    assert not bpy.context.window_manager.ft2os.busy


def test_undo_brings_back_look_points_and_object(two_groups_ply):
    bpy.ops.ed.undo_push(message="start")
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    bpy.ops.ed.undo_push(message="import")
    ball = splats()["ball"]
    before = read(ball).sh.tobytes()
    room("scene.looks").add_look(ball, red_look(ball))
    bpy.ops.ed.undo_push(message="look")
    delete_points(ball, np.arange(150) > 10)
    bpy.ops.ed.undo_push(message="delete")

    bpy.ops.ed.undo()
    assert len(splats()["ball"].data.points) == 150
    assert splats()["ball"].ft2os.active_look == 0
    bpy.ops.ed.undo()
    assert len(splats()["ball"].ft2os.looks) == 0
    assert read(splats()["ball"]).sh.tobytes() == before
    bpy.ops.ed.redo()
    assert len(room("scene.looks").read_look(splats()["ball"].ft2os.looks[0]).parent) == 150
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert not splats()


def test_separating_by_group_and_by_selection_keeps_looks(tmp_path):
    from tests import scenes

    group = np.repeat(np.array([1, 2], np.int32), [60, 40])
    path = tmp_path / "two.ply"
    scenes.write_ply(path, scenes.ball(100).replace(group=np.full(100, 1, np.int32)))
    bpy.ops.ft2os.import_scene(filepath=str(path))
    obj = bpy.context.object
    room("scene.attributes").write(obj.data, "group", group)
    room("scene.looks").add_look(obj, red_look(obj))
    bpy.ops.ft2os.separate(by="GROUP")
    sizes = {len(o.data.points): o for o in splats().values()}
    assert set(sizes) == {60, 40}
    for size, part in sizes.items():
        look = room("scene.looks").read_look(part.ft2os.looks[0])
        assert np.array_equal(read(part).means[look.parent], look.means)
        assert len(look.parent) == size

    part = sizes[60]
    make_active(part)
    flags = part.data.attributes.new(".selection", "BOOLEAN", "POINT")
    flags.data.foreach_set("value", np.arange(60) < 7)
    bpy.ops.ft2os.separate(by="SELECTION")
    assert sorted(len(o.data.points) for o in splats().values()) == [7, 40, 53]


def test_separating_nothing_is_refused(pair):
    make_active(pair["ball"])
    for way in ("GROUP", "SELECTION"):
        with pytest.raises(RuntimeError):
            bpy.ops.ft2os.separate(by=way)
    assert len(splats()) == 3


@pytest.mark.parametrize("kind", ["ORIGIN_GEOMETRY", "ORIGIN_CURSOR", "GEOMETRY_ORIGIN"])
def test_a_look_stays_on_its_object_when_the_origin_moves(pair, two_groups_ply, tmp_path, kind):
    ball = pair["ball"]
    red = red_look(ball)
    look = replace(red, target={"means": red.means + np.float32([0.0, 0.1, 0.0])})
    item = room("scene.looks").add_look(ball, look)
    make_active(ball)
    before = read(ball).means
    bpy.context.scene.cursor.location = (1, 2, 3)
    bpy.ops.object.origin_set(type=kind)
    moved = read(ball).means - before
    assert np.abs(moved).max() > 1e-3
    worn = room("scene.looks").read_look(item)
    assert np.allclose(worn.means - look.means, moved, atol=1e-5)
    assert np.allclose(worn.target["means"] - look.target["means"], moved, atol=1e-5)
    if kind != "GEOMETRY_ORIGIN":  # which moves what one sees, on purpose
        item.strength = 0.0
        bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply"))
        assert (tmp_path / "out.ply").read_bytes() == two_groups_ply.read_bytes()


def test_points_moved_by_hand_take_their_part_of_a_look_along(pair):
    ball = pair["ball"]
    look = red_look(ball)
    item = room("scene.looks").add_look(ball, look)
    means = read(ball).means
    means[:10] += np.float32([0.0, 0.0, 2.0])
    room("scene.attributes").write(ball.data, "position", means)
    worn = room("scene.looks").read_look(item).means
    assert np.allclose(worn[:10] - look.means[:10], [0, 0, 2])
    assert worn[10:].tobytes() == look.means[10:].tobytes()


def test_parts_get_origins_of_their_own(tmp_path):
    from tests import scenes

    path = tmp_path / "two.ply"
    scenes.write_ply(path, scenes.two_groups().replace(group=None))
    bpy.ops.ft2os.import_scene(filepath=str(path))
    obj = bpy.context.object
    where = in_scene(obj).means[:, 0]
    room("scene.attributes").write(obj.data, "group", (where > 0.3).astype(np.int32))
    room("scene.looks").add_look(obj, red_look(obj))
    bpy.ops.ft2os.separate(by="GROUP")
    bpy.context.view_layer.update()
    for part in splats().values():
        assert np.allclose(part.location, in_scene(part).means.mean(axis=0), atol=0.3)
        assert np.allclose(part.dimensions, np.ptp(in_scene(part).means, axis=0), atol=0.4)
        assert np.array_equal(room("scene.looks").read_look(part.ft2os.looks[0]).means, read(part).means)
    after = np.concatenate([in_scene(part).means[:, 0] for part in splats().values()])
    assert np.allclose(np.sort(after), np.sort(where), atol=1e-6)
