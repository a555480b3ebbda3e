"""Stylize the active splat object, and cancel that."""

from __future__ import annotations

import time

import bpy

from ..jobs.manager import manager
from ..scene import objects
from .job import StylizeJob
from .report import guarded

_POLL_S = 0.05

job: StylizeJob | None = None  # the session's stylization, running or ended


class FT2OS_OT_stylize(bpy.types.Operator):
    """Give the active splat object the look that the prompt describes"""

    bl_idname = "ft2os.stylize"
    bl_label = "Stylize"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.window_manager.ft2os.busy:
            cls.poll_message_set("A stylization is running")
            return False
        if not objects.is_splat(context.object):
            cls.poll_message_set("Select a splat object: File > Import > Gaussian Splats makes some")
            return False
        return True

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        global job
        job = StylizeJob(context, context.object)
        if not bpy.app.background:
            manager.watch(job.poll)
            return {"FINISHED"}
        while not job.poll():  # without a window no timer fires: run to the end
            time.sleep(_POLL_S)
        if job.error is not None:
            raise job.error
        return {"FINISHED"}


class FT2OS_OT_cancel(bpy.types.Operator):
    """Stop the stylization; what it has so far becomes a look"""

    bl_idname = "ft2os.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return job is not None and not job.finished

    def execute(self, context: bpy.types.Context) -> set[str]:
        job.cancel()
        return {"FINISHED"}


CLASSES = (FT2OS_OT_stylize, FT2OS_OT_cancel)
