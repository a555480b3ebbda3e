"""A request on its way: what the client hands out, to poll on the main thread or to wait for on any other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from ft2os.errors import BackendError, Ft2osError

Callback = Callable[[dict[str, Any]], None]


class Sender(Protocol):
    """What a request needs of its sender, see `client.Client`."""

    def pump(self) -> None:
        """Run the callbacks that came in; main thread only."""

    def check(self) -> None:
        """Notice that the worker is silent past its heartbeat."""

    def cancel(self, id: int) -> None:
        """Ask for the end of a request."""


class Pending:
    """A request on its way.

    Attributes
    ----------
    result : dict or None
    error : Ft2osError or None
        With ``code`` and, from the worker, ``data`` (``data["partial"]`` of a cancelled job).
    """

    def __init__(
        self, sender: Sender, id: int, on_progress: Callback | None, on_preview: Callback | None
    ) -> None:
        self.id = id
        self.result: Any = None
        self.error: Ft2osError | None = None
        self._sender = sender
        self._done = threading.Event()
        self.callbacks = {"progress": on_progress, "preview": on_preview}

    @property
    def done(self) -> bool:
        """Has it ended, well or not?"""
        return self._done.is_set()

    def poll(self) -> bool:
        """Run the callbacks that wait (main thread only); has the request ended?"""
        done = self.done  # before pumping: the last callbacks come before the caller sees the end
        self._sender.pump()
        return done

    def done_within(self, seconds: float) -> bool:
        """Wait a little on any thread, without callbacks; has it ended?"""
        if self._done.wait(seconds):
            return True
        self._sender.check()
        return self.done

    def wait(self, timeout: float | None = None) -> Any:
        """Wait on any thread, without callbacks; the result.

        Raises
        ------
        Ft2osError
            The request's error, or BackendError after ``timeout`` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self.done_within(0.5):
            if end is not None and time.monotonic() > end:
                raise BackendError("The backend did not answer in time.", "Try again.")
        if self.error is not None:
            raise self.error
        return self.result

    def cancel(self) -> None:
        """Ask the worker to stop; the request then ends with the error ``cancelled``."""
        self._sender.cancel(self.id)

    def finish(self, result: Any = None, error: Ft2osError | None = None) -> None:
        """Note how the request ended. The sender calls this; only the first call counts."""
        if not self.done:
            self.result, self.error = result, error
            self._done.set()
