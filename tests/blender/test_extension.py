"""The extension as a package: manifest, registering and leaving, and what the panels know."""

from __future__ import annotations

import json
import sys
import tomllib
import zipfile

import bpy
import pytest

from tests.blender.conftest import MODULE, _zip
from tests.blender.helpers import counted_calls, make_active, red_look, room


def test_the_zip_carries_pure_wheels_only():
    with zipfile.ZipFile(_zip()) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    wheels = [name for name in names if name.endswith(".whl")]
    assert len(wheels) == 2
    assert all(name.endswith("-none-any.whl") for name in wheels)
    assert sorted(manifest["wheels"]) == sorted(f"./{name}" for name in wheels)
    assert "LICENSE" in names


def test_disabling_leaves_nothing_and_enabling_works_again():
    bpy.ops.preferences.addon_disable(module=MODULE)
    assert not hasattr(bpy.types.Scene, "ft2os")
    assert not hasattr(bpy.types, "FT2OS_PT_main")
    assert not any(hasattr(getattr(bpy.types, kind), "ft2os") for kind in ("Object", "WindowManager"))
    drawn = bpy.types.TOPBAR_MT_file_import.draw._draw_funcs
    assert not any("ft2os" in function.__module__ for function in drawn)
    bpy.ops.preferences.addon_enable(module=MODULE)
    assert bpy.context.scene.ft2os.method == "material"
    assert bpy.types.FT2OS_PT_main.bl_category == "Splat Style"


def test_nothing_heavy_is_imported():
    assert not {"torch", "numba", "scipy"} & set(sys.modules)


def test_every_class_keeps_blenders_naming(extension):
    for cls in extension.CLASSES:
        assert cls.__name__.startswith("FT2OS_"), cls
        assert cls.__doc__, cls


def test_panels_say_what_is_there(pair):
    facts = room("ui.facts")
    ball = pair["ball"]
    assert ("Gaussians", "150") in facts.object_facts(ball)
    assert ("Group", "ball (3)") in facts.object_facts(ball)
    assert ("Objects", "3, 230 Gaussians") in facts.scene_facts(ball)
    assert ("File", "pair.ply") in facts.scene_facts(ball)
    item = room("scene.looks").add_look(ball, red_look(ball))
    assert ("Shows", "Bright red") in facts.look_facts(item)
    assert ("Took", "2 s") in facts.look_facts(item)
    item.stats = "no JSON"
    assert facts.look_facts(item)


def test_long_messages_wrap():
    text = "The backend stopped unexpectedly and the scene is unchanged."
    lines = room("ui.facts").wrapped(text, 20)
    assert max(map(len, lines)) <= 20
    assert " ".join(lines) == text


@pytest.mark.parametrize(("seconds", "words"), [(-1, ""), (0.1, ""), (8.4, "8 s"), (180, "3 min")])
def test_remaining_time_in_words(seconds, words):
    assert room("ui.facts").remaining(seconds) == words


def test_what_a_panel_asks_is_little_work(pair):
    """Panels ask at every redraw: some hundred calls are a fraction of a millisecond."""
    make_active(pair["ball"])
    facts, state = room("ui.facts"), room("setup.state")
    state.backend()
    with counted_calls() as calls:
        state.backend()
        facts.object_facts(pair["ball"])
        facts.scene_facts(pair["ball"])
    assert sum(calls.values()) < 1000
    assert not {"foreach_get", "open", "stat", "listdir", "scandir", "Popen"} & calls.keys()


def test_presets_follow_the_method():
    wanted = bpy.context.scene.ft2os
    with pytest.raises(TypeError):
        wanted.preset = "paper"
    wanted.method = "clip"
    wanted.preset = "paper"
    wanted.method = "material"
    assert wanted.preset == "standard"


def test_polls_explain_themselves(pair):
    make_active(pair["ball"])
    assert bpy.ops.ft2os.stylize.poll()
    make_active(pair["ball"].parent)
    assert not bpy.ops.ft2os.stylize.poll()
    assert not bpy.ops.ft2os.look_revert.poll()
    assert not bpy.ops.ft2os.cancel.poll()
    assert bpy.ops.ft2os.export_scene.poll()


def test_the_labels_of_the_file_are_kept(pair):
    assert json.loads(pair["ball"].parent.ft2os.labels) == {"3": "ball", "7": "small ball"}


def test_the_colour_management_fix():
    view = bpy.context.scene.view_settings
    bpy.context.scene.display_settings.display_device = "sRGB"
    view.view_transform = "AgX"
    bpy.ops.ft2os.fix_colour_management()
    assert view.view_transform == "Standard"


def test_the_manifest_has_the_version_of_ft2os():
    import ft2os

    with zipfile.ZipFile(_zip()) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert manifest["version"] == ft2os.__version__
    assert f"./wheels/ft2os-{ft2os.__version__}-py3-none-any.whl" in manifest["wheels"]
