"""The Splats engine's panels in the Properties editor, where Blender's own serve only Blender's engines."""

from __future__ import annotations

import bpy


class _Panel:
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    COMPAT_ENGINES = {"FT2OS_SPLATS"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.engine in cls.COMPAT_ENGINES


class FT2OS_PT_film(_Panel, bpy.types.Panel):
    """What is behind the splats, and how small ones are drawn"""

    bl_idname = "FT2OS_PT_film"
    bl_label = "Film"
    bl_context = "render"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(context.scene.render, "film_transparent", text="Transparent")
        layout.prop(context.scene.ft2os, "antialiased")


class FT2OS_PT_passes(_Panel, bpy.types.Panel):
    """The passes that the engine can write"""

    bl_idname = "FT2OS_PT_passes"
    bl_parent_id = "VIEWLAYER_PT_layer_passes"
    bl_label = "Data"
    bl_context = "view_layer"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(context.view_layer, "use_pass_z", text="Depth")


CLASSES = (FT2OS_PT_film, FT2OS_PT_passes)
