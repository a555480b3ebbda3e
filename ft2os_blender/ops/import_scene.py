"""File > Import > Gaussian Splats, and the same by dropping a file on the window."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..scene import build, objects
from .report import guarded

UP_AXES = [
    ("-Y", "-Y up", "Most captures: 3D Gaussian Splatting's own axes"),
    ("+Y", "Y up", ""),
    ("+Z", "Z up", ""),
    ("-Z", "-Z up", ""),
    ("+X", "X up", ""),
    ("-X", "-X up", ""),
]


class FT2OS_OT_import_scene(bpy.types.Operator, ImportHelper):
    """Import a Gaussian-splat scene: one point-cloud object a group, with its cameras"""

    bl_idname = "ft2os.import_scene"
    bl_label = "Import Splats"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    filename_ext = ".ply"
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})
    up: EnumProperty(name="Up", description="The file's axis that points up", items=UP_AXES, default="-Y")
    drop_invalid: BoolProperty(
        name="Drop Invalid",
        description="Leave out Gaussians with NaN or infinite values instead of refusing the file",
        default=False,
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.invoke_popup(context)  # a dropped file asks for the options, an empty path for the file

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        from ft2os import formats

        loaded = formats.load_scene(bpy.path.abspath(self.filepath), drop_invalid=self.drop_invalid)
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        root = build.add_scene(context, loaded, self.up)
        made = objects.splats(root.children)
        for obj in context.selected_objects:
            obj.select_set(False)
        made[0].select_set(True)
        context.view_layer.objects.active = made[0]
        self.report({"INFO"}, f"Imported {len(loaded.gaussians):,} Gaussians as {len(made)} objects")
        return {"FINISHED"}


class FT2OS_FH_ply(bpy.types.FileHandler):
    """Lets a .ply file be dropped on the 3D view or the outliner"""

    bl_idname = "FT2OS_FH_ply"
    bl_label = "Gaussian Splats"
    bl_import_operator = "ft2os.import_scene"
    bl_file_extensions = ".ply"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type in {"VIEW_3D", "OUTLINER"}


CLASSES = (FT2OS_OT_import_scene, FT2OS_FH_ply)
