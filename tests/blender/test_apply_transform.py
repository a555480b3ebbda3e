"""Applying a transform changes where numbers stand and nothing that is seen, looks included."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from ft2os import looks, transforms
from ft2os.looks import Look
from tests.blender.helpers import make_active, red_look, room, splats
from tests.scenes import ball, write_ply


@pytest.fixture
def turned(tmp_path):
    """A ball with colours of degree 3, moved, turned and scaled as an artist would."""
    write_ply(tmp_path / "ball.ply", ball(120, 3, seed=3))
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "ball.ply"))
    (obj,) = splats().values()
    obj.location, obj.rotation_euler, obj.scale = (0.4, -1.2, 2.0), (0.5, -0.3, 1.1), (1.7, 1.7, 1.7)
    bpy.context.view_layer.update()
    make_active(obj)
    return obj


def in_world(obj, gaussians=None):
    own = room("scene.objects").read_gaussians(obj) if gaussians is None else gaussians
    return transforms.apply(own, room("scene.axes").to_rdf(np.array(obj.matrix_world)))


def assert_same(a, b) -> None:
    np.testing.assert_allclose(a.means, b.means, atol=2e-6)
    np.testing.assert_allclose(a.scales, b.scales, rtol=1e-5)
    np.testing.assert_allclose(a.sh, b.sh, atol=2e-6)
    np.testing.assert_allclose(np.abs((a.quats * b.quats).sum(axis=1)), 1, atol=1e-6)
    np.testing.assert_array_equal(a.opacities, b.opacities)


def test_the_world_keeps_its_gaussians(turned):
    before, own = in_world(turned), room("scene.objects").read_gaussians(turned)
    bpy.ops.ft2os.apply_transform()
    bpy.context.view_layer.update()
    np.testing.assert_allclose(np.array(turned.matrix_basis), np.eye(4), atol=0)
    assert_same(in_world(turned), before)
    assert np.abs(room("scene.objects").read_gaussians(turned).quats - own.quats).max() > 0.1


def test_looks_turn_with_it_both_states(turned):
    red = red_look(turned)
    target = {"means": red.means * 1.3, "scales": red.scales * 0.5}
    moving = Look(**{**red.__dict__, "target": target, "sh": np.full((len(red), 3, 3), 0.2, np.float32)})
    item = room("scene.looks").add_look(turned, moving)
    own = room("scene.objects").read_gaussians(turned)
    before = [in_world(turned, looks.apply(own, room("scene.looks").read_look(item), s)) for s in (0.5, 1.0)]
    bpy.ops.ft2os.apply_transform()
    bpy.context.view_layer.update()
    own = room("scene.objects").read_gaussians(turned)
    after = [in_world(turned, looks.apply(own, room("scene.looks").read_look(item), s)) for s in (0.5, 1.0)]
    for a, b in zip(after, before, strict=True):
        assert_same(a, b)


def test_export_after_it_is_export_before_it(turned, tmp_path):
    bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "before.ply"))
    bpy.ops.ft2os.apply_transform()
    bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "after.ply"))
    from ft2os.formats import load_scene

    assert_same(load_scene(tmp_path / "after.ply").gaussians, load_scene(tmp_path / "before.ply").gaussians)


def test_an_object_that_did_not_move_keeps_its_bits(two_groups_ply):
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply), centred=False)
    pair = splats()
    before = {name: room("scene.objects").read_gaussians(obj) for name, obj in pair.items()}
    make_active(*pair.values())
    bpy.ops.ft2os.apply_transform()
    for name, obj in pair.items():
        now = room("scene.objects").read_gaussians(obj)
        for field in ("means", "quats", "scales", "opacities", "sh"):
            assert getattr(now, field).tobytes() == getattr(before[name], field).tobytes()


@pytest.mark.parametrize("scale", [(1, 2, 1), (-1, 1, 1)])
def test_what_cannot_be_is_refused_with_the_reason(turned, scale):
    turned.scale = scale
    bpy.context.view_layer.update()
    before = room("scene.objects").read_gaussians(turned)
    with pytest.raises(RuntimeError, match=r"stretched|mirrored"):
        bpy.ops.ft2os.apply_transform()
    assert room("scene.objects").read_gaussians(turned).means.tobytes() == before.means.tobytes()
    assert tuple(turned.scale) == scale


def test_shared_points_are_not_moved_under_another_object(turned):
    other = turned.copy()
    bpy.context.collection.objects.link(other)
    with pytest.raises(RuntimeError, match="shares its points"):
        bpy.ops.ft2os.apply_transform()


def test_a_duplicates_look_stays_where_it_is(turned):
    """Shift+D copies the points; the look's data is one until one of the two is baked."""
    room("scene.looks").add_look(turned, red_look(turned))
    other = turned.copy()
    other.data = turned.data.copy()
    bpy.context.collection.objects.link(other)
    make_active(turned)
    before = room("scene.looks").read_look(other.ft2os.looks[0])
    bpy.ops.ft2os.apply_transform()
    after = room("scene.looks").read_look(other.ft2os.looks[0])
    assert after.means.tobytes() == before.means.tobytes()
    moved = room("scene.looks").read_look(turned.ft2os.looks[0])
    assert np.abs(moved.means - before.means).max() > 0.1


def test_children_stay_in_place(turned):
    child = bpy.data.objects.new("lamp", None)
    bpy.context.collection.objects.link(child)
    child.parent, child.location = turned, (1, 2, 3)
    bpy.context.view_layer.update()
    before = np.array(child.matrix_world)
    bpy.ops.ft2os.apply_transform()
    bpy.context.view_layer.update()
    np.testing.assert_allclose(np.array(child.matrix_world), before, atol=1e-5)


def test_all_of_the_selected_are_applied_or_none(pair):
    good, bad = pair["ball"], pair["small ball"]
    good.location, bad.scale = (1, 0, 0), (1, 2, 1)
    make_active(good, bad)
    with pytest.raises(RuntimeError, match="stretched"):
        bpy.ops.ft2os.apply_transform()
    assert tuple(good.location) == (1, 0, 0)


def test_an_animated_transform_is_refused_an_animated_look_is_not(turned):
    item = room("scene.looks").add_look(turned, red_look(turned))
    item.keyframe_insert("strength", frame=1)
    bpy.ops.ft2os.apply_transform()
    turned.location = (1, 2, 3)
    turned.keyframe_insert("location", frame=1)
    with pytest.raises(RuntimeError, match="animated"):
        bpy.ops.ft2os.apply_transform()
