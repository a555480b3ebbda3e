"""The session's one client: which backend, which folder for exchanged files, and the one timer.

The timer exists only while something is watched: a live timer at Blender's exit crashes it.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import bpy

from ft2os import gaussians_npy
from ft2os.errors import BackendError
from ft2os.files import write_error
from ft2os.gaussians import Gaussians

from .client import Callback, Client, Pending

log = logging.getLogger(__name__)

TICK_S = 0.1
EXCHANGE_BYTES = 4 * 2**30  # what the session's exchanged files may take on the disk
STALE_S = 7 * 86400  # a session's folder that nobody touched for a week was left by a crash


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the preferences say about the backend; another value means another process."""

    python: str
    env: tuple[tuple[str, str], ...] = ()
    log_path: Path = Path("worker.log")


def user_folder(name: str = "") -> Path:
    """A folder of the extension's own, created if need be; it writes elsewhere only on the artist's word."""
    package = __package__.rpartition(".")[0]
    try:
        return Path(bpy.utils.extension_path_user(package, path=name, create=True))
    except ValueError:  # not installed as an extension: development
        path = Path(bpy.app.tempdir or tempfile.gettempdir(), "ft2os", name)
        path.mkdir(parents=True, exist_ok=True)
        return path


def _disabled() -> Settings:
    raise BackendError("Splat Style is not enabled.", "Enable it in the Preferences, under Add-ons.")


class Manager:
    """Owns the client.

    Attributes
    ----------
    settings : callable
        Returns the present `Settings`; called at each request, may raise BackendError. ``preferences`` sets
        it.
    """

    def __init__(self) -> None:
        self.settings: Callable[[], Settings] = _disabled
        self._client: Client | None = None
        self._used: Settings | None = None
        self._folder: Path | None = None
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._put: tuple[int, set[str]] = (-1, set())  # generation, the keys that its process was given
        self._watched: list[Callable[[], bool]] = []
        self._lock = threading.RLock()

    def client(self) -> Client:
        """The client for the present settings, not necessarily started.

        Raises
        ------
        BackendError
            If no backend can be found.
        """
        with self._lock:
            settings = self.settings()
            if self._client is None or settings != self._used:
                self.close_client()
                self._client = Client(settings.python, dict(settings.env), settings.log_path)
                self._used = settings
            return self._client

    def running(self) -> Client | None:
        """The client if its process runs: for panels, which must start nothing."""
        return self._client if self._client is not None and self._client.alive else None

    def submit(
        self,
        method: str,
        params: dict,
        on_progress: Callback | None = None,
        on_preview: Callback | None = None,
    ) -> Pending:
        """Send a request to the present backend, started if need be."""
        return self.client().request(method, params, on_progress, on_preview)

    def put(self, gaussians: Gaussians) -> str:
        """Give the worker some Gaussians, once per content; returns their key.

        Raises
        ------
        BackendError, FileError
        """
        key = gaussians_npy.digest(gaussians)
        with self._lock:
            self._give(key, self._file(f"{key}.npy", lambda path: gaussians_npy.write(path, gaussians)))
        return key

    def give_again(self, keys: set[str]) -> bool:
        """Give a new worker the data of the one before it; False where a file was removed to make room."""
        with self._lock:
            paths = {key: self.folder() / f"{key}.npy" for key in keys}
            if not all(path.exists() for path in paths.values()):
                return False
            for key, path in paths.items():
                self._give(key, path)
            return True

    def _give(self, key: str, path: Path) -> None:
        client = self.client()
        client.start()
        generation, keys = self._put
        if generation != client.generation:
            generation, keys = self._put = client.generation, set()
        if key not in keys:
            client.request("data.put", {"key": key, "path": str(path)})
            keys.add(key)

    def put_look(self, look) -> str:
        """Write a look (``ft2os.looks.Look``) where the worker can read it, once per content; its path."""
        name = f"look-{look.digest()}.npy"
        with self._lock:
            return str(self._file(name, look.save))

    def forget(self) -> None:
        """Give the worker all data again at its next use; called when it has lost some."""
        with self._lock:
            self._put = (-1, set())

    def folder(self) -> Path:
        """This session's folder for exchanged files; it goes when the session ends.

        Raises
        ------
        FileError
            If it cannot be created.
        """
        with self._lock:
            if self._folder is None or not self._folder.is_dir():
                cache = user_folder("cache")
                _remove_stale(cache)
                try:
                    self._folder = Path(tempfile.mkdtemp(prefix="session-", dir=cache))
                except OSError as error:
                    raise write_error(cache, error) from error
                self._files.clear()
            return self._folder

    def watch(self, poll: Callable[[], bool]) -> None:
        """Call ``poll`` on the main thread ten times a second until it returns True."""
        self._watched.append(poll)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=TICK_S, persistent=True)

    def tick(self) -> float | None:
        """One turn of the timer; None ends it."""
        for poll in list(self._watched):
            try:
                done = poll()
            except Exception:
                log.exception("a watched job failed")
                done = True
            if done and poll in self._watched:
                self._watched.remove(poll)
        return TICK_S if self._watched else None

    def close_client(self) -> None:
        """End the worker."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None
            self.forget()

    def close(self) -> None:
        """End everything: worker, timer, files."""
        self._watched.clear()
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)
        self.close_client()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self._files.clear()

    def _file(self, name: str, write: Callable[[Path], object]) -> Path:
        """A file of the session, written when it is not there; the longest unused ones make room."""
        path = self.folder() / name
        if not path.exists():
            write(path)
        self._files[name] = path
        self._files.move_to_end(name)
        sizes = {key: file.stat().st_size for key, file in self._files.items() if file.exists()}
        total = sum(sizes.values())
        while total > EXCHANGE_BYTES and len(self._files) > 1:
            key, old = self._files.popitem(last=False)
            old.unlink(missing_ok=True)
            total -= sizes.get(key, 0)
        return path


manager = Manager()


def start() -> None:
    """Nothing runs yet: the worker starts on first use."""


def stop() -> None:
    """End the worker and the timer, remove the session's files."""
    manager.close()


def _tick() -> float | None:
    return manager.tick()


def _remove_stale(cache: Path) -> None:
    for old in cache.glob("session-*"):
        if old.stat().st_mtime < time.time() - STALE_S:
            shutil.rmtree(old, ignore_errors=True)
