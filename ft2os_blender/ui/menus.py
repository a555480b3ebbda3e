"""Entries in Blender's own File menus."""

from __future__ import annotations

import bpy

LABEL = "Gaussian Splats (.ply)"


def draw_import(self, context: bpy.types.Context) -> None:
    self.layout.operator("ft2os.import_scene", text=LABEL)


def draw_export(self, context: bpy.types.Context) -> None:
    self.layout.operator("ft2os.export_scene", text=LABEL)


def attach() -> None:
    """Add the entries."""
    bpy.types.TOPBAR_MT_file_import.append(draw_import)
    bpy.types.TOPBAR_MT_file_export.append(draw_export)


def detach() -> None:
    """Take them away again."""
    bpy.types.TOPBAR_MT_file_import.remove(draw_import)
    bpy.types.TOPBAR_MT_file_export.remove(draw_export)
