"""F12: the same pixels as ``ft2os render``, with Blender's cameras, transforms, visibility and passes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from ft2os import looks, transforms
from ft2os.cameras import inria, look_at
from ft2os.cameras.camera import Camera
from ft2os.gaussians import C0, Gaussians, concatenate
from tests import scenes
from tests.blender.exr import read_exr
from tests.blender.helpers import in_scene, red_look, room

SIZE = (120, 80)
TOLERANCE = 2.001 / 255  # of values that 8 bits hold


def capture(eye=(0.4, -0.8, -5.0), centre=(63.0, 37.5)) -> Camera:
    """A view of the origin whose principal point is not the picture's centre."""
    K = np.array([[110, 0, centre[0]], [0, 110, centre[1]], [0, 0, 1]], np.float32)
    viewmat = look_at(np.array(eye), np.zeros(3), np.array([0.0, -1.0, 0.0])).astype(np.float32)
    return Camera(viewmat, K, *SIZE, "view")


@pytest.fixture
def shot(two_groups_ply):
    """The two groups, imported with a camera, ready to render."""
    inria.write(two_groups_ply.with_name("cameras.json"), [capture()])
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    prepare()
    return bpy.context.scene


def prepare() -> None:
    scene = bpy.context.scene
    scene.render.engine = "FT2OS_SPLATS"
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100


def f12(path: Path) -> np.ndarray:
    """Render and read back what was saved.  [H, W, 4], top row first"""
    scene = bpy.context.scene
    scene.render.filepath = str(path)
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    bpy.ops.render.render(write_still=True)
    return pixels(path)


def pixels(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    values = np.array(image.pixels[:], np.float32).reshape(image.size[1], image.size[0], 4)[::-1]
    bpy.data.images.remove(image)
    return values


def command_line(ply: Path, out: Path, background: str = "black", *options: str) -> np.ndarray:
    """The same view drawn by ``ft2os render``.  [H, W, 3]"""
    cameras = ply.with_name("cameras.json")
    command = [os.environ["FT2OS_PYTHON"], "-m", "ft2os", "render", ply, "--cameras", cameras, "--out", out]
    subprocess.run([*command, "--background", background, *options], check=True, stdout=subprocess.PIPE)
    return pixels(out / "view.png")[..., :3]


def objects() -> dict[str, bpy.types.Object]:
    return {obj.name: obj for obj in bpy.data.objects if obj.type == "POINTCLOUD"}


def manager():
    return room("jobs.manager").manager


def test_f12_is_what_the_command_line_renders(tmp_path, shot, two_groups_ply):
    expected = command_line(two_groups_ply, tmp_path / "cli")
    picture = f12(tmp_path / "f12.png")
    assert np.ptp(expected) > 0.3
    assert np.abs(picture[..., :3] - expected).max() <= TOLERANCE
    assert (picture[..., 3] == 1).all()


def test_antialiased_is_what_the_command_line_renders_antialiased(tmp_path, shot, two_groups_ply):
    shot.ft2os.antialiased = True
    plain = command_line(two_groups_ply, tmp_path / "plain")
    expected = command_line(two_groups_ply, tmp_path / "cli", "black", "--antialiased")
    assert np.abs(expected - plain).max() > 4 / 255
    assert np.abs(f12(tmp_path / "f12.png")[..., :3] - expected).max() <= TOLERANCE


def test_a_transparent_film_keeps_colour_and_alpha(tmp_path, shot, two_groups_ply):
    shot.render.film_transparent = True
    black = command_line(two_groups_ply, tmp_path / "black")
    white = command_line(two_groups_ply, tmp_path / "white", "white")
    picture = f12(tmp_path / "f12.png")
    alpha = 1 - (white - black).mean(axis=2)
    assert np.abs(picture[..., 3] - alpha).max() <= TOLERANCE
    # Colour and alpha were each rounded to 8 bits before they are multiplied here.
    assert np.abs(picture[..., :3] * picture[..., 3:] - black).max() <= TOLERANCE + 0.5 / 255


def test_the_world_is_the_background(tmp_path, shot, two_groups_ply):
    expected = command_line(two_groups_ply, tmp_path / "cli", "white")
    shot.world = bpy.data.worlds.new("World")
    shot.world.color = (1, 1, 1)
    if shot.world.use_nodes:
        node = next(n for n in shot.world.node_tree.nodes if n.type == "BACKGROUND")
        node.inputs["Color"].default_value = (1, 1, 1, 1)
    assert np.abs(f12(tmp_path / "f12.png")[..., :3] - expected).max() <= TOLERANCE


def test_moving_everything_together_changes_nothing(tmp_path, shot):
    before = f12(tmp_path / "before.png")
    root = next(obj for obj in bpy.data.objects if obj.ft2os.is_root)
    move = Matrix.Translation((3, -1, 2)) @ Matrix.Rotation(0.7, 4, (1, 2, 3)) @ Matrix.Scale(2.5, 4)
    root.matrix_basis = move @ root.matrix_basis  # objects and camera are its children
    assert np.abs(f12(tmp_path / "after.png") - before).max() <= TOLERANCE


def test_turning_an_object_turns_its_view_dependent_colour(tmp_path, shot):
    """One object turned under a still camera looks like a camera turned around a still object."""
    for name, obj in objects().items():
        obj.hide_render = name != "ball"
    turn = Matrix.Rotation(1.1, 4, (0.3, 1, 0.2))
    camera, ball = shot.camera, objects()["ball"]
    camera_at = camera.matrix_world.copy()
    ball.matrix_world = turn @ ball.matrix_world
    turned = f12(tmp_path / "turned.png")
    ball.matrix_world = turn.inverted() @ ball.matrix_world
    camera.matrix_world = turn.inverted() @ camera_at
    bpy.context.view_layer.update()
    assert np.abs(f12(tmp_path / "camera.png") - turned).max() <= TOLERANCE


def test_hidden_objects_are_not_drawn_and_holdouts_cut_holes(tmp_path, shot):
    shot.render.film_transparent = True
    objects()["Rest"].hide_render = True
    whole = f12(tmp_path / "whole.png")
    ball = objects()["ball"]
    ball.hide_render = True
    without = f12(tmp_path / "without.png")
    ball.hide_render = False
    ball.is_holdout = True
    held = f12(tmp_path / "held.png")
    assert without[..., 3].sum() < 0.8 * whole[..., 3].sum()
    assert held[..., 3].sum() <= without[..., 3].sum() + 1  # what the hole hides is gone too
    assert held[..., 3].max() > 0.3
    alone = whole[..., 3] - without[..., 3] > 0.5
    assert alone.any()
    assert held[..., 3][alone].max() < 0.5


def test_instances_of_a_collection_are_drawn_where_they_stand(tmp_path, shot):
    shot.render.film_transparent = True
    for name, obj in objects().items():
        obj.hide_render = name != "small ball"
    source = objects()["small ball"]
    folder = bpy.data.collections.new("instanced")
    folder.objects.link(source)
    alone = f12(tmp_path / "alone.png")
    empty = bpy.data.objects.new("copy", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", folder
    empty.matrix_world = Matrix.Translation((-2.4, 0, 0))
    shot.collection.objects.link(empty)
    twice = f12(tmp_path / "twice.png")
    assert twice[..., 3].sum() > 1.5 * alone[..., 3].sum()


def wall(distance: float) -> Gaussians:
    """An opaque wall across the view, ``distance`` in front of a camera at the origin."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-2, 2, 41), np.linspace(-2, 2, 41)))
    n = len(x)
    return Gaussians(
        means=np.stack([x, y, np.full(n, distance)], axis=1).astype(np.float32),
        quats=np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        scales=np.tile(np.float32([0.06, 0.06, 0.001]), (n, 1)),
        opacities=np.full(n, 0.95, np.float32),
        sh=np.full((n, 1, 3), 0.3 / C0, np.float32),
    )


def test_depth_is_planar_and_far_where_nothing_is(tmp_path):
    path = tmp_path / "wall.ply"
    scenes.write_ply(path, wall(3.0))
    K = np.array([[60, 0, 60], [0, 60, 40], [0, 0, 1]], np.float32)
    inria.write(path.with_name("cameras.json"), [Camera(np.eye(4, dtype=np.float32), K, *SIZE, "view")])
    bpy.ops.ft2os.import_scene(filepath=str(path))
    prepare()
    scene = bpy.context.scene
    scene.view_layers[0].use_pass_z = True
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER"
    settings.color_depth, settings.exr_codec = "32", "NONE"
    if hasattr(settings, "use_exr_interleave"):
        settings.use_exr_interleave = True  # one part, as before 5.0
    scene.render.filepath = str(tmp_path / "passes.exr")
    bpy.ops.render.render(write_still=True)
    channels = read_exr(tmp_path / "passes.exr")
    depth = next(values for name, values in channels.items() if name.endswith(("Depth.Z", "Depth.V")))
    assert depth.shape == (SIZE[1], SIZE[0])
    np.testing.assert_allclose(depth[25:55, 25:95], 3.0, atol=0.01)  # also off the axis: not a ray's length
    assert (depth[:, :5] == np.float32(1e10)).all()


def test_an_animation_moves_camera_and_objects(tmp_path, shot):
    ball = objects()["small ball"]
    shot.frame_start, shot.frame_end = 1, 3
    for frame, x in ((1, 0.0), (3, 1.0)):
        ball.location.x = x
        ball.keyframe_insert("location", frame=frame)
        shot.camera.data.shift_x = 0.05 * x
        shot.camera.data.keyframe_insert("shift_x", frame=frame)
    shot.render.filepath = str(tmp_path / "frame_")
    shot.render.image_settings.file_format = "PNG"
    bpy.ops.render.render(animation=True)
    frames = [pixels(tmp_path / f"frame_{i:04d}.png") for i in (1, 2, 3)]
    assert np.abs(frames[0] - frames[1]).max() > 0.1
    shot.frame_set(2)
    assert np.abs(f12(tmp_path / "still.png") - frames[1]).max() <= TOLERANCE


def test_a_keyed_strength_fades_a_look_in(tmp_path, shot):
    shot.frame_start, shot.frame_end = 1, 3
    ball = objects()["ball"]
    plain = f12(tmp_path / "plain.png")
    item = room("scene.looks").add_look(ball, red_look(ball))
    for frame, strength in ((1, 0.0), (3, 1.0)):
        item.strength = strength
        item.keyframe_insert("strength", frame=frame)
    shot.render.filepath = str(tmp_path / "frame_")
    bpy.ops.render.render(animation=True)
    frames = [pixels(tmp_path / f"frame_{i:04d}.png") for i in (1, 2, 3)]
    assert np.abs(frames[0] - plain).max() <= TOLERANCE  # strength 0 is the object itself
    red = [(frame[..., 0] - frame[..., 1]).mean() for frame in frames]
    assert red[0] < red[1] < red[2]
    assert red[2] - red[0] > 0.05


def test_a_keyed_look_that_moves_and_turns_colour_is_what_the_command_line_renders(
    tmp_path, shot, two_groups_ply
):
    """Half way between two keys: target geometry and view-dependent bands blend as in the backend."""
    ball = objects()["ball"]
    rng = np.random.default_rng(5)
    look = red_look(ball, every=2)
    n = len(look)
    target = {
        "means": look.means + np.float32([0.3, -0.2, 0.1]),
        "quats": np.roll(look.quats, 1, axis=1),
        "scales": look.scales * np.float32([2.5, 0.6, 1.5]),
        "opacities": look.opacities * np.float32(0.6),
    }
    sh = rng.normal(scale=0.4, size=(n, 3, 3)).astype(np.float32)
    look = replace(look, dc0=look.dc * np.float32(0.3), target=target, sh=sh)
    item = room("scene.looks").add_look(ball, look)
    for frame, strength in ((1, 0.0), (3, 1.0)):
        item.strength = strength
        item.keyframe_insert("strength", frame=frame)
        for curve_list in room("scene.animation")._curve_lists(ball.animation_data.action):
            for curve in curve_list:
                for point in curve.keyframe_points:
                    point.interpolation = "LINEAR"
    shot.frame_set(2)
    assert item.strength == pytest.approx(0.5)
    picture = f12(tmp_path / "f12.png")

    own = room("scene.objects").read_gaussians(ball)
    half = [in_scene(obj) for name, obj in objects().items() if name != "ball"]
    half.append(transforms.apply(looks.apply(own, look, 0.5), np.array(ball.matrix_basis)))
    ply = tmp_path / "half" / "half.ply"
    ply.parent.mkdir()
    scenes.write_ply(ply, concatenate([part.replace(group=None, row=None) for part in half]))
    inria.write(ply.with_name("cameras.json"), [capture()])
    expected = command_line(ply, tmp_path / "cli")
    assert np.abs(expected - command_line(two_groups_ply, tmp_path / "plain")).max() > 0.2
    assert np.abs(picture[..., :3] - expected).max() <= TOLERANCE


def test_a_border_and_a_percentage_cut_and_scale_the_same_picture(tmp_path, shot):
    whole = f12(tmp_path / "whole.png")
    render = shot.render
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x = 0.25, 0.75
    render.border_min_y, render.border_max_y = 0.5, 1.0
    part = f12(tmp_path / "part.png")
    assert part.shape[:2] == (40, 60)
    assert np.abs(part - whole[:40, 30:90]).max() <= TOLERANCE
    render.use_crop_to_border = False
    framed = f12(tmp_path / "framed.png")
    assert framed.shape == whole.shape
    assert np.abs(framed[:40, 30:90] - whole[:40, 30:90]).max() <= TOLERANCE
    render.use_border = False
    render.resolution_percentage = 50
    assert f12(tmp_path / "half.png").shape[:2] == (40, 60)


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
def test_lens_sensor_fit_shift_and_pixel_aspect_follow_blenders_own_projection(shot, fit):
    views = room("scene.views")
    lens = shot.camera.data
    lens.sensor_fit, lens.sensor_width, lens.sensor_height, lens.lens = fit, 30, 20, 41
    lens.shift_x, lens.shift_y = 0.1, -0.2
    shot.render.pixel_aspect_x, shot.render.pixel_aspect_y = 1.0, 1.3
    depsgraph = bpy.context.evaluated_depsgraph_get()
    view = views.camera_view(shot.camera.evaluated_get(depsgraph), depsgraph, *SIZE)
    for point in ((0.3, 0.2, -0.4), (-0.5, 0.1, 0.9)):
        inside = view.viewmat @ room("scene.axes").TO_BLENDER.T @ [*point, 1]
        u, v, w = view.K @ inside[:3]
        assert w > 0
        projection = shot.camera.calc_matrix_camera(depsgraph, x=SIZE[0], y=SIZE[1], scale_x=1.0, scale_y=1.3)
        clip = projection @ shot.camera.matrix_world.inverted() @ Vector((*point, 1))
        assert u / w == pytest.approx((clip.x / clip.w + 1) / 2 * SIZE[0], abs=0.01)
        assert v / w == pytest.approx((1 - clip.y / clip.w) / 2 * SIZE[1], abs=0.01)


def render_and_catch() -> str:
    """Render once; what was reported."""
    try:
        bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        return str(error)
    return ""


def test_without_a_backend_the_render_says_so_and_blender_goes_on(tmp_path, shot, monkeypatch):
    ids = {name: obj.as_pointer() for name, obj in objects().items()}
    good = os.environ["FT2OS_PYTHON"]
    monkeypatch.setenv("FT2OS_PYTHON", str(tmp_path / "absent"))
    room("setup.state").forget()
    shot.render.filepath = str(tmp_path / "none.png")
    said = render_and_catch()
    assert said.count("cannot be run as a Python") == 1, said
    session = bpy.context.window_manager.ft2os
    assert "cannot be run as a Python" in session.error
    assert session.hint
    assert {name: obj.as_pointer() for name, obj in objects().items()} == ids
    monkeypatch.setenv("FT2OS_PYTHON", good)
    room("setup.state").forget()
    assert np.ptp(f12(tmp_path / "again.png")[..., :3]) > 0.1
    assert session.error == ""


def test_a_picture_without_room_on_the_disk_is_said_and_kills_no_backend(tmp_path, shot, full_disk):
    shot.render.resolution_percentage = 20
    f12(tmp_path / "small.png")
    worker = manager().running()
    shot.render.resolution_percentage = 100
    with full_disk(100_000):
        said = render_and_catch()
    assert "Cannot write" in said
    assert "Cannot write" in bpy.context.window_manager.ft2os.error
    assert manager().running() is worker


def test_a_killed_backend_is_replaced_at_the_next_render(tmp_path, shot):
    before = f12(tmp_path / "before.png")
    manager().running()._process.kill()
    after = f12(tmp_path / "after.png")
    assert np.abs(after - before).max() <= TOLERANCE


def test_a_stretched_object_is_named_and_the_others_are_drawn(tmp_path, shot, capfd):
    rest = f12(tmp_path / "all.png")
    objects()["ball"].hide_render = True
    expected = f12(tmp_path / "without.png")
    assert np.abs(rest - expected).max() > 0.2
    objects()["ball"].hide_render, objects()["ball"].scale = False, (1, 2, 1)
    picture = f12(tmp_path / "stretched.png")
    assert np.abs(picture - expected).max() <= TOLERANCE
    said = "ball is not drawn. The object is stretched or sheared"
    assert said in capfd.readouterr().out
    session = bpy.context.window_manager.ft2os
    assert said in session.error
    assert "same value on X, Y and Z" in session.hint
    objects()["ball"].scale = (1, 1, 1)
    assert np.abs(f12(tmp_path / "again.png") - rest).max() <= TOLERANCE
    assert session.error == ""


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda scene: setattr(scene.camera.data, "type", "ORTHO"), "perspective"),
        (lambda scene: bpy.data.objects.remove(scene.camera), "camera"),
    ],
    ids=["orthographic", "no-camera"],
)
def test_what_cannot_be_drawn_is_said(tmp_path, shot, change, word):
    change(shot)
    shot.render.filepath = str(tmp_path / "none.png")
    assert word in render_and_catch().replace("\n", " ")
