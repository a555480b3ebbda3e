"""The rendered viewport without its window: what it asks for and when, and that the pixels are F12's."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from ft2os.errors import BackendError
from ft2os.protocol import SupersededError
from tests.blender.helpers import red_look, room
from tests.blender.test_engine import SIZE, TOLERANCE, f12, manager, objects, shot  # noqa: F401

TIMEOUT = 120  # a cold numba cache compiles for half a minute on a busy machine


def looking(camera: bpy.types.Object, size: tuple[int, int] = SIZE) -> SimpleNamespace:
    """The matrices that a 3D view has when it looks as a camera does."""
    projection = camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=size[0], y=size[1])
    return SimpleNamespace(
        view_matrix=camera.matrix_world.normalized().inverted(), window_matrix=projection, is_perspective=True
    )


def camera_view():
    """The view of the scene's camera, as a 3D view would have it."""
    return room("render.viewport").view_of(looking(bpy.context.scene.camera), *SIZE)


@pytest.fixture
def sent(monkeypatch):
    """The parameters of every picture that is asked for."""
    kept, submit = [], manager().submit

    def spy(method, params, *rest):
        kept.append(params)
        return submit(method, params, *rest)

    monkeypatch.setattr(manager(), "submit", spy)
    return kept


@pytest.fixture
def read(monkeypatch):
    """The names of the objects whose points are read."""
    names, read_gaussians = [], room("scene.objects").read_gaussians

    def spy(obj):
        names.append(obj.name)
        return read_gaussians(obj)

    monkeypatch.setattr(room("scene.objects"), "read_gaussians", spy)
    return names


@pytest.fixture
def latest(shot):  # noqa: F811
    """A view's latest picture, told of changes as Blender tells an engine."""
    latest = room("render.latest").Latest("test.f32")

    def changed(scene, depsgraph):
        latest.update(depsgraph)

    handlers = (bpy.app.handlers.depsgraph_update_post, bpy.app.handlers.frame_change_post)
    for each in handlers:
        each.append(changed)
    yield latest
    for each in handlers:
        each.remove(changed)


def drawn(latest, view=None) -> np.ndarray | None:
    """What a redraw brings; None where it asks for nothing.  [H, W, 5]"""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    pending = latest.ask(depsgraph, view or camera_view())
    if pending is None:
        return None
    pending.wait(TIMEOUT)
    return latest.receive().copy()


def agree(picture: np.ndarray, final: np.ndarray) -> None:
    """A viewport's picture over an opaque background, against F12's."""
    assert np.abs(picture[..., :3] - final[..., :3]).max() <= TOLERANCE


def test_a_view_through_the_camera_asks_for_what_f12_asks_for(tmp_path, shot, latest, sent):  # noqa: F811
    shot.camera.data.shift_x, shot.camera.data.lens = 0.07, 40
    shot.ft2os.antialiased = True
    picture = drawn(latest)
    agree(picture, f12(tmp_path / "f12.png"))
    view, final = sent
    for name in ("viewmats", "Ks"):
        np.testing.assert_allclose(view.pop(name), final.pop(name), atol=1e-4)
    assert view.pop("out") != final.pop("out")
    assert view.pop("revision") < final.pop("revision")
    assert view == final


def test_a_large_window_is_drawn_smaller_and_shows_the_same(shot):  # noqa: F811
    viewport = room("render.viewport")
    large = (16 * SIZE[0], 16 * SIZE[1])
    assert max(large) == 2 * viewport.LONGEST
    small, big = (
        viewport.view_of(looking(shot.camera, large), *size) for size in (SIZE, large)
    )  # one matrix, two sizes
    assert (big.width, big.height) == (960, 640)
    np.testing.assert_allclose(big.K[:2] / 8, small.K[:2], rtol=1e-6)


def test_nothing_is_asked_for_twice(shot, latest):  # noqa: F811
    assert drawn(latest) is not None
    assert drawn(latest) is None
    shot.camera.location.x += 0.1
    bpy.context.view_layer.update()
    assert drawn(latest) is not None
    assert drawn(latest) is None


def test_while_a_picture_is_on_its_way_no_other_is_asked_for(shot, latest):  # noqa: F811
    depsgraph = bpy.context.evaluated_depsgraph_get()
    pending = latest.ask(depsgraph, camera_view())
    shot.camera.location.x += 0.1
    bpy.context.view_layer.update()
    moved = camera_view()
    assert latest.ask(depsgraph, moved) is None
    pending.wait(TIMEOUT)
    before = latest.receive().copy()
    assert np.abs(drawn(latest, moved) - before).max() > 0.05


def _colour_world(world: bpy.types.World) -> None:
    world.color = (0.2, 0.4, 0.6)
    if world.use_nodes:  # always, from Blender 5.0 on
        node = next(n for n in world.node_tree.nodes if n.type == "BACKGROUND")
        node.inputs["Color"].default_value = (0.2, 0.4, 0.6, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: setattr(scene.render, "film_transparent", True),
        lambda scene: setattr(scene.ft2os, "antialiased", True),
        lambda scene: _colour_world(scene.world),
    ],
    ids=["transparent", "antialiased", "world"],
)
def test_the_film_is_asked_for_at_every_redraw(shot, latest, change):  # noqa: F811
    shot.world = bpy.data.worlds.new("World")
    for obj in objects().values():
        obj.scale *= 0.1  # smaller than a pixel, where antialiasing counts
    bpy.context.view_layer.update()
    before = drawn(latest)
    change(shot)
    after = drawn(latest)
    if after is None:
        pytest.fail("nothing was asked for")
    assert not np.array_equal(before, after)


def test_a_strength_that_changes_is_drawn_again(tmp_path, latest, sent):
    ball = objects()["ball"]
    item = room("scene.looks").add_look(ball, red_look(ball))
    bpy.context.view_layer.update()
    full = drawn(latest)
    item.strength = 0.5
    bpy.context.view_layer.update()
    half = drawn(latest)
    assert [request["instances"][0]["strength"] for request in sent] == [1.0, 0.5]
    assert np.abs(half - full)[..., :3].max() > 0.1
    agree(half, f12(tmp_path / "half.png"))


def test_a_keyed_strength_is_drawn_as_the_frames_say(tmp_path, shot, latest, read):  # noqa: F811
    """Blender reports no change of the points then: the strength itself is what is read."""
    ball = objects()["ball"]
    item = room("scene.looks").add_look(ball, red_look(ball))
    for frame, strength in ((1, 0.0), (11, 1.0)):
        item.strength = strength
        item.keyframe_insert("strength", frame=frame)
    shot.frame_set(1)
    pictures = [drawn(latest)]
    read.clear()
    for frame in (6, 11):
        shot.frame_set(frame)
        pictures.append(drawn(latest))
    assert "small ball" not in read
    red = [(picture[..., 0] - picture[..., 1]).mean() for picture in pictures]
    assert red[0] < red[1] < red[2]
    agree(pictures[2], f12(tmp_path / "last.png"))


def test_moving_an_object_reads_none(tmp_path, latest, read):
    before = drawn(latest)
    assert sorted(read) == ["Rest", "ball", "small ball"]
    read.clear()
    objects()["ball"].location.x += 0.5
    bpy.context.view_layer.update()
    moved = drawn(latest)
    assert read == []
    assert np.abs(moved - before)[..., :3].max() > 0.1
    agree(moved, f12(tmp_path / "moved.png"))


def test_points_that_change_are_read_again_and_no_others(tmp_path, latest, read):
    drawn(latest)
    read.clear()
    ball, attributes = objects()["ball"], room("scene.attributes")
    base = attributes.read(ball.data, "radiance:base")
    attributes.write(ball.data, "radiance:base", base * np.float32([-1, -1, -1, 1]))
    ball.data.update_tag()
    bpy.context.view_layer.update()
    changed = drawn(latest)
    assert read == ["ball"]
    agree(changed, f12(tmp_path / "changed.png"))


def test_a_look_that_changes_is_read_again(tmp_path, latest):
    ball, attributes = objects()["ball"], room("scene.attributes")
    cloud = room("scene.looks").add_look(ball, red_look(ball)).pointcloud
    bpy.context.view_layer.update()
    red = drawn(latest)
    base = attributes.read(cloud, "radiance:base")
    attributes.write(cloud, "radiance:base", base[:, [1, 0, 2, 3]])
    cloud.update_tag()
    bpy.context.view_layer.update()
    green = drawn(latest)
    assert np.abs(green - red)[..., :3].max() > 0.3
    agree(green, f12(tmp_path / "green.png"))


def test_an_object_that_was_hidden_is_read_again(tmp_path, latest):
    ball, attributes = objects()["ball"], room("scene.attributes")
    drawn(latest)
    ball.hide_set(True)
    bpy.context.view_layer.update()
    without = drawn(latest)
    base = attributes.read(ball.data, "radiance:base")
    attributes.write(ball.data, "radiance:base", base * np.float32([-1, -1, -1, 1]))
    ball.data.update_tag()
    bpy.context.view_layer.update()
    ball.hide_set(False)
    bpy.context.view_layer.update()
    again = drawn(latest)
    assert np.abs(again - without)[..., :3].max() > 0.1
    agree(again, f12(tmp_path / "again.png"))


def test_undo_brings_back_the_old_points(tmp_path, latest):
    ball, attributes = objects()["ball"], room("scene.attributes")
    base = attributes.read(ball.data, "radiance:base")
    bpy.ops.ed.undo_push(message="before")
    attributes.write(ball.data, "radiance:base", base * np.float32([-1, -1, -1, 1]))
    ball.data.update_tag()
    bpy.ops.ed.undo_push(message="after")
    changed = drawn(latest)
    agree(changed, f12(tmp_path / "changed.png"))
    bpy.ops.ed.undo()
    bpy.context.view_layer.update()
    undone = drawn(latest)
    assert np.abs(undone - changed)[..., :3].max() > 0.1
    agree(undone, f12(tmp_path / "undone.png"))


def test_another_look_is_drawn_at_once(latest, sent):
    ball = objects()["ball"]
    for prompt in ("one", "two"):
        room("scene.looks").add_look(ball, red_look(ball, prompt, every=1 if prompt == "one" else 2))
    for active in (0, 1, -1, 0):
        ball.ft2os.active_look = active
        bpy.context.view_layer.update()
        assert drawn(latest) is not None
    files = [request["instances"][0]["look"] for request in sent]
    assert files[0] == files[3] != files[1]
    assert files[2] is None


def test_a_keyed_look_is_the_frames_own(shot, latest, sent):  # noqa: F811
    """Blender reports no change of the points then."""
    ball = objects()["ball"]
    for every in (1, 2):
        room("scene.looks").add_look(ball, red_look(ball, every=every))
    for frame, active in ((1, 0), (2, 1)):
        ball.ft2os.active_look = active
        ball.ft2os.keyframe_insert("active_look", frame=frame)
    pictures = []
    for frame in (1, 2, 1):
        shot.frame_set(frame)
        pictures.append(drawn(latest))
    files = [request["instances"][0]["look"] for request in sent]
    assert files[0] == files[2] != files[1]
    assert not np.array_equal(pictures[0], pictures[1])


def test_of_two_pictures_for_one_file_the_newer_is_drawn(shot):  # noqa: F811
    request, gather = room("render.request"), room("render.gather")
    instances = request.instances(gather.scene(bpy.context.evaluated_depsgraph_get()).items)
    view, film = camera_view(), gather.film(shot)
    large = request.shot(room("render.viewport").view_of(looking(shot.camera), 960, 640), film)
    busy, _ = request.ask(instances, large, "busy.f32")  # while it is drawn, the others wait
    pendings = []
    for move in (Matrix.Identity(4), Matrix.Translation((0.3, 0, 0))):
        shot.camera.matrix_world = move @ shot.camera.matrix_world
        bpy.context.view_layer.update()
        pending, path = request.ask(instances, request.shot(camera_view(), film), "shared.f32")
        pendings.append(pending)
    busy.wait(TIMEOUT)
    with pytest.raises(SupersededError):
        pendings[0].wait(TIMEOUT)
    pendings[1].wait(TIMEOUT)
    newest = request.picture(path, SIZE).copy()
    alone = request.draw(gather.scene(bpy.context.evaluated_depsgraph_get()).items, camera_view(), film)
    assert np.array_equal(newest, alone)
    assert not np.array_equal(newest, request.draw([], view, film))


def test_a_backend_that_dies_is_said_once_and_the_next_change_draws(shot, latest):  # noqa: F811
    before = drawn(latest)
    shot.camera.location.x += 0.1
    bpy.context.view_layer.update()
    pending = latest.ask(bpy.context.evaluated_depsgraph_get(), camera_view())
    manager().running().kill()
    assert pending.done_within(TIMEOUT)
    with pytest.raises(BackendError):
        latest.receive()
    assert drawn(latest) is None  # the same again would be the same error at every redraw
    shot.camera.location.x -= 0.1
    bpy.context.view_layer.update()
    assert np.abs(drawn(latest) - before).max() < 1e-5
