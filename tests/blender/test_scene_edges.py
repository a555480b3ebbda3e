"""Objects and looks of a scene at their edges: names, ids, sizes, axes, keyframes and drivers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from ft2os.cameras import inria, orbit
from ft2os.errors import RequestError
from ft2os.formats import load_scene
from tests import scenes
from tests.blender.helpers import in_scene, make_active, red_look, room, splats

# Axes


def test_blenders_axes_are_the_worlds_turned():
    axes = room("scene.axes")
    np.testing.assert_array_equal(axes.TO_BLENDER @ [1, 2, 3, 1], [1, 3, -2, 1])
    np.testing.assert_array_equal(axes.CAMERA_FLIP @ [1, 2, 3, 1], [1, -2, -3, 1])
    placed = axes.TO_BLENDER.copy()
    placed[:3, 3] = 4, 5, 6
    expected = np.eye(4)
    expected[:3, 3] = 4, -6, 5
    np.testing.assert_array_equal(axes.to_rdf(placed), expected)


def test_only_rounding_is_snapped():
    snapped = room("scene.axes").snapped
    noise = np.zeros((4, 4))
    noise[0, 1], noise[1, 3] = 9e-7, -9e-7
    np.testing.assert_array_equal(snapped(np.eye(4) + noise), np.eye(4))
    moved = np.eye(4)
    moved[:3, 3] = 1, 2, 3
    np.testing.assert_array_equal(snapped(moved + noise)[:3, :3], np.eye(3))
    np.testing.assert_array_equal(snapped(moved + noise)[:3, 3], (moved + noise)[:3, 3])
    turned = np.eye(4)
    turned[0, 1] = 2e-6
    np.testing.assert_array_equal(snapped(turned), turned)
    turned[:3, 3] = 1
    given = turned.copy()
    np.testing.assert_array_equal(snapped(given), turned)
    wanted = moved + noise
    snapped(wanted)
    np.testing.assert_array_equal(wanted, moved + noise)  # what was given stays


# Scenes


def test_tiny_and_unassigned_groups_are_the_rest():
    split = room("scene.build").split
    g = scenes.ball(2000)
    group = np.full(2000, 4, np.int32)
    group[:2], group[2:3], group[3:4] = 5, 6, -1
    parts = split(g.replace(group=group), {4: "house"}, "scene")
    assert [(label, i, len(part)) for label, i, part in parts] == [
        ("house", 4, 1996), ("Group 5", 5, 2), ("Rest", -1, 2),
    ]  # fmt: skip
    group[:4] = 0
    assert [(label, i) for label, i, _ in split(g.replace(group=group), {}, "scene")] == [
        ("Group 0", 0), ("Group 4", 4),
    ]  # fmt: skip
    for whole in (None, np.full(2000, -1, np.int32)):
        ((label, i, part),) = split(g.replace(group=whole), {}, "scene")
        assert (label, i, len(part)) == ("scene", -1, 2000)


NAMES = (
    ("/a/model/point_cloud/iteration_7/point_cloud.ply", "model"),
    ("/point_cloud/x.ply", "x"),
    ("/a/truck.ply", "truck"),
    ("/a/truck.compressed.ply", "truck"),
    ("/a/truck.v2.spz", "truck.v2"),
    ("/a/unknown.xyz", "unknown.xyz"),
    ("/a/sog/meta.json", "sog"),
)


def test_a_scene_is_called_as_its_file_or_folder():
    for path, name in NAMES:
        assert room("scene.build").scene_name(Path(path)) == name


def test_an_import_is_a_tree_under_one_empty(pair, two_groups_ply):
    loaded = load_scene(two_groups_ply)
    root = pair["ball"].parent
    build, objects = room("scene.build"), room("scene.objects")
    assert root.ft2os.is_root
    assert root.ft2os.format == "ply"
    assert json.loads(root.ft2os.labels) == {"3": "ball", "7": "small ball"}
    low, high = np.percentile(loaded.gaussians.means, [5, 95], axis=0)
    assert root.empty_display_size == pytest.approx((high - low).max() / 4, rel=1e-5)
    for obj, label, group in ((pair["ball"], "ball", 3), (pair["Rest"], "Rest", -1)):
        assert (obj.ft2os.label, obj.ft2os.group_id) == (label, group)
        assert obj.ft2os.source_sha256 == root.ft2os.source_sha256 == loaded.gaussians.source.sha256
        assert obj.ft2os.source_path == str(two_groups_ply)
        assert list(obj.data.materials) == [room("scene.display").material()]
        assert build.root_of(obj) is root
    assert build.root_of(root) is root
    assert build.root_of(None) is None
    lone = bpy.data.objects.new("lone", None)
    assert build.root_of(lone) is None
    assert build.group_names(root) == {3: "ball", 7: "small ball"}
    ids = np.concatenate(
        [room("scene.looks").point_ids(pair[n].data) for n in ("ball", "small ball", "Rest")]
    )
    assert sorted(ids) == list(range(230))
    assert [pair[n].ft2os.id_end for n in ("ball", "small ball", "Rest")] == [150, 225, 230]
    assert objects._next_id(7) == 230


NOTES = (
    ('{"1": "a", "0": 5}', {1: "a", 0: "5"}),
    ('{"-1": "a", "2147483648": "b", "2147483647": "c"}', {2147483647: "c"}),
    ('{"x": "a"}', {}),
    ("[1]", {}),
    ("5", {}),
    ("", {}),
)


def test_names_of_groups_are_read_with_care(pair):
    root = pair["ball"].parent
    for noted, names in NOTES:
        root.ft2os.labels = noted
        assert room("scene.build").group_names(root) == names, noted
    assert room("scene.build").group_names(None) == {}


def test_a_capture_hides_its_cameras_and_looks_through_the_first(tmp_path, two_groups_ply):
    ring = orbit(((0.0, 0.0, 0.0), 2.0), 3, (40, 30))
    inria.write(tmp_path / "cameras.json", ring)
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    cameras = [obj for obj in bpy.data.objects if obj.type == "CAMERA"]
    root = splats()["ball"].parent
    assert len(cameras) == 3
    assert {camera.parent for camera in cameras} == {root}
    assert bpy.context.scene.camera is cameras[0]
    assert all(c.data.display_size == pytest.approx(root.empty_display_size / 4) for c in cameras)
    folder = bpy.data.collections[f"{root.users_collection[0].name} Cameras"]
    assert set(folder.objects) == set(cameras)

    def layer(parent):
        for child in parent.children:
            if child.collection == folder:
                return child
            if found := layer(child):
                return found
        return None

    assert layer(bpy.context.view_layer.layer_collection).hide_viewport
    assert not layer(bpy.context.view_layer.layer_collection).exclude
    own = [c for c in bpy.context.view_layer.layer_collection.children if c.collection != folder]
    assert not any(child.hide_viewport for child in own)
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    assert bpy.context.scene.camera is cameras[0]  # a camera that is there stays


def test_what_fails_on_the_way_leaves_nothing(two_groups_ply, monkeypatch):

    loaded = load_scene(two_groups_ply)
    loaded = replace(loaded, cameras=orbit(((0.0, 0.0, 0.0), 2.0), 2, (8, 6)))
    build = room("scene.build")

    def fail(*given):
        raise RuntimeError("torn")

    monkeypatch.setattr(build, "_hide", fail)
    with pytest.raises(RuntimeError, match="torn"):
        build.add_scene(bpy.context, loaded)
    kinds = (bpy.data.objects, bpy.data.pointclouds, bpy.data.cameras, bpy.data.collections)
    assert [len(kind) for kind in kinds] == [0, 0, 0, 0]


# Objects


def test_a_point_stands_for_its_gaussian_by_its_middle_axis():
    g = scenes.ball(5).replace(
        scales=np.array([[1, 2, 3], [3, 1, 2], [2, 3, 1], [9, 9, 1], [1, 1, 9]], np.float32),
        opacities=np.array([1.0, 0.25, 1.0, 1.0, 1.0], np.float32),
    )
    found = room("scene.objects").display_radius(g)
    np.testing.assert_allclose(found, [2, 1, 2, 4, 1])  # at most twice the median


def test_incomplete_bands_do_not_count(pair, monkeypatch):
    objects = room("scene.objects")
    for bands, degree in ((0, 0), (2, 0), (3, 1), (7, 1), (8, 2), (15, 3), (24, 4), (35, 4)):
        monkeypatch.setattr(objects.attributes, "bands", lambda cloud, bands=bands: bands)
        assert objects.degree(pair["ball"].data) == degree


def test_middles_and_sizes_leave_the_far_points_out():
    objects = room("scene.objects")
    means = np.zeros((101, 3), np.float32)
    means[:, 0] = np.arange(101)
    means[100, 0] = 1e6
    np.testing.assert_allclose(objects.spread(means), [[5, 0, 0], [95, 0, 0]])
    assert objects.middle(means).tolist() == [50, 0, 0]
    assert objects.middle(means).dtype == np.float32
    many = np.zeros((100_000, 3), np.float32)
    many[1::2] = 7  # of a hundred thousand every second counts
    assert not objects.spread(many).any()
    assert objects.spread(many[:99_999])[1].tolist() == [7, 7, 7]


def test_ids_start_again_where_int32_ends(pair):
    objects = room("scene.objects")
    pair["Rest"].ft2os.id_end = 2**31 - 10
    assert objects._next_id(9) == 2**31 - 10
    assert objects._next_id(10) == 0


def test_new_objects_have_origins_and_ids_of_their_own(pair):
    objects = room("scene.objects")
    collection = pair["ball"].users_collection[0]
    g = scenes.ball(6, 2)
    obj = objects.new_object("more", g, collection, pair["ball"].parent, np.float32([1, 2, 3]))
    assert obj.parent is pair["ball"].parent
    assert tuple(obj.location) == (1, 2, 3)
    np.testing.assert_allclose(objects.read_gaussians(obj).means, g.means - np.float32([1, 2, 3]))
    assert room("scene.looks").point_ids(obj.data).tolist() == list(range(230, 236))
    assert room("scene.attributes").read(obj.data, "source_row").tolist() == [-1] * 6
    plain = objects.new_object("plain", g, collection)
    assert plain.parent is None
    assert tuple(plain.location) == (0, 0, 0)
    assert objects.read_gaussians(plain).sh.tobytes() == g.sh.tobytes()
    with pytest.raises(RequestError, match="none has no Gaussians"):
        objects.new_object("none", g.subset(np.zeros(6, bool)), collection)
    with pytest.raises(RequestError, match="Nothing is not a splat"):
        objects.read_gaussians(None)
    assert objects.splats([None, pair["ball"], pair["ball"].parent, obj]) == [pair["ball"], obj]


def test_a_cloud_that_is_replaced_goes_where_nothing_else_uses_it(pair):
    objects, ball = room("scene.objects"), pair["ball"]
    name, count = ball.data.name, len(bpy.data.pointclouds)
    cloud = ball.data.copy()
    objects.put_data(ball, cloud)
    assert ball.data is cloud
    assert ball.data.name == name
    assert len(bpy.data.pointclouds) == count
    old = ball.data
    twin = bpy.data.objects.new("twin", old)
    objects.put_data(ball, old.copy())
    assert twin.data is old
    assert len(bpy.data.pointclouds) == count + 1


# Parts


def test_selected_points_are_those_of_edit_mode(pair):
    parts, ball = room("scene.parts"), pair["ball"]
    assert not parts.selected_points(ball).any()
    assert len(parts.selected_points(ball)) == 150
    for kind, values in (("BOOLEAN", np.arange(150) < 7), ("FLOAT", (np.arange(150) < 7) * np.float32(0.5))):
        flags = ball.data.attributes.new(".selection", kind, "POINT")
        flags.data.foreach_set("value", values)
        assert np.flatnonzero(parts.selected_points(ball)).tolist() == list(range(7))
        ball.data.attributes.remove(ball.data.attributes[".selection"])


def test_a_part_keeps_what_the_object_has(pair):
    parts, ball = room("scene.parts"), pair["ball"]
    room("scene.looks").add_look(ball, red_look(ball))
    mask = np.arange(150) < 20
    ids = room("scene.looks").point_ids(ball.data)
    taken = parts.take(ball, mask, "piece")
    assert (taken.name, taken.parent) == ("piece", ball.parent)
    assert set(taken.users_collection) == set(ball.users_collection)
    assert room("scene.looks").point_ids(taken.data).tolist() == ids[:20].tolist()
    assert list(taken.data.materials) == list(ball.data.materials)
    assert len(room("scene.looks").read_look(taken.ft2os.looks[0]).parent) == 20
    parts.keep(ball, ~mask)
    assert len(ball.data.points) == 130
    assert ball.data.name == "ball"
    assert list(ball.data.materials) == list(taken.data.materials)


def test_a_new_middle_moves_nothing_that_is_seen(pair):
    parts, ball = room("scene.parts"), pair["ball"]
    ball.matrix_basis = Matrix.Translation((1, 0, 0)) @ Matrix.Scale(2, 4)
    attributes = room("scene.attributes")
    attributes.write(ball.data, "position", attributes.read(ball.data, "position") + np.float32([3, 0, 0]))
    before = in_scene(ball).means
    parts.centre(ball)
    assert np.abs(in_scene(ball).means - before).max() < 1e-5
    assert np.abs(room("scene.objects").middle(attributes.read(ball.data, "position"))).max() < 1e-5


# Looks


def test_a_look_is_noted_on_its_object(pair):
    ball = pair["ball"]
    looks = room("scene.looks")
    first = looks.add_look(ball, red_look(ball, prompt=""))
    assert (first.name, first.title, ball.ft2os.active_look) == ("Bright red", "Bright red", 0)
    second = looks.add_look(ball, red_look(ball))
    assert (second.name, second.title, second.prompt, second.method, second.seed) == (
        "red", "Bright red", "red", "material", 4,
    )  # fmt: skip
    assert second.pointcloud.name == "ball – red"
    assert json.loads(second.stats) == {"total_seconds": 1.6}
    assert ball.ft2os.active_look == 1
    for index, worn in ((-1, None), (0, "Bright red"), (1, "red"), (2, None)):
        ball.ft2os.active_look = index
        found = looks.active_look(ball)
        assert (found and found.name) == worn


@pytest.mark.parametrize("row", [-1, 150])
def test_a_look_of_points_that_are_not_there_is_refused(pair, row):
    ball = pair["ball"]
    look = red_look(ball)
    parent = look.parent.copy()
    parent[3] = row
    with pytest.raises(RequestError, match="does not fit ball"):
        room("scene.looks").add_look(ball, replace(look, parent=parent))
    assert not ball.ft2os.looks


def test_the_points_that_were_sent_count_not_those_of_now(pair):
    """An object may change while it is stylized."""
    looks, ball = room("scene.looks"), pair["ball"]
    look = red_look(ball)
    own = room("scene.objects").read_gaussians(ball)
    ids = looks.point_ids(ball.data)[::-1].copy()
    then = own.means[::-1] - np.float32([0, 0, 1])
    back = looks.read_look(looks.add_look(ball, look, ids, then))
    assert back.parent.tolist() == list(range(149, -1, -1))
    np.testing.assert_allclose(back.means, look.means + np.float32([0, 0, 1]), atol=1e-6)


def test_looks_of_before_hold_no_places_and_stay_where_they_are(pair):
    looks, ball = room("scene.looks"), pair["ball"]
    item = looks.add_look(ball, red_look(ball))
    cloud = item.pointcloud
    cloud.attributes.remove(cloud.attributes["parent_position"])
    means = room("scene.attributes").read(ball.data, "position")
    room("scene.attributes").write(ball.data, "position", means + 1)
    assert looks.read_look(item).means.tobytes() == means.tobytes()


def test_clouds_without_ids_count_from_zero(pair):
    ball = pair["ball"]
    ball.data.attributes.remove(ball.data.attributes["point_id"])
    ids = room("scene.looks").point_ids(ball.data)
    assert (ids.dtype, ids.tolist()) == (np.int32, list(range(150)))


def test_notes_are_the_looks_figures(pair):
    item = room("scene.looks").add_look(pair["ball"], red_look(pair["ball"]))
    assert room("scene.looks").stats(item) == {"total_seconds": 1.6}
    item.stats = ""
    assert room("scene.looks").stats(item) == {}


# Animation


def strengths(obj) -> dict[str, list]:
    """Data path and values of every keyframe curve and driver."""
    animation, found = obj.animation_data, {}
    for curves in room("scene.animation")._curve_lists(animation.action):
        for curve in curves:
            found[curve.data_path] = [point.co[1] for point in curve.keyframe_points]
    for driver in animation.drivers:
        found[f"driver {driver.data_path}"] = [driver.driver.expression]
    return found


def test_keyframes_and_drivers_move_up_with_their_looks(pair):
    ball, looks = pair["ball"], room("scene.looks")
    room("scene.animation").forget_look(ball, 0)  # nothing is animated
    items = [looks.add_look(ball, red_look(ball, name)) for name in ("a", "b", "c", "d")]
    del items
    for index in (0, 1, 2):
        item = ball.ft2os.looks[index]
        item.strength = 0.25 * (index + 1)
        item.keyframe_insert("strength", frame=1)
    ball.ft2os.looks[3].driver_add("strength").driver.expression = "0.5"
    ball.ft2os.looks[1].driver_add("strength")
    ball.keyframe_insert("location", index=0, frame=1)
    room("scene.animation").forget_look(ball, 1)
    assert strengths(ball) == {
        "ft2os.looks[0].strength": [0.25],
        "ft2os.looks[1].strength": [0.75],
        "driver ft2os.looks[2].strength": ["0.5"],
        "location": [ball.location[0]],
    }


def test_what_moves_an_object_is_noticed(pair):
    moves, ball = room("scene.animation").moves, pair["ball"]
    assert not moves(ball)
    room("scene.looks").add_look(ball, red_look(ball)).keyframe_insert("strength", frame=1)
    assert not moves(ball)
    for path in ("location", "delta_scale", "rotation_euler"):
        other = bpy.data.objects.new(path, None)
        other.keyframe_insert(path, frame=1)
        assert moves(other)
    driven = pair["Rest"]
    driven.driver_add("scale", 0)
    assert moves(driven)
    assert room("scene.animation").moves(SimpleNamespace(animation_data=None)) is False


def test_removing_the_worn_look_shows_the_points_again(pair):
    ball = pair["ball"]
    room("scene.looks").add_look(ball, red_look(ball))
    make_active(ball)
    assert bpy.ops.ft2os.look_remove() == {"FINISHED"}
    assert ball.ft2os.active_look == -1
    assert room("scene.attributes").read(ball.data, "shown") is None
