"""The client of the line protocol: one worker process, requests out, answers in. No bpy here.

A thread reads; answers complete their `Pending` at once, so that a render thread may wait for one, while
callbacks are queued for `Client.pump` on the main thread. Whatever becomes of the worker, a request ends:
with a result, or with an error that says what to do.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import ft2os
from ft2os import protocol
from ft2os.errors import BackendError, Ft2osError, RequestError

from . import process
from .pending import Callback, Pending
from .writer import Writer

log = logging.getLogger(__name__)

SILENCE_S = 30.0  # no heartbeat for so long: the worker hangs
SLOW_SILENCE_S = 300.0  # the same while it compiles or loads
START_S = 60.0  # the first sign of life (a virus scanner may read a gigabyte of packages first)


class Client:
    """One backend.

    Parameters
    ----------
    python : str
        The Python that has ft2os.
    env : dict, optional
        Variables for the worker besides the inherited ones.
    log_path : Path
        Where its stderr goes.

    Attributes
    ----------
    server : dict
        The answer to ``initialize``: version, device, rasterizer, methods; empty before it came.
    generation : int
        Counts the processes started: data put into an earlier one is gone.
    """

    def __init__(self, python: str, env: dict[str, str] | None = None, log_path: Path | str = "ft2os.log"):
        self.python, self.env, self.log_path = python, dict(env or {}), Path(log_path)
        self.server: dict[str, Any] = {}
        self.generation = 0
        self._process: subprocess.Popen | None = None
        self._writer: Writer | None = None
        self._lock = threading.RLock()  # process, pendings, writes: a render thread asks too
        self._pendings: dict[int, Pending] = {}
        self._events: queue.SimpleQueue[tuple[Callback, dict[str, Any]]] = queue.SimpleQueue()
        self._next_id = 1
        self._heard = 0.0
        self._state = "loading"
        self._greeting: Pending | None = None
        self._log_start = 0

    @property
    def alive(self) -> bool:
        """Does the process run?"""
        return self._process is not None and self._process.poll() is None

    @property
    def state(self) -> str:
        """What the worker says it does: idle, loading, compiling, working; '' when it does not run."""
        return self._state if self.alive else ""

    def start(self) -> None:
        """Start the worker if it does not run, and greet it; does not wait for its answer.

        Raises
        ------
        BackendError
            If the executable cannot be run.
        """
        with self._lock:
            if self.alive:
                return
            self._end(None)
            self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
            self._process = process.spawn(self.python, self.env, self.log_path)
            self._writer = Writer(self._process.stdin)
            if self._log_start > process.LOG_LIMIT:
                self._log_start = 0  # it was rotated
            self.generation += 1
            self.server, self._state, self._heard = {}, "loading", time.monotonic()
            threading.Thread(
                target=self._read, args=(self._process,), name="ft2os-client", daemon=True
            ).start()
            greeting = {"protocol": protocol.PROTOCOL, "client": "ft2os_blender"}
            self._greeting = self._send("initialize", greeting, None, None)

    def hello(self) -> Pending:
        """Start the worker if it does not run; the `Pending` of its answer to ``initialize``."""
        with self._lock:
            try:
                self.start()
            except BackendError as error:
                return self._failed(error)
            return self._greeting

    def request(
        self,
        method: str,
        params: dict[str, Any],
        on_progress: Callback | None = None,
        on_preview: Callback | None = None,
    ) -> Pending:
        """Send a request, starting the worker when it does not run.

        Errors of the backend are not raised. A worker that cannot be started becomes the `Pending`'s error,
        and so do values that JSON cannot hold. Callbacks get a notification's params, in `pump`.
        """
        with self._lock:
            try:
                self.start()
                return self._send(method, params, on_progress, on_preview)
            except BackendError as error:
                return self._failed(error)

    def cancel(self, id: int) -> None:
        """Ask for the end of a request."""
        with self._lock:
            if id in self._pendings:
                self._write(protocol.notification("$/cancel", {"id": id}))

    def pump(self) -> None:
        """Run the callbacks that came in; main thread only."""
        self.check()
        while True:
            try:
                callback, params = self._events.get_nowait()
            except queue.Empty:
                return
            callback(params)

    def check(self) -> None:
        """End a worker that is silent past its heartbeat."""
        with self._lock:
            silent = time.monotonic() - self._heard
            if self.alive and silent > self._patience():
                log.warning("killing the worker after %.0f s of silence", silent)
                self._end(self._silence_error(silent))

    def kill(self, reason: Ft2osError | None = None) -> None:
        """End the worker at once; requests fail with ``reason``."""
        with self._lock:
            self._end(reason or BackendError("The backend was stopped.", "It starts again when needed."))

    def close(self, timeout: float = 2.0) -> None:
        """Let the worker end by itself (end of input), or kill it after ``timeout`` seconds."""
        process_ = self._process
        if process_ is not None and self.alive:
            self._writer.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process_.wait(timeout)
        self.kill()

    def _failed(self, error: Ft2osError) -> Pending:
        pending = Pending(self, 0, None, None)
        pending.finish(error=error)
        return pending

    def _patience(self) -> float:
        if not self.server:
            return START_S
        return SLOW_SILENCE_S if self._state in protocol.SLOW_STATES else SILENCE_S

    def _silence_error(self, silent: float) -> BackendError:
        if not self.server:
            return process.explain_exit(self.python, None, "", greeted=False)
        return BackendError(
            f"The backend was silent for {silent:.0f} s and was stopped; the scene is unchanged.",
            "Try again: it starts anew by itself; the log file says more.",
        )

    def _send(
        self, method: str, params: dict, on_progress: Callback | None, on_preview: Callback | None
    ) -> Pending:
        pending = Pending(self, self._next_id, on_progress, on_preview)
        try:
            line = protocol.encode(protocol.request(pending.id, method, params))
        except ValueError:
            error = "The request holds a number that is none (NaN or infinite)."
            return self._failed(RequestError(error, "Check the object's transform and the settings."))
        if len(line) > protocol.MAX_LINE:  # the worker could not even tell which one it refuses
            error = f"The request has {len(line):,} bytes; {protocol.MAX_LINE:,} is the most."
            return self._failed(RequestError(error, "Use fewer objects or cameras."))
        self._next_id += 1
        self._pendings[pending.id] = pending
        self._put(line)
        return pending

    def _write(self, message: dict[str, Any]) -> None:
        self._put(protocol.encode(message))

    def _put(self, line: bytes) -> None:
        if self._writer is not None:
            self._writer.put(line)

    def _end(self, error: Ft2osError | None) -> None:
        """Kill and reap the process, fail what waits. Holds the lock."""
        process_, self._process = self._process, None
        if process_ is not None:
            process_.kill()
            process_.wait()
            self._writer.close()
            self._writer = None
        self._fail_all(error or BackendError("The backend was stopped.", "Try again."))

    def _fail_all(self, error: Ft2osError) -> None:
        pendings, self._pendings = self._pendings, {}
        for pending in pendings.values():
            pending.finish(error=error)

    # The reader thread.

    def _read(self, process_: subprocess.Popen) -> None:
        reader = process_.stdout
        buffer = b""
        try:
            while chunk := reader.read(65536):
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    self._take(process_, line)
                if len(buffer) > protocol.MAX_LINE:
                    buffer = b""
        except (OSError, ValueError):
            pass  # the pipe was closed on this side
        process_.wait()
        reader.close()
        with self._lock:
            if self._process is process_:
                tail = process.read_tail(self.log_path, self._log_start)
                error = process.explain_exit(self.python, process_.returncode, tail, bool(self.server))
                self._end(error)

    def _take(self, process_: subprocess.Popen, line: bytes) -> None:
        try:
            message = protocol.decode(line)
        except protocol.ProtocolError as error:
            log.warning("the worker wrote something else: %s", error)
            with self._lock:
                if self._process is process_ and not self.server:  # no worker at all: do not wait for it
                    self._end(process.explain_exit(self.python, None, "", greeted=False))
            return
        with self._lock:
            if self._process is not process_:
                return
            self._heard = time.monotonic()
            params = message.get("params")
            if message.get("method") == "heartbeat":
                self._state = str(params.get("state", "idle"))
            elif message.get("method") in ("progress", "preview"):
                pending = self._pendings.get(params.get("id"))
                callback = pending and pending.callbacks[message["method"]]
                if callback:
                    self._events.put((callback, params))
            elif message.get("id") is not None:
                self._answer(message)

    def _answer(self, message: dict[str, Any]) -> None:
        pending = self._pendings.pop(message["id"], None)
        error = protocol.to_error(message["error"]) if "error" in message else None
        if not self.server:  # the first answer is the one to `initialize`
            error = error or _version_error(message.get("result"))
            if error is not None:
                pending.finish(error=error)
                self._end(error)
                return
            self.server = message["result"]
        if pending is not None:
            pending.finish(message.get("result"), error)


def _version_error(server: Any) -> BackendError | None:
    """Both halves come from one wheel. Another release may give the same names to other data."""
    try:
        protocol.check_version(server["protocol"])
        theirs = str(server["version"])
    except BackendError as error:
        return error
    except (TypeError, KeyError):
        return BackendError("The backend's greeting is not understood.", process.CHOOSE)
    if _release(theirs) == _release(ft2os.__version__):
        return None
    return BackendError(
        f"The backend has version {theirs}, the extension {ft2os.__version__}.",
        'Press "Install backend" in the Preferences, so that both have the same version.',
    )


def _release(version: str) -> str:
    return version.split(".dev")[0].split("+")[0]
