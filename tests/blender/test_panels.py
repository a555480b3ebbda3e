"""Every panel draws, in every state: a layout that checks what it is asked for stands in for Blender's."""

from __future__ import annotations

import os
from types import SimpleNamespace

import bpy
import pytest

from tests.blender.helpers import make_active, red_look, room


class Layout:
    """Accepts what Blender's layout accepts: properties and operators that exist; remembers the words."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def _part(self, *args, **options) -> Layout:
        self.words.append(options.get("text") or options.get("heading") or "")
        return Layout(self.words)

    row = column = box = split = _part

    def prop(self, data, name: str, **options) -> None:
        assert name in data.bl_rna.properties, name
        self.words.append(options.get("text") or data.bl_rna.properties[name].name)

    def label(self, text: str = "", **options) -> None:
        self.words.append(text)

    def progress(self, factor: float, text: str) -> None:
        assert 0 <= factor <= 1
        self.words.append(text)

    def operator(self, name: str, text: str = "", **options) -> SimpleNamespace:
        kind, verb = name.split(".")
        self.words.append(text or getattr(getattr(bpy.ops, kind), verb).get_rna_type().name)
        return SimpleNamespace()

    def operator_menu_enum(self, name: str, prop: str, **options) -> None:
        self.operator(name)

    def template_list(self, *args, **options) -> None:
        self.words.append("list")

    def template_icon(self, icon_value: int, scale: float) -> None:
        assert icon_value
        self.words.append("thumbnail")


def drawn() -> dict[str, list[str]]:
    """The words of each panel that shows now."""
    found = {}
    for cls in room("ui.panels").CLASSES:
        if cls.poll(bpy.context) if hasattr(cls, "poll") else True:
            found[cls.bl_label] = words = []
            cls.draw(SimpleNamespace(layout=Layout(words)), bpy.context)
    return found


def test_an_empty_file_offers_the_import():
    assert any("Import" in word for word in drawn()["Splat Style"])
    assert "Advanced" not in drawn()


def test_each_method_shows_what_it_has(pair, tmp_path):
    make_active(pair["ball"])
    wanted = bpy.context.scene.ft2os
    wanted.advanced.start, wanted.advanced.geometry = "named", "ON"
    main, advanced = drawn()["Splat Style"], drawn()["Advanced"]
    assert "Stylize ball" in main
    assert "Picture" not in main
    assert {"Keep", "Pattern Size"} <= set(advanced)
    assert "Form" not in advanced
    wanted.method = "image"
    assert "Picture" in drawn()["Splat Style"]
    assert "Stroke Size" in drawn()["Advanced"]
    wanted.method = "clip"
    assert {"Pattern Size", "Start From", "Material", "Form", "Amount", "Hold Original"} <= set(
        drawn()["Advanced"]
    )
    wanted.preset = "paper"
    assert drawn()["Advanced"] == ["Hold Original"]


def test_a_look_and_several_selected_objects_are_named(pair):
    make_active(pair["ball"], pair["small ball"])
    room("scene.looks").add_look(pair["ball"], red_look(pair["ball"]))
    found = drawn()
    assert "Stylize 2 Objects" in found["Splat Style"]
    assert {"list", "Revert", "Strength"} <= set(found["Looks"])


def test_a_picture_that_is_not_there_has_no_thumbnail(pair, tmp_path):
    thumbnail = room("ui.thumbnail")
    assert thumbnail.icon("") == 0
    assert thumbnail.icon(str(tmp_path / "absent.png")) == 0
    assert thumbnail.icon(str(tmp_path)) == 0


@pytest.mark.skipif("FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed")
def test_jobs_are_listed_and_a_run_that_broke_off_is_offered(pair):
    from tests.blender.test_queue import begin, drive

    jobs = begin(pair["ball"], pair["small ball"])
    words = drawn()["Splat Style"]
    assert {"ball: lava", "small ball: lava", "Starting", "Waiting", "Cancel All"} <= set(words)
    bpy.ops.ft2os.cancel()
    drive(jobs)
    assert "Cancel All" not in drawn()["Splat Style"]
    checkpoints = room("jobs.checkpoints")
    name = checkpoints.new()
    checkpoints.path(name).write_bytes(b"state")
    checkpoints.keep(name, {"prompt": "molten glass", "method": "clip", "preset": "draft", "seed": 0})
    pair["ball"].ft2os.unfinished = name
    assert "Go On with molten glass" in drawn()["Splat Style"]
    checkpoints.drop(name)
    assert not any("Go On" in word for word in drawn()["Splat Style"])


def test_an_object_that_cannot_be_drawn_says_so_where_it_is_selected(pair):
    make_active(pair["ball"])
    pair["ball"].scale = (1, 2, 1)
    bpy.context.view_layer.update()
    words = " ".join(drawn()["Splat Style"])
    assert "ball is not drawn. The object is stretched" in words
    assert "same value on X, Y and Z" in words
    make_active(pair["small ball"])
    assert "is not drawn" not in " ".join(drawn()["Splat Style"])


def test_the_splats_engine_has_the_panels_that_it_needs():
    """Film and Depth are ours; Blender's own for the world and the compositor take the engine in."""
    for name in ("FT2OS_PT_film", "FT2OS_PT_passes"):
        panel = getattr(bpy.types, name)
        assert panel.poll(SimpleNamespace(engine="FT2OS_SPLATS"))
        assert not panel.poll(SimpleNamespace(engine="CYCLES"))
    for name in ("EEVEE_WORLD_PT_surface", "RENDER_PT_eevee_performance_compositor"):
        assert "FT2OS_SPLATS" in getattr(bpy.types, name).COMPAT_ENGINES, name
