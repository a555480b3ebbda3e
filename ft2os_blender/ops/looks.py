"""Looks of an object: wear one, go back to the source, throw one away."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

from ft2os.errors import RequestError

from ..scene import animation, looks, objects
from .report import guarded


class _LookOperator:
    """What the three have in common: they act on the active splat object and can be undone."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.object
        if not objects.is_splat(obj) or not len(obj.ft2os.looks):
            cls.poll_message_set("Select a splat object that has looks")
            return False
        return True


class FT2OS_OT_look_activate(_LookOperator, bpy.types.Operator):
    """Show this look on the object"""

    bl_idname = "ft2os.look_activate"
    bl_label = "Show Look"

    index: IntProperty(name="Look", min=0)

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.object
        item = _item(obj, self.index)
        look = looks.read_look(item)  # says so if nothing of it is left
        lost = len(item.pointcloud.points) - len(look.parent)
        obj.ft2os.active_look = self.index
        if lost:
            self.report({"WARNING"}, f"{lost:,} Gaussians of the look belonged to points that were deleted")
        return {"FINISHED"}


class FT2OS_OT_look_revert(_LookOperator, bpy.types.Operator):
    """Show the object as it was imported; the looks stay in the list"""

    bl_idname = "ft2os.look_revert"
    bl_label = "Revert"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.object.ft2os.active_look = -1
        return {"FINISHED"}


class FT2OS_OT_look_remove(_LookOperator, bpy.types.Operator):
    """Remove this look and its data"""

    bl_idname = "ft2os.look_remove"
    bl_label = "Remove Look"

    index: IntProperty(name="Look", default=-1, description="-1 is the active look")

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        props = context.object.ft2os
        index = props.active_look if self.index < 0 else self.index
        cloud = _item(context.object, index).pointcloud
        animation.forget_look(context.object, index)
        props.looks.remove(index)
        if cloud is not None and cloud.users == 0:
            bpy.data.pointclouds.remove(cloud)
        worn = props.active_look
        props.active_look = -1 if worn == index else worn - (worn > index)
        return {"FINISHED"}


def _item(obj: bpy.types.Object, index: int) -> bpy.types.PropertyGroup:
    if not 0 <= index < len(obj.ft2os.looks):
        raise RequestError(f"{obj.name} has no look number {index}.", "Choose one from the list of looks.")
    return obj.ft2os.looks[index]


CLASSES = (FT2OS_OT_look_activate, FT2OS_OT_look_revert, FT2OS_OT_look_remove)
