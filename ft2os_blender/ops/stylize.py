"""Stylize the selected splat objects one after another, cancel, and go on with what broke off."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

from ft2os.errors import Ft2osError

from ..jobs import checkpoints
from ..scene import objects
from . import request
from .job import StylizeJob
from .queue import jobs, watch
from .report import guarded


def targets(context: bpy.types.Context) -> list[bpy.types.Object]:
    """What Stylize works on: the active splat object, then the other selected ones."""
    selected = dict.fromkeys((context.object, *context.selected_objects))
    return objects.splats(selected)


def unfinished(context: bpy.types.Context) -> str:
    """The checkpoint of the active object's run that can go on; '' without one, or where it does already."""
    obj = context.object
    name = obj.ft2os.unfinished if objects.is_splat(obj) else ""
    running = any(entry.checkpoint == name for entry in context.window_manager.ft2os.jobs)
    return name if not running and checkpoints.exists(name) else ""


class FT2OS_OT_stylize(bpy.types.Operator):
    """Give the selected splat objects the look that the panel describes; those that run go first"""

    bl_idname = "ft2os.stylize"
    bl_label = "Stylize"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not targets(context):
            cls.poll_message_set("Select a splat object: File > Import > Gaussian Splats makes some")
            return False
        lacking = request.lacking(context.scene.ft2os)
        if lacking:
            cls.poll_message_set(str(lacking))
        return lacking is None

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        begun, errors = [], []
        for obj in targets(context):
            try:
                begun.append(StylizeJob(context, obj))
            except Ft2osError as error:  # the others need not suffer
                errors.append(error)
        watch(begun)
        if errors:
            raise errors[0]
        return {"FINISHED"}


class FT2OS_OT_go_on(bpy.types.Operator):
    """Go on with the run of this object that was cancelled or broke off, from where it stood"""

    bl_idname = "ft2os.go_on"
    bl_label = "Go On"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not unfinished(context):
            cls.poll_message_set("The active object has no run to go on with, or it goes on already")
            return False
        return True

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        watch([StylizeJob(context, context.object, checkpoint=context.object.ft2os.unfinished)])
        return {"FINISHED"}


class FT2OS_OT_drop_run(bpy.types.Operator):
    """Forget the run that broke off; looks stay"""

    bl_idname = "ft2os.drop_run"
    bl_label = "Forget Run"
    bl_options = {"REGISTER"}

    poll = FT2OS_OT_go_on.poll

    def execute(self, context: bpy.types.Context) -> set[str]:
        checkpoints.drop(context.object.ft2os.unfinished)
        context.object.ft2os.unfinished = ""
        return {"FINISHED"}


class FT2OS_OT_cancel(bpy.types.Operator):
    """Stop; what there is so far becomes a look"""

    bl_idname = "ft2os.cancel"
    bl_label = "Cancel"

    number: IntProperty(name="Job", default=0, description="0 is all of them")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return any(not job.finished for job in jobs)

    def execute(self, context: bpy.types.Context) -> set[str]:
        for job in jobs:
            if self.number in (0, job.number):
                job.cancel()
        return {"FINISHED"}


CLASSES = (FT2OS_OT_stylize, FT2OS_OT_go_on, FT2OS_OT_drop_run, FT2OS_OT_cancel)
