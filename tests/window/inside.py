"""Runs inside the Blender under test: carries out what the tests ask for, on the main thread.

Each request is a file of Python in the box; what it leaves in ``answer`` goes back as JSON, or its traceback.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

import bpy

BOX = os.path.dirname(os.path.abspath(__file__))
SPACE = {"bpy": bpy}  # the requests share one namespace
bpy.context.preferences.view.show_splash = False
bpy.context.preferences.view.smooth_view = 0  # what the tests read is there at once


def _view() -> dict:
    """The first 3D view, as `temp_override` wants it."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "area": area, "region": region}


def _room(name: str):
    return sys.modules[f"bl_ext.user_default.ft2os_blender.{name}"]


def _select(*names: str) -> None:
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj.name in names)
    bpy.context.view_layer.objects.active = bpy.data.objects[names[0]] if names else None


SPACE |= {"view": _view, "room": _room, "select": _select}


def _serve(name: str) -> None:
    path = os.path.join(BOX, name)
    with open(path, encoding="utf-8") as file:
        code = file.read()
    os.remove(path)
    SPACE["answer"] = None
    try:
        exec(compile(code, name, "exec"), SPACE)
        said = {"answer": SPACE["answer"]}
    except BaseException:
        said = {"error": traceback.format_exc()}
    answer = path.removesuffix(".py") + ".json"
    with open(answer + ".part", "w", encoding="utf-8") as file:
        json.dump(said, file, default=str)
    os.replace(answer + ".part", answer)


def _tick() -> float:
    for name in sorted(os.listdir(BOX)):
        if name.startswith("do-") and name.endswith(".py"):
            _serve(name)
    return 0.02


bpy.app.timers.register(_tick, first_interval=0.5, persistent=True)
with open(os.path.join(BOX, "ready"), "w"):
    pass
