"""Apply the transform of splat objects properly."""

from __future__ import annotations

import bpy

from ..scene import bake, objects
from .report import guarded


class FT2OS_OT_apply_transform(bpy.types.Operator):
    """Put location, rotation and scale of the selected splat objects into their points, looks included"""

    bl_idname = "ft2os.apply_transform"
    bl_label = "Apply Transform"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not objects.splats(context.selected_objects):
            cls.poll_message_set("Select a splat object")
            return False
        return True

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        selected = objects.splats(context.selected_objects)
        for obj in selected:  # all of them or none
            bake.check(obj)
        done = [obj for obj in selected if bake.bake(obj)]
        if done:
            self.report({"INFO"}, f"Applied the transform of {', '.join(obj.name for obj in done)}")
        else:
            self.report({"INFO"}, "There was no transform to apply")
        return {"FINISHED"}


CLASSES = (FT2OS_OT_apply_transform,)
