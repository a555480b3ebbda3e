"""Looks in Blender: the list, strength, keyframes, and life through save, load and a moved file."""

from __future__ import annotations

import shutil

import bpy
import numpy as np
import pytest

from tests.blender.helpers import empty_file, make_active, red_look, room, splats


def add(obj, prompt="red", **options):
    return room("scene.looks").add_look(obj, red_look(obj, prompt, **options))


def test_a_look_comes_back_with_the_bits_it_went_in_with(pair):
    look = red_look(pair["ball"], every=2)
    back = room("scene.looks").read_look(room("scene.looks").add_look(pair["ball"], look))
    for field in ("parent", "dc", "means", "quats", "scales", "opacities"):
        assert getattr(back, field).tobytes() == getattr(look, field).tobytes(), field
    assert (back.prompt, back.method, back.seed, back.stats) == ("red", "material", 4, look.stats)
    assert back.dc0 is None
    assert back.target is None


def test_target_geometry_and_neutral_colours_come_back(pair):
    from dataclasses import replace

    look = red_look(pair["ball"])
    target = {"means": look.means + 1, "opacities": look.opacities * 0.5}
    sh = np.random.default_rng(0).normal(size=(150, 3, 3)).astype(np.float32)
    look = replace(look, dc0=look.dc * 0.5, target=target, sh=sh)
    back = room("scene.looks").read_look(room("scene.looks").add_look(pair["ball"], look))
    assert np.array_equal(back.dc0, look.dc0)
    assert np.array_equal(back.sh, sh)
    assert set(back.target) == {"means", "opacities"}
    assert np.array_equal(back.target["means"], look.means + 1)


def test_activate_revert_remove(pair):
    ball = pair["ball"]
    make_active(ball)
    for prompt in ("one", "two", "three"):
        add(ball, prompt)
    assert ball.ft2os.active_look == 2
    bpy.ops.ft2os.look_activate(index=1)
    assert room("scene.looks").active_look(ball).prompt == "two"
    bpy.ops.ft2os.look_remove(index=0)
    assert room("scene.looks").active_look(ball).prompt == "two"
    bpy.ops.ft2os.look_revert()
    assert room("scene.looks").active_look(ball) is None
    bpy.ops.ft2os.look_remove(index=0)
    bpy.ops.ft2os.look_remove(index=0)
    assert len(bpy.data.pointclouds) == 3
    assert not bpy.ops.ft2os.look_remove.poll()


def test_removing_a_look_renumbers_the_keyframes_of_the_next(pair):
    ball = pair["ball"]
    make_active(ball)
    add(ball, "one")
    two = add(ball, "two")
    for frame, strength in ((1, 0.0), (11, 1.0)):
        two.strength = strength
        two.keyframe_insert("strength", frame=frame)
    bpy.ops.ft2os.look_remove(index=0)
    bpy.context.scene.frame_set(6)
    assert 0.3 < ball.ft2os.looks[0].strength < 0.7
    bpy.ops.ft2os.look_remove(index=0)
    curves = list(room("scene.animation")._curve_lists(ball.animation_data.action))
    assert not any(len(curve_list) for curve_list in curves)


def test_points_show_the_look_as_strongly_as_it_is_worn(pair):
    ball = pair["ball"]
    item = add(ball, every=3)
    shown = room("scene.attributes").read(ball.data, "shown")
    assert np.array_equal(shown[:, 3], (np.arange(150) % 3 == 0).astype(np.float32))
    item.strength = 0.5
    assert room("scene.attributes").read(ball.data, "shown")[:, 3].max() == 0.5
    make_active(ball)
    bpy.ops.ft2os.look_revert()
    assert room("scene.attributes").read(ball.data, "shown") is None


def test_saving_moving_and_loading_keeps_gaussians_looks_and_source(pair, two_groups_ply, tmp_path):
    ball = pair["ball"]
    item = add(ball)
    item.strength = 0.75
    bits = room("scene.objects").read_gaussians(ball).sh.tobytes()
    blend = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    moved = tmp_path / "elsewhere" / "moved.blend"
    moved.parent.mkdir()
    shutil.move(blend, moved)
    empty_file()
    bpy.ops.wm.open_mainfile(filepath=str(moved))

    ball = splats()["ball"]
    assert room("scene.objects").read_gaussians(ball).sh.tobytes() == bits
    item = room("scene.looks").active_look(ball)
    assert (item.prompt, item.strength) == ("red", 0.75)
    assert len(room("scene.looks").read_look(item).parent) == 150
    make_active(ball)
    bpy.ops.ft2os.look_revert()
    bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply"))
    assert (tmp_path / "out.ply").read_bytes() == two_groups_ply.read_bytes()


def test_the_source_is_found_again_beside_a_blend_that_moved_with_it(two_groups_ply, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(two_groups_ply, home / "pair.ply")
    expected = two_groups_ply.read_bytes()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    bpy.ops.ft2os.import_scene(filepath=str(home / "pair.ply"))
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    away = shutil.move(home, tmp_path / "away")
    bpy.ops.wm.open_mainfile(filepath=f"{away}/scene.blend")
    bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply"))
    assert bpy.context.window_manager.ft2os.error == ""
    assert (tmp_path / "out.ply").read_bytes() == expected


def _without(name):
    def spoil(item):
        item.pointcloud.attributes.remove(item.pointcloud.attributes[name])

    return spoil


def _own_data(item):
    item.pointcloud = item.id_data.data


def _gone(item):
    item.pointcloud = None


def _wrong_kind(item):
    cloud = item.pointcloud
    cloud.attributes.remove(cloud.attributes["parent"])
    cloud.attributes.new("parent", "FLOAT", "POINT")


@pytest.mark.parametrize(
    "spoil", [_without("parent"), _without("radiance:base"), _own_data, _gone, _wrong_kind]
)
def test_a_damaged_look_is_a_sentence_and_the_object_is_drawn_without_it(pair, tmp_path, spoil):
    """A .blend may hold anything."""
    ball = pair["ball"]
    item = room("scene.looks").add_look(ball, red_look(ball))
    spoil(item)
    room("scene.display").show(ball)
    assert room("scene.attributes").read(ball.data, "shown") is None
    found = room("render.gather").scene(bpy.context.evaluated_depsgraph_get())
    assert {each.name: each.look for each in found.items}["ball"] is None
    assert "gone or damaged" in str(found.problems[0])
    make_active(ball)
    for run in (
        lambda: bpy.ops.ft2os.look_activate(index=0),
        lambda: bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply")),
    ):
        with pytest.raises(RuntimeError, match="gone or damaged"):
            run()
    if spoil is not _own_data:  # then the points are shared, which is refused
        assert bpy.ops.ft2os.apply_transform() == {"FINISHED"}
    assert bpy.ops.ft2os.look_remove(index=0) == {"FINISHED"}
    assert len(ball.data.points) == 150


@pytest.mark.parametrize("noted", ["[1]", "{", "5", "null", "[" * 100_000])
def test_notes_that_cannot_be_read_count_as_none(pair, tmp_path, noted):
    ball = pair["ball"]
    item = room("scene.looks").add_look(ball, red_look(ball))
    item.stats = noted
    assert room("scene.looks").read_look(item).stats == {}
    assert room("ui.facts").look_facts(item)[0] == ("Method", "material, seed 4")
    ball.parent.ft2os.labels = noted
    assert bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply")) == {"FINISHED"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("scale", "FLOAT"), ("rotation", "FLOAT_VECTOR"), ("radiance:base", "INT"), ("point_id", "FLOAT_VECTOR"),
     ("source_row", "FLOAT_COLOR"), ("group", "FLOAT"), ("radiance:sh_0", "FLOAT")],
)  # fmt: skip
def test_attributes_of_another_type_count_as_absent(pair, tmp_path, name, kind):
    ball = pair["ball"]
    ball.data.attributes.remove(ball.data.attributes[name])
    ball.data.attributes.new(name, kind, "POINT")
    needed = name in ("scale", "rotation", "radiance:base")
    assert room("scene.objects").is_splat(ball) != needed
    room("scene.display").show(ball)
    room("render.gather").scene(bpy.context.evaluated_depsgraph_get())
    assert bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply")) == {"FINISHED"}


def test_points_that_are_gone_have_no_row():
    ids = np.array([3, 5, 7, 5], np.int32)
    assert room("scene.looks").rows_of(np.array([7, 3, 5, 99, 4]), ids).tolist() == [2, 0, 1, -1, -1]
    assert room("scene.looks").rows_of(np.array([7]), ids[:0]).tolist() == [-1]
