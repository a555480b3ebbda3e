"""The sidebar of the 3D view, tab "Splat Style": most used first, problems where they are met."""

from __future__ import annotations

import bpy

from ft2os.stylize.methods import METHODS

from .. import controls
from ..jobs import checkpoints
from ..ops import request, stylize
from ..scene import looks, objects
from ..setup import state
from . import editors, facts, thumbnail

_PICTURE = 9.0  # height of a preview, in buttons
_CHARACTER_PX = 7  # mean width of a character at scale 1


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Splat Style"


class FT2OS_PT_main(_Panel, bpy.types.Panel):
    """Prompt, method, Stylize, what runs"""

    bl_idname = "FT2OS_PT_main"
    bl_label = "Splat Style"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _problems(layout, context)
        if not objects.splats(context.scene.objects):
            layout.operator("ft2os.import_scene", icon="IMPORT")
            return
        settings = context.scene.ft2os
        row = layout.row()
        row.use_property_split = False
        method = METHODS[settings.method]
        row.prop(settings, "prompt", text="", icon="GREASEPENCIL", placeholder=method.prompt_hint)
        layout.prop(settings, "method")
        if method.takes.picture != "no":
            _picture(layout, settings)
        layout.prop(settings, "preset")
        controls.draw(
            layout,
            settings.advanced,
            settings.method,
            settings.preset,
            "panel",
            words=(settings.prompt, _object_name(context)),
            below=editors.draw,
        )
        layout.prop(settings, "seed")
        layout.prop(settings, "live")
        _action(layout, context)
        _unfinished(layout, context)
        _jobs(layout, context)


class FT2OS_PT_advanced(_Panel, bpy.types.Panel):
    """The few settings of a method that artists turn"""

    bl_idname = "FT2OS_PT_advanced"
    bl_parent_id = "FT2OS_PT_main"
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(objects.splats(context.scene.objects))

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.ft2os
        layout.use_property_split = True
        layout.use_property_decorate = False
        controls.draw(layout, settings.advanced, settings.method, settings.preset)


class FT2OS_PT_looks(_Panel, bpy.types.Panel):
    """The looks of the active object"""

    bl_idname = "FT2OS_PT_looks"
    bl_parent_id = "FT2OS_PT_main"
    bl_label = "Looks"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return objects.is_splat(context.object) and len(context.object.ft2os.looks) > 0

    def draw(self, context: bpy.types.Context) -> None:
        layout, props = self.layout, context.object.ft2os
        layout.template_list("FT2OS_UL_looks", "", props, "looks", props, "active_look", rows=3)
        layout.operator("ft2os.look_revert", icon="LOOP_BACK")
        item = looks.active_look(context.object)
        if item is not None:
            layout.use_property_split = True
            layout.prop(item, "strength", slider=True)
            _rows(layout, facts.look_facts(item))


class FT2OS_PT_facts(_Panel, bpy.types.Panel):
    """What is known about the object and its scene"""

    bl_idname = "FT2OS_PT_facts"
    bl_parent_id = "FT2OS_PT_main"
    bl_label = "Object and Scene"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return objects.is_splat(context.object)

    def draw(self, context: bpy.types.Context) -> None:
        _rows(self.layout, facts.object_facts(context.object))
        _rows(self.layout, facts.scene_facts(context.object))
        self.layout.operator_menu_enum("ft2os.separate", "by", icon="MOD_EXPLODE")


class FT2OS_PT_files(_Panel, bpy.types.Panel):
    """Import and export"""

    bl_idname = "FT2OS_PT_files"
    bl_parent_id = "FT2OS_PT_main"
    bl_label = "Files"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.operator("ft2os.import_scene", text="Import", icon="IMPORT")
        row.operator("ft2os.export_scene", text="Export", icon="EXPORT")


def _object_name(context: bpy.types.Context) -> str | None:
    obj = context.object
    return (obj.ft2os.label or obj.name) if objects.is_splat(obj) else None


def _picture(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """The style picture, small, under its path."""
    layout.prop(settings, "style_image", text="Picture")
    icon = thumbnail.icon(settings.style_image)
    if icon:
        row = layout.row()
        row.alignment = "RIGHT"
        row.template_icon(icon_value=icon, scale=5.0)


def _action(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The Stylize button, which says on what."""
    row = layout.row()
    row.scale_y = 1.4
    targets = stylize.targets(context)
    name = targets[0].name if len(targets) == 1 else f"{len(targets)} Objects" if targets else "…"
    row.operator("ft2os.stylize", text=f"Stylize {name}", icon="BRUSH_DATA", translate=False)


def _unfinished(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The run of the active object that can go on."""
    checkpoint = stylize.unfinished(context)
    if not checkpoint:
        return
    row = layout.row(align=True)
    text = facts.go_on_text(checkpoints.request, checkpoint)
    row.operator("ft2os.go_on", text=text, icon="PLAY", translate=False)
    row.operator("ft2os.drop_run", text="", icon="X")


def _jobs(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The jobs that run and wait, each with a button that cancels it."""
    jobs = context.window_manager.ft2os.jobs
    if not len(jobs):
        return
    box = layout.box()
    for i, job in enumerate(jobs):
        icon = "BRUSH_DATA" if i == 0 else "TIME"
        column = box.column(align=True)
        column.label(text=f"{job.target}: {job.prompt}", icon=icon, translate=False)
        row = column.row(align=True)
        row.progress(factor=job.factor, text=facts.progress_text(job, waits=i > 0))
        row.operator("ft2os.cancel", text="", icon="X").number = job.number
        icon = thumbnail.icon(job.picture, "job") if i == 0 else 0
        if icon:
            box.template_icon(icon_value=icon, scale=_PICTURE)
    if len(jobs) > 1:
        box.operator("ft2os.cancel", text="Cancel All", icon="CANCEL").number = 0


def _problems(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """A box for each problem, with the button that solves it."""
    if state.backend() is None:
        box = layout.box()
        box.label(text="The backend is not installed", icon="ERROR")
        if state.installing():
            box.label(text=state.installer.stage, icon="TIME")
            box.operator("ft2os.install_cancel")
        else:
            box.operator("ft2os.install_backend", icon="IMPORT")
    lacking = request.lacking(context.scene.ft2os)
    if lacking:
        _error(layout.box(), context, lacking.message, lacking.hint)
    if context.scene.view_settings.view_transform != "Standard" and objects.splats(context.scene.objects):
        box = layout.box()
        transform = context.scene.view_settings.view_transform
        box.label(text=f"{transform} changes the captured colours", icon="COLOR")
        box.operator("ft2os.fix_colour_management")
    undrawn = facts.undrawn(context.object)
    if undrawn is not None:
        _error(layout.box(), context, undrawn.message, undrawn.hint)
    session = context.window_manager.ft2os
    if session.error and session.error != getattr(undrawn, "message", None):
        _error(layout.box(), context, session.error, session.hint)


def _error(box: bpy.types.UILayout, context: bpy.types.Context, message: str, hint: str) -> None:
    width = context.region.width if context.region else 300
    characters = max(int(width / (_CHARACTER_PX * (context.preferences.system.ui_scale or 1))) - 6, 16)
    column = box.column(align=True)
    for i, line in enumerate(facts.wrapped(message, characters)):
        column.label(text=line, icon="BLANK1" if i else "ERROR", translate=False)
    for i, line in enumerate(facts.wrapped(hint, characters)):
        column.label(text=line, icon="BLANK1" if i else "INFO", translate=False)


def _rows(layout: bpy.types.UILayout, rows: list[tuple[str, str]]) -> None:
    column = layout.column(align=True)
    for label, value in rows:
        split = column.split(factor=0.35)
        split.label(text=label)
        split.label(text=value, translate=False)


CLASSES = (FT2OS_PT_main, FT2OS_PT_advanced, FT2OS_PT_looks, FT2OS_PT_facts, FT2OS_PT_files)
