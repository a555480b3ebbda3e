"""Editing by instruction from the panel: editors, a folder of views there and back, what a .blend keeps."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest

from ft2os.errors import RequestError
from tests.blender.helpers import make_active, room
from tests.blender.test_panels import drawn

needs_backend = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


def wanted() -> bpy.types.PropertyGroup:
    return bpy.context.scene.ft2os


def overrides() -> dict:
    prefs = room("preferences").get()
    return room("controls").overrides(wanted().advanced, wanted().method, wanted().preset, prefs)


@pytest.fixture
def edit(pair):
    """The ball, about to be edited; what is asked for is put back afterwards."""
    make_active(pair["ball"])
    wanted().method, wanted().prompt, wanted().preset = "edit", "lava", "draft"
    yield pair["ball"]
    prefs = room("preferences").get()
    for name in ("comfyui_address", "comfyui_workflow"):
        prefs.property_unset(name)


def test_what_is_turned_is_sent_and_the_rest_is_left_to_the_preset(edit, tmp_path):
    assert overrides() == {}
    turned = wanted().advanced
    turned.editor, turned.instruction, turned.from_material = "klein-4b", " Melt it ", True
    turned.keep_edits = str(tmp_path / "edits")
    assert overrides() == {
        "editor": "klein-4b",
        "instruction": "Melt it",
        "start": "material",
        "edits": str(tmp_path / "edits"),
    }
    turned.editor, turned.editor_views = "views", str(tmp_path)
    assert overrides()["editor"] == str(tmp_path)
    turned.editor, turned.editor_model = "model", "//weights"
    with pytest.raises(RequestError, match=r"counts from the \.blend"):
        overrides()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "here.blend"))
    assert overrides()["editor"] == str(tmp_path / "weights")
    turned.editor_model = ""
    with pytest.raises(RequestError, match="none is named"):
        overrides()


def test_a_servers_address_is_the_artists_and_no_files(edit, tmp_path):
    wanted().advanced.editor = "comfyui"
    prefs = room("preferences").get()
    assert overrides() == {"editor": "comfyui"}
    prefs.comfyui_address, prefs.comfyui_workflow = "http://render:8188", str(tmp_path / "flow.json")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "theirs.blend"))
    prefs.comfyui_address = "http://mine:8188"
    assert {"http://mine:8188", "flow.json"} <= set(drawn()["Splat Style"])
    prefs.property_unset("comfyui_workflow")
    assert any("untested" in word for word in drawn()["Splat Style"])
    prefs.comfyui_workflow = str(tmp_path / "flow.json")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "theirs.blend"))
    assert overrides() == {
        "editor": "comfyui",
        "address": "http://mine:8188",
        "workflow": str(tmp_path / "flow.json"),
    }


def test_a_file_keeps_what_was_chosen(edit, tmp_path):
    turned = wanted().advanced
    turned.editor, turned.editor_views, turned.editor_model = "views", "/views", "/model"
    turned.instruction, turned.from_material, turned.keep_edits = "Melt it", True, "/edits"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "here.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "here.blend"))
    turned = wanted().advanced
    assert (wanted().method, turned.editor, turned.editor_views, turned.editor_model) == (
        "edit", "views", "/views", "/model",
    )  # fmt: skip
    assert (turned.instruction, turned.from_material, turned.keep_edits) == ("Melt it", True, "/edits")


def test_the_instruction_that_counts_stands_in_its_empty_field(edit):
    asked = {}

    class Layout:
        def prop(self, data, name: str, **options) -> None:
            asked[name] = options.get("placeholder")

    room("controls").draw(Layout(), wanted().advanced, "edit", "draft", "panel", words=("lava", "truck"))
    assert asked["instruction"] == "Turn the truck into lava"


def test_the_panel_says_what_an_editor_may_be_used_for(edit):
    wanted().advanced.editor = "kontext"
    words = drawn()["Splat Style"]
    assert {"FLUX.1 [dev] Non-Commercial License", "no commercial use", "33.7 GB", "Page"} <= set(words)
    assert "See What Is Here" in words  # no backend runs yet, and drawing starts none
    assert room("jobs.manager").manager.running() is None
    assert {"Start from Material", "Keep Edits"} <= set(drawn()["Advanced"])
    wanted().method = "material"
    assert "Editor" not in drawn()["Splat Style"]


@needs_backend
def test_what_an_editor_lacks_is_said_before_stylize_is_pressed(edit, monkeypatch):
    wanted().advanced.editor = "kontext"
    monkeypatch.setenv("FT2OS_MEMORY", "1000000000")
    bpy.ops.ft2os.test_backend()
    words = drawn()["Splat Style"]
    assert {"33.7 GB, not here", "Fetch…"} <= set(words)
    assert "See What Is Here" not in words
    assert any("FLUX.1 Kontext" in word and word != "FLUX.1 Kontext [dev]" for word in words)  # the reason
    assert not bpy.ops.ft2os.stylize.poll()
    wanted().advanced.editor = "comfyui"
    assert bpy.ops.ft2os.stylize.poll()


@needs_backend
def test_weights_are_fetched_with_a_licence_and_a_network_that_are_allowed(edit, monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path / "weights"))
    assert not bpy.app.online_access
    assert not bpy.ops.ft2os.fetch_editor.poll()
    bpy.context.preferences.system.use_online_access = True
    try:
        with pytest.raises(RuntimeError, match="was not accepted"):
            bpy.ops.ft2os.fetch_editor(name="ip2p")
        with pytest.raises(RuntimeError, match="no editor"):
            bpy.ops.ft2os.fetch_editor(name="../..", accept=True)
    finally:
        bpy.context.preferences.system.use_online_access = False
    assert not (tmp_path / "weights").exists()


@needs_backend
def test_downloaded_weights_are_removed_and_the_panel_knows(edit, monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    found = tmp_path / "editors" / "ip2p"
    found.mkdir(parents=True)
    (found / "model_index.json").write_text("{}")
    (found / "ft2os.json").write_text(
        '{"hub": "a/b", "revision": "1", "licence": "theirs", "complete": true}'
    )
    wanted().advanced.editor = "ip2p"
    bpy.ops.ft2os.test_backend()
    assert {"4.3 GB, here", "Remove…"} <= set(drawn()["Splat Style"])
    assert bpy.ops.ft2os.remove_editor(name="ip2p") == {"FINISHED"}
    assert not found.exists()
    assert {"4.3 GB, not here", "Fetch…"} <= set(drawn()["Splat Style"])


# The folder of views.

ORANGE = (230, 90, 20)


def paint(folder: Path, script: str) -> None:
    """Change the views outside of Blender: ``script`` gets an image ``i`` and gives another one."""
    code = f"""
import sys
from pathlib import Path
from PIL import Image, ImageOps
for path in sorted(Path(sys.argv[1]).glob("view_*.png")):
    i = Image.open(path).convert("RGB")
    ({script}).save(path)
"""
    subprocess.run([os.environ["FT2OS_PYTHON"], "-c", code, str(folder)], check=True)


def pixels(path: Path) -> np.ndarray:
    """A picture as it is stored.  [H, W, 3], 0..1"""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    values = np.array(image.pixels[:], np.float32).reshape(height, width, -1)[..., :3]
    bpy.data.images.remove(image)
    return values


def write(folder: Path, views: int = 8) -> Path:
    assert bpy.ops.ft2os.write_views(directory=str(folder), views=views, pixels=96) == {"FINISHED"}
    return Path(wanted().advanced.editor_views)


@needs_backend
def test_views_go_out_and_what_came_of_them_becomes_a_look(edit, tmp_path):
    before = room("scene.objects").read_gaussians(edit)
    folder = write(tmp_path / "views")
    assert folder == tmp_path / "views"
    assert wanted().advanced.editor == "views"
    views = len(list(folder.glob("view_*.png")))
    assert f"0 of {views} views edited" in drawn()["Splat Style"]
    paint(folder, f"Image.blend(i, Image.new('RGB', i.size, {ORANGE}), 0.7)")
    room("ui.editors")._state = ("", 0.0, "")  # two seconds later
    assert f"{views} of {views} views edited" in drawn()["Splat Style"]
    assert bpy.ops.ft2os.stylize() == {"FINISHED"}
    again = write(tmp_path / "again", views=14)  # the look, mostly from other sides
    errors = []
    for path in again.glob("view_*.png"):
        shown, own = pixels(path), pixels(again / "originals" / path.name)
        inside = pixels(again / "masks" / path.name)[..., 0] > 0.95
        wanted_here = 0.3 * own[inside] + 0.7 * np.array(ORANGE) / 255
        errors.append(np.abs(shown[inside] - wanted_here).mean())
        assert np.abs(own[inside] - wanted_here).mean() > 0.15
    assert np.mean(errors) < 0.05, errors
    bpy.ops.ft2os.look_revert()
    assert room("scene.objects").read_gaussians(edit).sh.tobytes() == before.sh.tobytes()


@needs_backend
def test_the_next_rounds_views_show_the_look(edit, tmp_path):
    from tests.blender.helpers import red_look

    room("scene.looks").add_look(edit, red_look(edit))
    (tmp_path / "thesis.txt").write_text("years")
    folder = write(tmp_path)
    assert folder == tmp_path / "ball_views"  # what lies in the chosen folder stays alone in it
    assert (folder / "given" / "view_000.png").is_file()
    assert write(tmp_path) == tmp_path / "ball_views 2"


@needs_backend
def test_a_file_that_was_opened_has_no_folder_looked_at(edit, tmp_path):
    folder = write(tmp_path / "views")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "theirs.blend"))
    room("controls").chosen_paths.clear()  # another session
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "theirs.blend"))
    make_active(bpy.data.objects["ball"])
    words = drawn()["Splat Style"]
    assert "Count Edited Views" in words
    assert not any("views edited" in word for word in words)
    bpy.ops.ft2os.look_at_views()
    views = len(list(folder.glob("view_*.png")))
    assert f"0 of {views} views edited" in drawn()["Splat Style"]


def test_a_folder_that_is_gone_is_said_where_it_is_chosen(edit, tmp_path):
    turned = wanted().advanced
    turned.editor, turned.editor_views = "views", str(tmp_path / "gone")
    assert any("no folder of views" in word for word in drawn()["Splat Style"])
