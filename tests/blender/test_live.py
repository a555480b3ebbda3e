"""Looks that grow while a job runs: on the screen, and nowhere else."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from tests.blender.helpers import empty_file, red_look, room, splats

SHOWN = "shown"


@pytest.fixture
def growing(pair, tmp_path):
    """The ball, with a red look that grows on it."""
    ball = pair["ball"]
    look = red_look(ball, every=2)
    look.save(tmp_path / "live.npy")
    shown = room("scene.display").mean_colours(look.dc, look.parent, len(ball.data.points))
    bpy.ops.ed.undo_push(message="before")
    room("scene.growing").put(ball, room("scene.live").Growing(str(tmp_path / "live.npy"), shown))
    yield ball
    room("scene.growing").drop(next((o.session_uid for o in bpy.data.objects if o.name == "ball"), 0))


def shown(obj) -> np.ndarray | None:
    return room("scene.attributes").read(obj.data, SHOWN)


def bits(obj) -> bytes:
    own = room("scene.objects").read_gaussians(obj)
    return b"".join(getattr(own, name).tobytes() for name in ("means", "quats", "scales", "opacities", "sh"))


def test_the_dots_take_its_colours_and_the_object_keeps_its_bits(growing):
    before = bits(growing)
    assert np.array_equal(shown(growing)[:, 3], np.arange(150) % 2 == 0)
    room("scene.growing").drop(growing.session_uid)
    assert shown(growing) is None
    assert bits(growing) == before
    assert not len(growing.ft2os.looks)


def test_the_viewport_draws_it_and_a_final_render_does_not(growing):
    gather = room("render.gather")
    depsgraph = bpy.context.evaluated_depsgraph_get()
    worn = {item.name: item.look for item in gather.scene(depsgraph, growing=True).items}
    assert str(worn["ball"]).endswith("live.npy")
    assert worn["small ball"] is None
    assert all(item.look is None for item in gather.scene(depsgraph).items)


def test_a_saved_file_knows_nothing_of_it_and_the_screen_keeps_it(growing, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert shown(growing) is not None
    empty_file()
    with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (inside, wanted):
        wanted.pointclouds = inside.pointclouds
    assert len(wanted.pointclouds) == 3
    assert all(SHOWN not in cloud.attributes for cloud in wanted.pointclouds)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert shown(splats()["ball"]) is None


def test_an_undo_step_taken_meanwhile_does_not_bring_it_back(growing):
    uid = growing.session_uid
    growing.location.x = 1
    bpy.ops.ed.undo_push(message="move")  # holds the dots' colours
    room("scene.growing").drop(uid)
    splats()["ball"].location.x = 2
    bpy.ops.ed.undo_push(message="move again")
    bpy.ops.ed.undo()
    assert splats()["ball"].location.x == 1
    assert shown(splats()["ball"]) is None
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    assert shown(splats()["ball"]) is None


def test_undoing_something_else_meanwhile_keeps_it_on_the_screen(growing):
    before = growing.location.x
    growing.location.x = 1
    bpy.ops.ed.undo_push(message="move")
    bpy.ops.ed.undo()  # to a step from before it grew
    assert splats()["ball"].location.x == before
    assert shown(splats()["ball"]) is not None


def test_points_that_changed_meanwhile_show_themselves(growing):
    from tests.blender.helpers import delete_points

    delete_points(growing, np.arange(150) < 10)
    room("scene.display").show(growing)
    assert shown(growing) is None
    depsgraph = bpy.context.evaluated_depsgraph_get()
    assert all(item.look is None for item in room("render.gather").scene(depsgraph, growing=True).items)
