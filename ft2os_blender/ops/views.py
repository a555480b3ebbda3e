"""Write an object's views for editing in any program, look at what came of them, open their folder."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import IntProperty, StringProperty

from ft2os.errors import RequestError
from ft2os.stylize.methods import METHODS

from .. import controls
from ..scene import objects
from . import request
from .listed import RequestJob
from .queue import push_undo, watch
from .report import guarded, tell

_VIEWS = 20  # where the preset names no number


class FT2OS_OT_write_views(bpy.types.Operator):
    """Write pictures of the active object, in its look, into a new folder: edit them in any program"""

    bl_idname = "ft2os.write_views"
    bl_label = "Write Views"
    bl_options = {"REGISTER"}

    directory: StringProperty(subtype="DIR_PATH")
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    views: IntProperty(name="Views", description="About how many pictures", default=_VIEWS, min=3, max=1000)
    pixels: IntProperty(name="Pixels", description="Side of a picture", default=512, min=64, max=2048)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not objects.is_splat(context.object):
            cls.poll_message_set("Select a splat object")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = context.scene.ft2os
        preset = METHODS[settings.method].preset(settings.preset).settings
        self.views = getattr(preset, "views", _VIEWS)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        obj, wanted = context.object, self.directory.strip()
        chosen = Path(bpy.path.abspath(wanted))
        if not wanted or not chosen.is_absolute():
            raise RequestError("No folder was named.", "Choose the folder that the views should go to.")
        out = _new(chosen, f"{obj.name} views")
        params = request.views(context, obj, out, self.views, self.pixels)

        def then(result: dict) -> None:
            point_to(bpy.context.scene, result["path"])
            tell(f"{result['views']} views are in {result['path']}; edit them, then press Stylize")

        watch([RequestJob(obj.name, "Write Views", "views", params, then)])
        return {"FINISHED"}


class FT2OS_OT_look_at_views(bpy.types.Operator):
    """See which pictures in the folder were edited; a folder named in a file is not touched before"""

    bl_idname = "ft2os.look_at_views"
    bl_label = "Count Edited Views"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        controls.chosen_paths.add(bpy.path.abspath(context.scene.ft2os.advanced.editor_views))
        return {"FINISHED"}


def point_to(scene: bpy.types.Scene, folder: str) -> None:
    """Let the editor of the next stylization be this folder of views."""
    turned = scene.ft2os.advanced
    turned.editor, turned.editor_views = "views", folder
    push_undo("Write Views")


def _new(chosen: Path, name: str) -> Path:
    """``chosen`` where it is a new or an empty folder, else a new one in it."""
    if not chosen.exists() or (chosen.is_dir() and not any(chosen.iterdir())):
        return chosen
    safe = bpy.path.clean_name(name)
    numbers = ("", *(f" {number}" for number in range(2, 1000)))
    return next((chosen / f"{safe}{n}" for n in numbers if not (chosen / f"{safe}{n}").exists()), chosen)


CLASSES = (FT2OS_OT_write_views, FT2OS_OT_look_at_views)
