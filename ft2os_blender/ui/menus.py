"""Entries in Blender's own menus: File > Import and Export, Object > Apply."""

from __future__ import annotations

import bpy

from ft2os.formats import registry

READ = f"Gaussian Splats ({', '.join(registry.last_endings(registry.FORMATS))})"
WRITTEN = f"Gaussian Splats ({', '.join(registry.last_endings(registry.written()))})"
CAMERAS = "Capture Cameras (.json, COLMAP)"


def draw_import(self, context: bpy.types.Context) -> None:
    self.layout.operator("ft2os.import_scene", text=READ)
    self.layout.operator("ft2os.import_cameras", text=CAMERAS)


def draw_export(self, context: bpy.types.Context) -> None:
    self.layout.operator("ft2os.export_scene", text=WRITTEN)
    self.layout.operator("ft2os.export_cameras", text="Capture Cameras (.json)")


def draw_apply(self, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("ft2os.apply_transform", text="Splat Transform")


def attach() -> None:
    """Add the entries."""
    bpy.types.TOPBAR_MT_file_import.append(draw_import)
    bpy.types.TOPBAR_MT_file_export.append(draw_export)
    bpy.types.VIEW3D_MT_object_apply.append(draw_apply)


def detach() -> None:
    """Take them away again."""
    bpy.types.TOPBAR_MT_file_import.remove(draw_import)
    bpy.types.TOPBAR_MT_file_export.remove(draw_export)
    bpy.types.VIEW3D_MT_object_apply.remove(draw_apply)
