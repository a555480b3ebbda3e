"""Looks that grow while a job runs: on the screen, and nowhere else.

What grows is no look of its object. A cloud whose dots carry it is marked, so that it can be taken off before
the file is saved, and found again wherever an undo step, an autosave or a duplicate brings it back.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from bpy.app.handlers import persistent

MARK = "ft2os_live"


@dataclass(frozen=True)
class Growing:
    """A look that is being made.

    Parameters
    ----------
    path : str
        The worker's file of it, for the rendered viewport.
    shown : ndarray, [N, 4]
        Colours of the object's points, see `mean_colours`.
    """

    path: str
    shown: np.ndarray


_growing: dict[int, Growing] = {}  # by the object's session_uid


def put(obj: bpy.types.Object, growing: Growing) -> None:
    """Show how far the look of an object is."""
    from . import display

    _growing[obj.session_uid] = growing
    display.show(obj)


def drop(uid: int) -> None:
    """The job is over: show again what the object wears."""
    if _growing.pop(uid, None) is not None:
        refresh()


def of(obj: bpy.types.Object) -> Growing | None:
    """What grows on an object; None where nothing does, or points were added or deleted since it began."""
    growing = _growing.get(obj.original.session_uid)
    return growing if growing is not None and len(growing.shown) == len(obj.data.points) else None


def refresh() -> None:
    """Bring every object to what is true: what grows on it, or else what it wears."""
    from . import display, objects

    for obj in objects.splats(bpy.data.objects):
        if obj.session_uid in _growing or MARK in obj.data:
            display.show(obj)


def mean_colours(dc: np.ndarray, rows: np.ndarray, n: int, strength: float = 1.0) -> np.ndarray:
    """One colour a point, the mean of what stands for it, and in alpha how much of it shows.

    Parameters
    ----------
    dc : ndarray, [M, 3]
        Raw colours of a look.
    rows : ndarray, int, [M]
        The point that each of them stands for, 0 .. n − 1.
    n : int
    strength : float

    Returns
    -------
    ndarray, [n, 4]
    """
    count = np.bincount(rows, minlength=n)
    sums = np.stack([np.bincount(rows, weights=dc[:, c], minlength=n) for c in range(3)], axis=1)
    colours = sums / np.maximum(count, 1)[:, None]
    return np.concatenate([colours, np.where(count, strength, 0.0)[:, None]], axis=1)


@persistent
def _hide(*_) -> None:
    """A file that is saved holds what its objects wear."""
    held = dict(_growing)
    _growing.clear()
    refresh()
    _growing.update(held)


@persistent
def _mend(*_) -> None:
    refresh()


@persistent
def _renew(*_) -> None:
    from . import display

    display.renew()


def _hooks() -> list[tuple[list, object]]:
    on = bpy.app.handlers
    after = (on.save_post, on.save_post_fail, on.undo_post, on.redo_post, on.load_post)
    return [(on.save_pre, _hide), (on.load_post, _renew), *((handlers, _mend) for handlers in after)]


def attach() -> None:
    """Watch saving, undoing and loading."""
    for handlers, hook in _hooks():
        handlers.append(hook)


def detach() -> None:
    """Leave nothing behind."""
    _growing.clear()
    refresh()
    for handlers, hook in _hooks():
        if hook in handlers:
            handlers.remove(hook)
