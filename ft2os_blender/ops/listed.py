"""A job as the panel lists it: a number, a title, a stage with its bar, a button that cancels.

A job is a plain object with ``poll()``: a timer, an operator without a window and a test drive it alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import bpy

from ft2os.errors import CancelledError, Ft2osError

from .. import preferences
from ..jobs.client import Pending
from ..jobs.manager import manager
from .report import show_error

_numbers = itertools.count(1)


class ListedJob:
    """A request that runs or waits.

    Attributes
    ----------
    number : int
        Names the job's entry in the session's list.
    error : Ft2osError or None
        Why it failed; everything is then as it was.
    finished : bool
    """

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.error: Ft2osError | None = None
        self.finished = False
        self._pending: Pending | None = None
        self._cancelling = False

    def title(self) -> tuple[str, str]:
        """What the job works on, and what it makes of it."""
        raise NotImplementedError

    def poll(self) -> bool:
        """Take what came from the backend; whether the job has ended. Main thread only."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Ask the backend to stop."""
        self._pending.cancel()
        self._cancelling = True
        if (entry := self._entry()) is not None:
            entry.stage = "Cancelling"

    def abandon(self) -> None:
        """Forget the job: the extension is being disabled."""
        self.finished = True
        self._forget_entry()

    def _list(self) -> bpy.types.PropertyGroup:
        """Put the job into the panel's list."""
        entry = bpy.context.window_manager.ft2os.jobs.add()
        entry.number = self.number
        entry.target, entry.prompt = self.title()
        return entry

    def _entry(self) -> bpy.types.PropertyGroup | None:
        """The job in the panel; None right after another file was opened."""
        jobs = bpy.context.window_manager.ft2os.jobs
        return next((entry for entry in jobs if entry.number == self.number), None)

    def _forget_entry(self) -> None:
        jobs = bpy.context.window_manager.ft2os.jobs
        for i, entry in enumerate(jobs):
            if entry.number == self.number:
                jobs.remove(i)
                break

    def _progress(self, params: dict) -> None:
        """A step of the work, as the backend tells it."""
        entry = self._entry()
        if entry is None:
            return
        if not self._cancelling:
            entry.stage = str(params.get("stage", "")).capitalize()
        # A stage may count from 0 again; a bar that goes back looks like a fault.
        entry.factor = max(entry.factor, params.get("step", 0) / max(params.get("total") or 1, 1))
        eta = params.get("eta_s")
        entry.remaining = -1.0 if eta is None else eta


class AnsweredJob(ListedJob):
    """A request whose answer is all that comes of it, up to ``then(result)`` on the main thread.

    Parameters
    ----------
    target, verb : str
        What it works on, and what the panel calls it.
    then : callable

    Raises
    ------
    BackendError
        If there is no backend.
    """

    def __init__(self, target: str, verb: str, then: Callable[[Any], None]) -> None:
        super().__init__()
        self._target, self._verb, self._then = target, verb, then
        self._pending = self._submit()
        self._list()

    def title(self) -> tuple[str, str]:
        return self._target, self._verb

    def poll(self) -> bool:
        if self.finished:
            return True
        if self._entry() is None:  # another file was opened
            self._list()
        if self._pending.poll():
            self.finished = True
            self._forget_entry()
            self._end()
        preferences.redraw()
        return self.finished

    def _submit(self) -> Pending:
        """Send the request."""
        raise NotImplementedError

    def _result(self) -> Any:
        """What came of it; raises where it failed."""
        if self._pending.error is not None:
            raise self._pending.error
        return self._pending.result

    def _end(self) -> None:
        try:
            self._then(self._result())
        except Ft2osError as error:
            self.error = error
            if error.code != CancelledError.code:  # no error where the artist pressed Cancel
                show_error(bpy.context, error)


class RequestJob(AnsweredJob):
    """One request of the protocol, sent as it is.

    Parameters
    ----------
    target, verb, then
        See `AnsweredJob`.
    method : str
    params : dict
    """

    def __init__(
        self, target: str, verb: str, method: str, params: dict, then: Callable[[Any], None]
    ) -> None:
        self._method, self._params = method, params
        super().__init__(target, verb, then)

    def _submit(self) -> Pending:
        return manager.submit(self._method, self._params, on_progress=self._progress)
