"""What stands under the menu of editors: licence, size, what is lacking, the folder of views and its state.

Drawing asks nobody: the catalogue is data, what this machine has the backend's greeting told, and a folder is
looked at when it was chosen in this session, every other second.
"""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from ft2os.errors import Ft2osError
from ft2os.guidance.editors import catalogue, view_folder
from ft2os.stylize.controls import Entry, Menu

from .. import controls, preferences
from ..jobs.manager import manager
from ..ops import request

_FRESH_S = 2.0
_WRITTEN, _SERVER = "views", "comfyui"  # the entries whose folder Write Views makes, and of the Preferences
_state: tuple[str, float, str] = ("", -_FRESH_S, "")  # of which folder, when, in words


def draw(layout: bpy.types.UILayout, menu: Menu, entry: Entry) -> None:
    """The facts of the chosen editor, and what can be done about them."""
    rows = facts(menu, entry)
    if rows:
        column = layout.column(align=True)
        for label, value in rows:
            split = column.split(factor=0.35)
            split.label(text=label)
            split.label(text=value, translate=False)
    told = request.told_of(menu, entry)
    if entry.name in catalogue.rows():
        _weights(layout, entry, told)
    elif entry.name == _WRITTEN:
        _views(layout)
    if told is None and manager.running() is None and not entry.opens and entry.name != _SERVER:
        layout.operator("ft2os.test_backend", text="See What Is Here", icon="QUESTION")


def facts(menu: Menu, entry: Entry) -> list[tuple[str, str]]:
    """(label, value) rows about an editor of the catalogue, or about the one that "Automatic" takes."""
    if entry.name == _SERVER:
        return _server()
    told = request.told_of(menu, entry)
    if told is not None and told["title"] and entry.name not in catalogue.rows():
        rows = [("Takes", told["title"])]
        row = next((row for row in catalogue.rows().values() if row.title == told["title"]), None)
    else:
        rows, row = [], catalogue.rows().get(entry.name)
    if row is None:
        return rows
    size = f"{row.download.value / 1e9:.1f} GB" if row.download.value else "size unknown"
    here = "" if told is None else ", here" if told["here"] else ", not here"
    return [*rows, ("Licence", row.licence.name), ("Use", row.licence.use), ("Weights", f"{size}{here}")]


def _server() -> list[tuple[str, str]]:
    """What the Preferences say of the ComfyUI server."""
    prefs = preferences.get()
    workflow = Path(prefs.comfyui_workflow).name or "template for FLUX.2 klein, untested"
    return [("Server", prefs.comfyui_address), ("Workflow", workflow)]


def _weights(layout: bpy.types.UILayout, entry: Entry, told: dict | None) -> None:
    """The buttons that fetch and remove an editor's weights; the backend says first where they go."""
    row = layout.row(align=True)
    row.operator("wm.url_open", text="Page", icon="URL").url = catalogue.rows()[entry.name].page
    if told is not None and not told["here"]:
        row.operator("ft2os.fetch_editor", text="Fetch…", icon="IMPORT").name = entry.name
    if told is not None and told["fetched"]:
        row.operator("ft2os.remove_editor", text="Remove…", icon="TRASH").name = entry.name


def _views(layout: bpy.types.UILayout) -> None:
    """The buttons and the state of a folder of views."""
    folder = bpy.path.abspath(bpy.context.scene.ft2os.advanced.editor_views)
    row = layout.row(align=True)
    row.operator("ft2os.write_views", text="Write Views…", icon="RENDER_STILL")
    if not folder:
        return
    row.operator("wm.path_open", text="", icon="FOLDER_REDIRECT").filepath = folder
    if folder not in controls.chosen_paths:
        layout.operator("ft2os.look_at_views", icon="VIEWZOOM")
        return
    layout.label(text=state(folder), icon="IMAGE_DATA", translate=False)


def state(folder: str) -> str:
    """How many views of a folder are edited, in words."""
    global _state
    known, when, words = _state
    if known != folder or time.monotonic() - when > _FRESH_S:
        try:
            words = str(view_folder.state(folder))
        except Ft2osError as error:
            words = error.message
        _state = (folder, time.monotonic(), words)
    return words
