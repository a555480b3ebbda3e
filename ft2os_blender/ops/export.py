"""File > Export > Gaussian Splats: the objects as they are shown, source rows bit for bit."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ..scene import build, collect, objects
from .report import guarded, show_error

WHAT = [
    ("SELECTED", "Selected", "The selected splat objects"),
    ("SCENE", "Whole Scene", "All splat objects of the imported scene that the active object belongs to"),
]


class FT2OS_OT_export_scene(bpy.types.Operator, ExportHelper):
    """Write splat objects to a PLY file: looks applied, transforms baked, untouched rows bit for bit"""

    bl_idname = "ft2os.export_scene"
    bl_label = "Export Splats"
    bl_options = {"REGISTER", "PRESET"}

    filename_ext = ".ply"
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})
    what: EnumProperty(name="Export", items=WHAT, default="SCENE")
    with_looks: BoolProperty(name="Apply Looks", description="At the strength of this frame", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not objects.splats(context.scene.objects):
            cls.poll_message_set("The scene has no splat objects")
            return False
        return True

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        from ft2os import formats

        context.view_layer.update()  # world matrices of what was moved a moment ago
        found = collect.collect(_chosen(context, self.what), with_looks=self.with_looks)
        path = Path(bpy.path.abspath(self.filepath))
        formats.save_ply(path, found.gaussians, labels=found.labels or None, inherit=found.inherit)
        if found.warning is not None:
            show_error(context, found.warning)
            self.report({"WARNING"}, str(found.warning))
        self.report({"INFO"}, f"Exported {len(found.gaussians):,} Gaussians to {path.name}")
        return {"FINISHED"}


def _chosen(context: bpy.types.Context, what: str) -> list[bpy.types.Object]:
    if what == "SELECTED":
        return list(context.selected_objects)
    every = objects.splats(context.scene.objects)
    active = context.object if objects.is_splat(context.object) else every[0]
    root = build.root_of(active)
    return [obj for obj in every if build.root_of(obj) == root]


CLASSES = (FT2OS_OT_export_scene,)
