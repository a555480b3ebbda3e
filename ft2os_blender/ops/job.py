"""One stylization from request to look. It holds ids, never Blender pointers: objects move while it runs."""

from __future__ import annotations

import logging
from pathlib import Path

import bpy
import numpy as np

from ft2os.errors import CancelledError, Ft2osError, RequestError

from .. import preferences
from ..jobs import checkpoints
from ..jobs.manager import manager
from ..jobs.process import WorkerDied
from ..scene import attributes, display, growing, live, looks, objects
from . import request
from .listed import ListedJob
from .queue import push_undo
from .report import show_error

log = logging.getLogger("ft2os")


class StylizeJob(ListedJob):
    """A stylization of one object; several may wait for one another.

    Parameters
    ----------
    context : Context
    obj : Object
        The splat object; its points are sent as they are now.
    checkpoint : str
        Go on with the run that left this checkpoint; by default a new run as the panel is set.

    Raises
    ------
    Ft2osError
        If the request makes no sense or the backend cannot be started; nothing has changed then.
    """

    def __init__(self, context: bpy.types.Context, obj: bpy.types.Object, checkpoint: str = "") -> None:
        super().__init__()
        self._uid, self._name = obj.session_uid, obj.name
        self._ids, self._positions = looks.point_ids(obj.data), attributes.read(obj.data, "position")
        self._params = request.again(context, obj, checkpoint) if checkpoint else request.new(context, obj)
        self._begun = self._sent_again = False
        self._grown: str | None = None  # the file of the newest look that is not shown yet
        self._submit()
        self._list()

    @property
    def checkpoint(self) -> str:
        """The name of the run's checkpoint; '' for methods without."""
        path = self._params.get("checkpoint")
        return Path(path).stem if path else ""

    def title(self) -> tuple[str, str]:
        picture = self._params.get("style_image")
        return self._name, self._params["prompt"] or (Path(picture).stem if picture else "")

    def poll(self) -> bool:
        """Take what came from the backend; whether the job has ended. Main thread only."""
        if self.finished:
            return True
        if self._entry() is None:  # another file was opened, or this one again
            self._list()
        if self._pending.poll():
            if self._send_again():
                return False
            self._end()
        elif self._grown is not None:
            self._show_grown()
        preferences.redraw()
        return self.finished

    def abandon(self) -> None:
        if not self.finished:
            super().abandon()
            growing.drop(self._uid)

    def _list(self) -> bpy.types.PropertyGroup:
        entry = super()._list()
        entry.checkpoint = self.checkpoint
        return entry

    def _submit(self) -> None:
        self._pending = manager.submit(
            "stylize", self._params, on_progress=self._progress, on_preview=self._preview
        )

    def _send_again(self) -> bool:
        """Send a job again that was waiting when another one killed the worker; whether that was done."""
        if self._begun or self._cancelling or self._sent_again:
            return False
        if not isinstance(self._pending.error, WorkerDied):
            return False
        self._sent_again = True
        instances = (self._params["target"], *self._params["context"])
        try:
            if not manager.give_again({item["data"] for item in instances}):
                return False
        except Ft2osError as error:
            log.info("not sent again: %s", error)
            return False
        self._submit()
        return True

    # While it runs.

    def _progress(self, params: dict) -> None:
        self._begun = True
        super()._progress(params)

    def _preview(self, params: dict) -> None:
        self._grown = params.get("colours") or self._grown
        entry = self._entry()
        if entry is not None and params.get("image"):
            entry.picture = params["image"]

    def _show_grown(self) -> None:
        """Put the newest partial look on the object's points."""
        from ft2os.looks import Look

        path, self._grown = self._grown, None
        obj = self._object()
        if obj is None or self._cancelling:
            return
        try:
            look = Look.load(Path(path))
        except Ft2osError as error:  # the next preview takes its place
            log.info("no live look: %s", error)
            return
        rows, now = look.parent, looks.point_ids(obj.data)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self._ids):
            return
        if not np.array_equal(now, self._ids):  # points were deleted meanwhile
            rows = looks.rows_of(self._ids[rows], now)
        kept = rows >= 0
        places = attributes.read(obj.data, "position")[rows[kept]]
        if not np.array_equal(places, self._positions[look.parent[kept]]):
            return  # its origin was moved meanwhile: what grows would stand beside it
        colours = display.mean_colours(look.dc[kept], rows[kept], len(obj.data.points))
        growing.put(obj, live.Growing(path, colours))

    # At its end.

    def _end(self) -> None:
        self.finished = True
        self._forget_entry()
        try:
            self._keep_checkpoint()
        except Ft2osError as error:  # the run cannot go on then, but its result counts
            log.warning("%s", error)
        try:
            self._take()
        except Ft2osError as error:
            self.error = error
            if not isinstance(error, CancelledError):  # no error where the artist pressed Cancel
                show_error(bpy.context, error)
        finally:
            growing.drop(self._uid)
            self._clean()

    def _take(self) -> None:
        """Turn the answer into a look of the object."""
        error, result = self._pending.error, self._pending.result
        if error is not None:
            result = (getattr(error, "data", None) or {}).get("partial")
            if error.code != CancelledError.code:
                raise error
            if not result:
                raise CancelledError("Cancelled; the object is unchanged.")
        from ft2os.looks import Look

        obj = self._object()
        if obj is None:
            raise RequestError(f"{self._name} was removed meanwhile.", "Undo, and stylize it again.")
        growing.drop(self._uid)
        item = looks.add_look(obj, Look.load(Path(result["path"])), self._ids, self._positions)
        if error is not None:
            item.name = f"{item.name} (cancelled)"
        display.show(obj)
        push_undo(f"Stylize: {item.name}")

    def _keep_checkpoint(self) -> None:
        """Drop the checkpoint of a run that ended well; note that of one that broke off on its object."""
        name = self.checkpoint
        if not name:
            return
        obj = self._object()
        ended = self._pending.error is None
        if ended or obj is None:
            checkpoints.drop(name)
        elif checkpoints.keep(name, request.kept_part(self._params)):
            obj.ft2os.unfinished = name
            push_undo("Stylize: broken off")  # so that undoing a later step keeps the note
        if ended and obj is not None and obj.ft2os.unfinished == name:
            obj.ft2os.unfinished = ""

    def _clean(self) -> None:
        out = Path(self._params["out"])
        for file in (*out.parent.glob(f"{out.stem}.*"), out):
            file.unlink(missing_ok=True)

    def _object(self) -> bpy.types.Object | None:
        """The object; after its file was opened again, the one of its name with the very same points."""
        obj = next((o for o in bpy.data.objects if o.session_uid == self._uid), None)
        if obj is not None:
            return obj
        obj = bpy.data.objects.get(self._name)
        if not objects.is_splat(obj) or len(obj.data.points) != len(self._ids):
            return None
        if not np.array_equal(attributes.read(obj.data, "position"), self._positions):
            return None
        growing.drop(self._uid)
        self._uid = obj.session_uid
        return obj
