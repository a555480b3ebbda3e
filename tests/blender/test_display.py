"""The dots that stand for Gaussians while navigating: the same colours in EEVEE and Cycles, old files too."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from ft2os.gaussians import C0
from tests import scenes
from tests.blender.helpers import red_look, room

GREEN, RED = (0.1, 0.8, 0.2), (1.0, 0.0, 0.0)


@pytest.fixture
def green(tmp_path):
    """A green ball, with a camera that sees nothing else."""
    scenes.write_ply(tmp_path / "ball.ply", scenes.ball(800, colour=GREEN))
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "ball.ply"))
    obj = bpy.context.object
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.collection.objects.link(camera)
    camera.data.type, camera.data.ortho_scale = "ORTHO", 1.0
    camera.location = (0, 0, 5)
    scene = bpy.context.scene
    scene.camera = camera
    scene.render.resolution_x = scene.render.resolution_y = 24
    scene.render.resolution_percentage = 100
    return obj


def rendered(path) -> np.ndarray:
    """The mean colour of the dots in the picture's middle, as it is saved.  [3]"""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:]).reshape(24, 24, 4)[6:-6, 6:-6].reshape(-1, 4)
    return pixels[pixels[:, 3] == 1, :3].mean(axis=0)


def test_cycles_draws_the_colours_of_an_object_with_and_without_a_look(green, tmp_path):
    assert np.allclose(rendered(tmp_path / "own.png"), GREEN, atol=0.06)
    item = room("scene.looks").add_look(green, red_look(green))
    item.strength = 1.0
    room("scene.display").show(green)
    assert np.allclose(rendered(tmp_path / "look.png"), RED, atol=0.06)
    item.strength = 0.5
    room("scene.display").show(green)
    half = (np.array(GREEN) + RED) / 2
    assert np.allclose(rendered(tmp_path / "half.png"), half, atol=0.06)


def test_a_file_of_version_0_1_is_drawn_anew_when_it_is_opened(green, tmp_path):
    """Its material read how much of a look shows from an alpha, which is 1 in Cycles where there is none."""
    tree = bpy.data.materials["Splat Points"].node_tree
    strength = next(n for n in tree.nodes if getattr(n, "attribute_name", "") == "shown_strength")
    tree.nodes.remove(strength)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "old.blend"))
    assert np.allclose(rendered(tmp_path / "own.png"), GREEN, atol=0.06)


def test_what_shows_is_between_own_and_look(green):
    item = room("scene.looks").add_look(green, red_look(green))
    item.strength = 0.25
    room("scene.display").show(green)
    attributes = room("scene.attributes")
    assert np.allclose(attributes.read(green.data, "shown_strength"), 0.25)
    assert np.allclose(attributes.read(green.data, "shown")[:, 0] * C0 + 0.5, 1.0)
    green.ft2os.active_look = -1
    assert attributes.read(green.data, "shown_strength") is None
