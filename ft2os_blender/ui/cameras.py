"""The subpanel of a capture's cameras."""

from __future__ import annotations

import bpy

from ..scene import cameras


class FT2OS_PT_cameras(bpy.types.Panel):
    """Step through the capture's cameras, import and export them"""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Splat Style"
    bl_idname = "FT2OS_PT_cameras"
    bl_parent_id = "FT2OS_PT_main"
    bl_label = "Cameras"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        current = context.scene.camera
        if cameras.of_scene(context.scene.objects):
            row = layout.row(align=True)
            row.operator("ft2os.look_through", text="", icon="TRIA_LEFT").step = "BACK"
            name = current.name if current is not None else "…"
            row.operator("ft2os.look_through", text=name, icon="CAMERA_DATA", translate=False).camera = (
                current.name if current is not None else ""
            )
            row.operator("ft2os.look_through", text="", icon="TRIA_RIGHT").step = "NEXT"
        row = layout.row(align=True)
        row.operator("ft2os.import_cameras", text="Import", icon="IMPORT")
        row.operator("ft2os.export_cameras", text="Export", icon="EXPORT")


CLASSES = (FT2OS_PT_cameras,)
