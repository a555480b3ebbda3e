"""File > Export > Gaussian Splats, and a collection's exporter: the objects as they are shown."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ft2os.errors import RequestError
from ft2os.formats import registry

from ..scene import build, collect, files, objects
from .convert import ConvertJob
from .queue import watch
from .report import guarded, show_error, tell

WHAT = [
    ("SELECTED", "Selected", "The selected splat objects"),
    ("SCENE", "Imported Scene", "All splat objects of the imported scene that the active object belongs to"),
    ("COLLECTION", "Collection", "All splat objects of the active collection"),
    ("ALL", "Everything", "All splat objects of this Blender scene"),
]
FORMATS = [
    (f.name.upper(), f"{f.title} ({f.endings[0]})", f"Loses {f.lost() or 'nothing'}")
    for f in registry.written()
]
GLOB = ";".join(f"*{f.endings[0]}" for f in registry.written())


def _format_changed(self: bpy.types.OperatorProperties, context: bpy.types.Context) -> None:
    self.filepath = _with_ending(self.filepath, self.format)


class FT2OS_OT_export_scene(bpy.types.Operator, ExportHelper):
    """Write splat objects to a file: looks applied, transforms baked; in a PLY untouched rows bit for bit"""

    bl_idname = "ft2os.export_scene"
    bl_label = "Export Splats"
    bl_options = {"REGISTER", "PRESET"}

    filename_ext = ".ply"
    check_extension = None  # the format decides, in `check`
    filter_glob: StringProperty(default=GLOB, options={"HIDDEN"})
    what: EnumProperty(name="Export", items=WHAT, default="SCENE")
    format: EnumProperty(name="Format", items=FORMATS, default="PLY", update=_format_changed)
    with_looks: BoolProperty(name="Apply Looks", description="At the strength of this frame", default=True)
    collection: StringProperty(name="Collection", options={"HIDDEN"})  # set by a collection's exporter

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not objects.splats(context.scene.objects):
            cls.poll_message_set("The scene has no splat objects")
            return False
        return True

    def check(self, context: bpy.types.Context) -> bool:
        wanted = _with_ending(self.filepath, self.format)
        changed, self.filepath = wanted != self.filepath, wanted
        return changed

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        context.view_layer.update()  # world matrices of what was moved a moment ago
        collected = collect.collect(self._objects(context), with_looks=self.with_looks)
        path = Path(bpy.path.abspath(self.filepath))
        saved = files.save(
            path, collected.gaussians, labels=collected.labels or None, inherit=collected.inherit
        )
        message = f"Exported {len(collected.gaussians):,} Gaussians to {path.name}"
        file_format = saved.file_format if isinstance(saved, files.Conversion) else saved
        message += f"; lost: {file_format.lost()}" if file_format.lost() else ""
        if isinstance(saved, files.Conversion):
            watch([ConvertJob(saved, "Export", lambda _: tell(message))])
            return {"FINISHED"}
        if collected.warning is not None and file_format.exact:
            show_error(context, collected.warning)
            self.report({"WARNING"}, str(collected.warning))
        self.report({"INFO"}, message)
        return {"FINISHED"}

    def _objects(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        if self.collection:
            named = bpy.data.collections.get(self.collection)
            if named is None:
                raise RequestError(f"There is no collection {self.collection}.", "Choose another one.")
            return list(named.all_objects)
        if self.what == "SELECTED":
            return list(context.selected_objects)
        if self.what == "COLLECTION":
            return list(context.collection.all_objects)
        every = objects.splats(context.scene.objects)
        if self.what == "ALL":
            return every
        active = context.object if objects.is_splat(context.object) else every[0]
        root = build.root_of(active)
        return [obj for obj in every if build.root_of(obj) == root]


def _with_ending(path: str, name: str) -> str:
    """``path`` with the ending of the format whose identifier is ``name``."""
    wanted = registry.named(name.lower())
    present = registry.by_name(Path(path))
    if present is wanted or not Path(path).name:
        return path
    return path[: len(path) - len(present.ending_of(path) if present else "")] + wanted.endings[0]


CLASSES = (FT2OS_OT_export_scene,)
