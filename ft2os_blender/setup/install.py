"""Making the backend's environment: a ``venv``, the bundled wheel with an extra, a test, then the switch.

Each installation gets a folder of its own and counts only after it answered a test, so a failed or cancelled
one leaves the backend that was there before. Nothing is ever installed into Blender's own Python.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from ft2os.errors import BackendError, FileError, MissingError
from ft2os.files import replacing

from . import find

log = logging.getLogger(__name__)

EXTRAS = ("lite", "engine")
_TEST = "import ft2os.tiles; print('ft2os', ft2os.__version__)"


def bundled_wheel(folder: Path) -> Path:
    """The ft2os wheel that travels in the extension.

    Raises
    ------
    MissingError
        If the extension was not built by ``make extension``.
    """
    wheels = sorted((folder / "wheels").glob("ft2os-*.whl"))
    if not wheels:
        raise MissingError(
            "The extension carries no ft2os wheel.", "Install the zip that `make extension` makes."
        )
    return wheels[-1]


class Installer:
    """One installation, on a thread of its own.

    Parameters
    ----------
    python : str
        The Python to make the environment from.
    folder : Path
        Where installed backends live.
    wheel : Path
    extra : str
        ``lite`` or ``engine``.
    pip_options : list of str
        More options for pip, such as an index.

    Attributes
    ----------
    state : str
        ``running``, ``done``, ``failed`` or ``cancelled``.
    stage : str
        What happens now, in words.
    lines : deque of str
        The newest output, for the live log; the log file has all of it.
    error : BackendError or None
    """

    def __init__(
        self, python: str, folder: Path, wheel: Path, extra: str, pip_options: tuple[str, ...] = ()
    ) -> None:
        if extra not in EXTRAS:
            raise BackendError(f"There is no extra '{extra}'.", f"Choose one of {', '.join(EXTRAS)}.")
        self.state, self.stage = "running", "Starting"
        self.lines: deque[str] = deque(maxlen=200)
        self.error: BackendError | None = None
        self.log_path = folder / "install.log"
        self._python, self._folder, self._wheel, self._extra = python, folder, wheel, extra
        self._pip_options = pip_options
        self._target = folder / f"env-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ft2os install", daemon=True)

    def start(self) -> Installer:
        """Begin; returns itself."""
        self._thread.start()
        return self

    def poll(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.state != "running"

    def cancel(self, wait: float = 10.0) -> None:
        """Stop and remove what was made so far; the backend from before stays."""
        with self._lock:
            if self.state != "running":
                return
            self.state = "cancelled"
            if self._process is not None:
                _kill(self._process)
        self._thread.join(wait)

    def _run(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.log_path.unlink(missing_ok=True)
            python = find.python_in(self._target)
            pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
            wheel = f"ft2os[{self._extra}] @ {self._wheel.resolve().as_uri()}"
            self._step("Making an environment", [self._python, "-I", "-m", "venv", str(self._target)])
            self._step("Installing packages", [*pip, "install", *self._pip_options, wheel])
            self._step("Testing (compiles nothing yet)", [str(python), "-I", "-c", _TEST])
            self._switch(python)
            self._end("done")
        except BackendError as error:
            self._fail(error)
        except (OSError, FileError) as error:
            self._fail(
                BackendError(
                    f"The backend cannot be installed: {error}.", "Free some space or check the folder."
                )
            )
        except Exception as error:
            log.exception("the installation failed")
            self._fail(BackendError(f"The installation failed: {error}.", f"Read {self.log_path}."))
        finally:
            if self.state == "cancelled":
                self._clean()

    def _step(self, stage: str, command: list[str]) -> None:
        with self._lock:
            if self.state != "running":
                raise BackendError("Cancelled.")
            self.stage = stage
            self._note(f"== {stage}")
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=self._folder,
                env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
                start_new_session=sys.platform != "win32",
            )
        with self._process as process:
            for line in process.stdout:
                self._note(line.rstrip())
        if process.returncode != 0:
            last = next((line for line in reversed(self.lines) if "ERROR" in line), self.lines[-1])
            raise BackendError(f"{stage} failed: {last}", f"Read {self.log_path} and try again.")

    def _switch(self, python: Path) -> None:
        """Make the new environment the one that counts, then drop the older ones."""
        facts = {"python": str(python), "extra": self._extra, "wheel": self._wheel.name}
        with replacing(self._folder / find.CURRENT) as temporary:
            temporary.write_text(json.dumps(facts), "utf-8")
        for old in self._folder.glob("env-*"):
            if old != self._target:
                shutil.rmtree(old, ignore_errors=True)

    def _note(self, line: str) -> None:
        self.lines.append(line)
        with open(self.log_path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _fail(self, error: BackendError) -> None:
        self._clean()  # first, so that nothing half done is left once the state says so
        with self._lock:
            if self.state == "running":
                self.state, self.error = "failed", error
                self.lines.append(error.message)

    def _clean(self) -> None:
        shutil.rmtree(self._target, ignore_errors=True)

    def _end(self, state: str) -> None:
        with self._lock:
            if self.state == "running":
                self.state, self.stage = state, "Ready"


def _kill(process: subprocess.Popen) -> None:
    """End a process and its children: pip starts more of itself."""
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
