"""What the worker does with a message, and in which order.

Everything that computes runs on the main thread, one thing at a time, so that no two of them share memory,
cores or a GPU. A stylization asks between its steps whether it is cancelled, and that is where the requests
that came meanwhile are served. Reading, the heartbeat and the conversion of files, which may take minutes and
needs nothing of ours, have threads of their own.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ft2os
from ft2os import protocol
from ft2os.device import lacks_memory
from ft2os.errors import CancelledError, Ft2osError, MissingError, RequestError
from ft2os.extras import extra_of
from ft2os.process import NO_MEMORY_HINT
from ft2os.worker import drawing, editors, job, params, views
from ft2os.worker.channel import Channel
from ft2os.worker.compose import Composer
from ft2os.worker.store import Store

if TYPE_CHECKING:
    from ft2os.stylize.about import Method

log = logging.getLogger(__name__)

# These take long and never run inside another one; all other methods are served between steps.
LONG = ("stylize", "views")
ASIDE = ("scene.convert", "editors.fetch")  # and these beside everything, one of each at a time
PATIENCE_S = 1.0  # a picture that takes longer is given up for a newer one; before, it is nearly there


class Server:
    """One client's server.

    Parameters
    ----------
    channel : Channel
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._store = Store()
        self._composer = Composer(self._store)
        self._state = "idle"
        self._job: int | str | None = None
        self._ready = False  # initialized
        self._compiled = False
        self._aside = {method: ThreadPoolExecutor(1, thread_name_prefix="ft2os-aside") for method in ASIDE}
        self._fetching: set[str] = set()  # editors
        self._methods = {
            "initialize": self._initialize,
            "data.put": self._put,
            "scene.convert": self._convert,
            "render": self._render,
            "stylize": self._stylize,
            "views": self._views,
            "editors.fetch": self._fetch,
            "editors.remove": self._remove,
            "select": self._select,
            "shutdown": self._shutdown,
        }

    def run(self) -> None:
        """Serve until input ends."""
        self._channel.start()
        threading.Thread(target=self._beat, name="ft2os-heartbeat", daemon=True).start()
        while (message := self._channel.receive(wait=True)) is not None:
            self._serve(message)
        log.info("input ended")
        for executor in self._aside.values():
            executor.shutdown(cancel_futures=True)

    def _beat(self) -> None:
        while True:
            beat = {"id": self._job, "state": self._state}
            self._channel.send(protocol.notification("heartbeat", beat))
            if self._channel.closed.wait(protocol.HEARTBEAT_S):
                return

    def _serve(self, message: dict[str, Any]) -> None:
        """Run one request and answer it, here or aside."""
        method = message.get("method")
        if method in ASIDE:
            self._aside[method].submit(self._run, message)
        else:
            self._run(message)

    def _run(self, message: dict[str, Any]) -> None:
        """Run one request and answer it; nothing that goes wrong ends the worker."""
        id = message.get("id")
        try:
            answer = protocol.result(id, self._call(message))
        except CancelledError as error:
            answer = protocol.failure(id, error, **self._partial(error, message))
        except Ft2osError as error:
            answer = protocol.failure(id, error, traceback.format_exc())
        except Exception as error:
            log.exception("%s failed", message.get("method"))
            answer = protocol.failure(id, _explained(error) or error, traceback.format_exc())
        if id is not None:
            self._channel.answer(answer)

    def _call(self, message: dict[str, Any]) -> Any:
        method, given = message.get("method"), message.get("params", {})
        if not isinstance(method, str) or method not in self._methods:
            raise protocol.UnknownMethodError(
                f"The backend has no method {str(method)[:80]!r}.", "Install the backend again."
            )
        if not isinstance(given, dict):
            raise RequestError("The parameters are not a JSON object.", "See the table in ft2os.protocol.")
        if not self._ready and method != "initialize":
            raise RequestError("The connection is not initialized.", "Send initialize first.")
        id = message.get("id")
        self._check_wanted(id, method)
        return self._methods[method](params.check(method, given), id)

    def _cancelled(self, id: Any, method: str) -> bool:
        """Has the client cancelled, or gone in the middle of something long?"""
        return self._channel.is_cancelled(id) or (method in LONG + ASIDE and self._channel.closed.is_set())

    def _check_wanted(self, id: Any, method: str) -> None:
        if self._cancelled(id, method):
            raise CancelledError

    @contextmanager
    def _during(self, state: str, id: int | str | None = None) -> Iterator[None]:
        before = (self._state, self._job)
        self._state, self._job = state, id
        try:
            yield
        finally:
            self._state, self._job = before

    # The methods. Each takes (asked, id) and returns its result; ``asked`` are its checked parameters.

    def _initialize(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        protocol.check_version(asked["protocol"])
        with self._during("loading"):
            cuda = drawing.uses_cuda()
        self._ready = True
        methods = _methods()
        return {
            "protocol": protocol.PROTOCOL,
            "version": ft2os.__version__,
            "device": "cuda" if cuda else "cpu",
            "rasterizer": "gsplat" if cuda else "tiles",
            "methods": methods,
            # What clients of 0.1 read: the methods that have a preset which lacks nothing.
            "guidance": [name for name, presets in methods.items() if None in presets.values()],
            "editors": editors.facts(),
        }

    def _put(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        return {"count": len(self._store.put(asked["key"], asked["path"]))}

    def _convert(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        from ft2os.formats import load_scene, save_scene

        tell = self._teller(id, "scene.convert")
        scene = load_scene(asked["path"], drop_invalid=asked["drop_invalid"], progress=tell)
        file_format = save_scene(asked["out"], scene.gaussians, labels=scene.labels or None, progress=tell)
        return {"path": asked["out"], "format": file_format.name, "count": len(scene.gaussians)}

    def _render(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        began = time.monotonic()

        def look() -> None:
            self._check_wanted(id, "render")
            if time.monotonic() - began > PATIENCE_S:
                self._check_newest(asked)

        self._check_newest(asked)
        # The first picture of a process compiles the kernels, or loads them from numba's cache.
        with self._during("working" if self._compiled else "compiling", id):
            answer = drawing.render(self._composer, asked, look)
        self._compiled = True
        return answer

    def _check_newest(self, asked: dict[str, Any]) -> None:
        waiting = self._channel.waiting()
        if any(_revision_of(message, asked["out"]) > asked["revision"] for message in waiting):
            raise protocol.SupersededError("A newer picture was asked for.", "Wait for that one.")

    def _stylize(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        with self._during("loading", id):
            from ft2os.stylize import stylize

            request = job.read_request(self._composer, asked, lambda: self._check_wanted(id, "stylize"))
            report = job.Report(self._notify, id, Path(asked["out"]), asked["live"])

            def cancelled() -> bool:
                self._serve_between_steps()
                return self._cancelled(id, "stylize")

            def progress(step: Any) -> None:
                self._state = "working"
                report(step)

            result = stylize(request, progress=progress, cancelled=cancelled)
            return job.save(result, asked["out"])

    def _views(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        tell = self._teller(id, "views")

        def on_progress(share: float) -> None:
            self._state = "working"
            self._serve_between_steps()
            tell("drawing", round(100 * share), 100)

        with self._during("loading", id):
            return views.write(self._composer, asked, on_progress)

    def _fetch(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        tell = self._teller(id, "editors.fetch")
        self._fetching.add(asked["name"])
        try:
            editors.fetch(
                asked["name"],
                asked["accept_licence"],
                lambda share: tell("downloading", round(1000 * share), 1000),
            )
        finally:
            self._fetching.discard(asked["name"])
        return {"editors": editors.facts()}

    def _remove(self, asked: dict[str, Any], id: Any) -> dict[str, Any]:
        if asked["name"] in self._fetching:
            raise RequestError("This editor is just being downloaded.", "Cancel that first.")
        freed = editors.remove(asked["name"])
        return {"bytes": freed, "editors": editors.facts()}

    def _select(self, asked: dict[str, Any], id: Any) -> None:
        raise MissingError("Selecting by picture is not available yet.", "Select a group's object instead.")

    def _shutdown(self, asked: dict[str, Any], id: Any) -> None:
        self._channel.close()

    def _teller(self, id: Any, method: str) -> Callable[[str, int, int], None]:
        """A ``progress`` for readers and writers: reports each step once, stops work that was cancelled."""
        last = None

        def tell(stage: str, step: int, total: int) -> None:
            nonlocal last
            self._check_wanted(id, method)
            if last != (stage, step):
                last = stage, step
                facts = {"stage": stage, "step": step, "total": total}
                self._notify("progress", {"id": id, **facts, "eta_s": None, "loss": None, "metrics": {}})

        return tell

    def _serve_between_steps(self) -> None:
        while message := self._channel.receive(False, lambda m: m.get("method") not in LONG):
            self._serve(message)

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._channel.send(protocol.notification(method, params))

    def _partial(self, error: CancelledError, message: dict[str, Any]) -> dict[str, Any]:
        """Save what a cancelled job had so far and say where."""
        if error.partial is None:
            return {}
        try:
            return {"partial": job.save(error.partial, message["params"]["out"])}
        except Ft2osError:
            log.exception("the partial result is lost")
            return {}


def _revision_of(message: dict[str, Any], out: str) -> int:
    params = message.get("params")
    if message.get("method") != "render" or not isinstance(params, dict) or params.get("out") != out:
        return -1
    revision = params.get("revision")
    return revision if isinstance(revision, int) else -1


def _methods() -> dict[str, dict[str, dict[str, str] | None]]:
    """Each method's presets, and what each lacks on this machine."""
    from ft2os.stylize.methods import METHODS

    def lacks(method: Method, preset: str) -> dict[str, str] | None:
        error = method.lacking(preset)
        return None if error is None else {"message": error.message, "hint": error.hint}

    return {
        method.name: {preset.name: lacks(method, preset.name) for preset in method.presets}
        for method in METHODS.values()
    }


def _explained(error: Exception) -> Ft2osError | None:
    """The error to show for a lack of memory or of an optional package; None for other errors."""
    if lacks_memory(error):
        return RequestError("There is not enough memory for this.", NO_MEMORY_HINT)
    name = (getattr(error, "name", None) or "").split(".")[0]
    if not isinstance(error, ImportError) or name in ("", "ft2os"):
        return None
    extra = extra_of(name) or "engine"
    return MissingError(
        f"The backend lacks the package {name}.",
        f'Press "Install backend" in the Preferences, or run: pip install "ft2os[{extra}]".',
    )
