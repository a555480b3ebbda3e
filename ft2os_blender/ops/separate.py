"""Make objects of the groups, or of the selected points, of one splat object."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import EnumProperty

from ft2os.errors import RequestError

from ..scene import attributes, build, display, objects, parts
from .report import guarded

WAYS = [
    ("GROUP", "By Group", "One object for each group id among the points"),
    ("SELECTION", "Selected Points", "A new object from the points selected in edit mode"),
]


class FT2OS_OT_separate(bpy.types.Operator):
    """Split the active splat object; the parts keep its looks"""

    bl_idname = "ft2os.separate"
    bl_label = "Separate Splats"
    bl_options = {"REGISTER", "UNDO"}

    by: EnumProperty(name="By", items=WAYS, default="GROUP")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not objects.is_splat(context.object):
            cls.poll_message_set("Select a splat object")
            return False
        return True

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.object
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        new = _by_group(obj) if self.by == "GROUP" else _by_selection(obj)
        for part in (obj, *new):
            parts.centre(part)
            display.show(part)
        self.report({"INFO"}, f"Made {len(new)} new objects from {obj.name}")
        return {"FINISHED"}


def _by_selection(obj: bpy.types.Object) -> list[bpy.types.Object]:
    mask = parts.selected_points(obj)
    if not mask.any() or mask.all():
        raise RequestError(
            "No point is selected, or all are.", "Select some points in edit mode, then separate again."
        )
    part = parts.take(obj, mask, f"{obj.name} part")
    part.ft2os.label = part.name  # not a new name for the group that both belong to
    parts.keep(obj, ~mask)
    return [part]


def _by_group(obj: bpy.types.Object) -> list[bpy.types.Object]:
    """The largest group stays in the object, so that whatever points to it still has one."""
    ids = attributes.read(obj.data, objects.GROUP)
    if ids is None or len(group_ids := np.unique(ids)) < 2:
        raise RequestError(f"{obj.name} has no groups to separate.", "Separate the selected points instead.")
    labels = build.group_names(build.root_of(obj))
    largest = max(group_ids, key=lambda i: np.count_nonzero(ids == i))
    new = []
    for group_id in group_ids:
        name = labels.get(int(group_id)) or (build.REST if group_id < 0 else f"Group {group_id}")
        part = obj
        if group_id != largest:
            part = parts.take(obj, ids == group_id, name)
            new.append(part)
        part.ft2os.label, part.ft2os.group_id = name, int(group_id)
    parts.keep(obj, ids == largest)
    obj.name = obj.ft2os.label
    return new


CLASSES = (FT2OS_OT_separate,)
