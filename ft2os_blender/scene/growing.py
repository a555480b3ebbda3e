"""Shows a growing look on the screen, and keeps it out of files.

A growing look is not yet a look of its object. A cloud whose dots show it is marked (``display.MARK``). So it
can be taken off before the file is saved, and recognised where an undo step, an autosave or a duplicate
brings it back.
"""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from . import display, live, objects


def put(obj: bpy.types.Object, growing: live.Growing) -> None:
    """Show a growing look on its object."""
    live.by_uid[obj.session_uid] = growing
    display.show(obj)


def drop(uid: int) -> None:
    """Take a growing look off its object, which then shows its active look again."""
    if live.by_uid.pop(uid, None) is not None:
        refresh()


def refresh() -> None:
    """Update the dots of every object on which a look grows, or on whose points the colours of one remain."""
    for obj in objects.splats(bpy.data.objects):
        if obj.session_uid in live.by_uid or display.MARK in obj.data:
            display.show(obj)


@persistent
def _hide(*_) -> None:
    """Before saving: a file holds only the looks that its objects wear."""
    held = dict(live.by_uid)
    live.by_uid.clear()
    refresh()
    live.by_uid.update(held)


@persistent
def _refresh(*_) -> None:
    refresh()


@persistent
def _renew(*_) -> None:
    display.renew()


def _handlers() -> list[tuple[list, object]]:
    """Blender's lists of handlers, each with the one of ours that belongs there."""
    on = bpy.app.handlers
    after = (on.save_post, on.save_post_fail, on.undo_post, on.redo_post, on.load_post)
    return [(on.save_pre, _hide), (on.load_post, _renew), *((handlers, _refresh) for handlers in after)]


def attach() -> None:
    """Watch saving, undoing and loading."""
    for handlers, handler in _handlers():
        handlers.append(handler)


def detach() -> None:
    """Leave nothing behind."""
    live.by_uid.clear()
    refresh()
    for handlers, handler in _handlers():
        if handler in handlers:
            handlers.remove(handler)
