"""ft2os for Blender: import splat scenes, restyle one object of them with words, render the result.

This file only registers what the rooms declare in their ``CLASSES``.
"""

from __future__ import annotations

import atexit

import bpy

from . import jobs, ops, preferences, properties, render, ui
from .ops import queue
from .scene import growing

CLASSES = (*properties.CLASSES, *ops.CLASSES, *ui.CLASSES, *render.CLASSES)


_registered = False


def register() -> None:
    """Called by Blender when the extension is enabled."""
    global _registered
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    properties.attach()
    ui.attach()
    growing.attach()
    preferences.start()
    jobs.start()
    _registered = True
    # A live timer or a registered render engine at interpreter exit crashes 4.2 and hangs 4.5.
    atexit.register(unregister)


def unregister() -> None:
    """Called by Blender when the extension is disabled, and at exit, whichever comes first."""
    global _registered
    if not _registered:
        return
    _registered = False
    atexit.unregister(unregister)
    preferences.stop()
    queue.stop()
    growing.detach()
    jobs.stop()
    ui.detach()
    properties.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
