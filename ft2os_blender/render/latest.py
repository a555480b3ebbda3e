"""The latest picture of a view: asked for when the view or the scene has changed, and never waited for.

There is no window and no GPU here; ``viewport`` shows what this brings.
"""

from __future__ import annotations

import json

import bpy
import numpy as np

from ft2os.protocol import UnknownDataError

from ..jobs.client import Pending
from ..jobs.manager import manager
from ..scene.views import View
from . import gather, request


class Latest:
    """What one view shows, and what is on its way: one picture at a time.

    What the worker has of an object or a look is remembered until Blender reports that its geometry changed,
    so that moving one object reads none. A script that writes points and does not tag them is not seen, here
    as in Blender's own engines; F12 reads everything anew and sees it.

    Parameters
    ----------
    name : str
        Of the file in which its pictures come.

    Attributes
    ----------
    problems : str
        Why something of the last picture asked for is not drawn.
    """

    def __init__(self, name: str) -> None:
        self.problems = ""
        self._name = name
        self._known: dict[int, gather.Known] = {}
        self._instances: list[dict] | None = None  # None: the scene changed
        self._last_shot = ""  # that was asked for, as JSON
        self._pending: Pending | None = None
        self._size = (0, 0)  # of the pending picture

    def update(self, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed, as ``depsgraph.updates`` tells."""
        for update in depsgraph.updates:
            if update.is_updated_geometry:
                uid = update.id.original.session_uid
                self._known.pop(uid, None)
                for known in self._known.values():
                    known.looks.pop(uid, None)
        self._instances, self._last_shot = None, ""

    def forget(self) -> None:
        """Read everything again for the next picture."""
        self._known.clear()
        self._instances, self._last_shot = None, ""

    def ask(self, depsgraph: bpy.types.Depsgraph, view: View) -> Pending | None:
        """Ask for a picture, if the view or the scene has changed since the last one and none is on its way.

        Raises
        ------
        BackendError, FileError
            Only the next change of the scene or the view tries again.
        """
        if self._pending is not None:
            return None
        shot = request.shot(view, gather.film(depsgraph.scene))
        wanted = json.dumps(shot)  # a text, so that a matrix of NaN equals itself
        if wanted == self._last_shot:
            return None
        self._last_shot = wanted
        if self._instances is None:
            self._instances = self._gathered(depsgraph)
        self._pending, self._path = request.ask(self._instances, shot, self._name)
        self._size = (view.width, view.height)
        return self._pending

    def receive(self) -> np.ndarray | None:
        """The picture that was asked for, if it has come.  [H, W, 5], top row first

        Raises
        ------
        Ft2osError
            What the worker says instead.
        """
        if self._pending is None or not self._pending.done:
            return None
        pending, self._pending = self._pending, None
        if pending.error is None:
            return request.picture(self._path, self._size)
        last_shot = self._last_shot
        self.forget()  # the worker was killed, or lost data or their files
        if isinstance(pending.error, UnknownDataError):
            manager.forget()
            return None
        self._last_shot = last_shot  # to ask for the same would fail again, at every redraw
        raise pending.error

    def _gathered(self, depsgraph: bpy.types.Depsgraph) -> list[dict]:
        """The scene as instances, which are remembered as known."""
        shown = gather.scene(depsgraph, growing=True, known=self._known)
        self.problems = " ".join(map(str, shown.problems))
        instances = request.instances(shown.items)
        known: dict[int, gather.Known] = {}  # without what is hidden now: Blender reports no change of it
        for item, instance in zip(shown.items, instances, strict=True):
            before = self._known.get(item.uid) or gather.Known(instance["data"], {})
            known[item.uid] = before
            if item.look_uid is not None:
                before.looks[item.look_uid] = instance["look"]
        self._known = known
        return instances
