"""Starting the worker's process: a clean environment, no window, its stderr in a log file. No bpy here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ft2os.errors import BackendError

LOG_LIMIT = 4 * 2**20  # bytes; a larger log moves to <name>.old at the next start
CHOOSE = 'Press "Install backend" in the Preferences, or choose another Python there.'


class WorkerDied(BackendError):
    """A worker that had worked ended by itself: the same request may succeed with the next one."""


def spawn(python: str, env: dict[str, str], log_path: Path) -> subprocess.Popen:
    """Start ``python -m ft2os.worker`` with pipes on stdin and stdout.

    Parameters
    ----------
    python : str
        The backend's Python executable.
    env : dict
        Variables to set besides the inherited ones.
    log_path : Path
        Receives what the worker writes to stderr, at its end.

    Raises
    ------
    BackendError
        If that file cannot be run at all.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    _rotate(log_path)
    platform = (
        {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        if sys.platform == "win32"
        else {"start_new_session": True}  # Ctrl+C in Blender's terminal is not meant for the worker
    )
    try:
        with open(log_path, "ab") as log:
            return subprocess.Popen(
                [python, "-m", "ft2os.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=log_path.parent,  # a folder of ours: `-m` looks into the current one first
                env=environment(os.environ, env),
                bufsize=0,
                **platform,
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackendError(f"{python or 'Nothing'} cannot be run as a Python: {reason}.", CHOOSE) from error


def environment(inherited: dict[str, str], extra: dict[str, str]) -> dict[str, str]:
    """The worker's environment, without the variables that point Python at Blender's own files."""
    env = {k: v for k, v in inherited.items() if not k.startswith("PYTHON") and k != "__PYVENV_LAUNCHER__"}
    env |= {
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        # torch and numba bring an OpenMP runtime each, whose spinning threads slow one another down.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return env | extra


def explain_exit(python: str, code: int | None, log_tail: str, greeted: bool) -> BackendError:
    """Why the worker ended, in the user's words, from its exit code and its last lines on stderr.

    ``greeted``: it had answered before, so it is a worker and the fault is in what it did.
    """
    if greeted:
        return WorkerDied(
            f"The backend stopped unexpectedly ({_exit_text(code)}); the scene is unchanged.",
            "Try again: it starts anew by itself; the log file says more.",
        )
    if "No module named ft2os" in log_tail or "No module named 'ft2os'" in log_tail:
        return BackendError(f"The Python {python} does not have ft2os.", CHOOSE)
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    if "Traceback" in log_tail:
        return BackendError(f"The backend cannot start: {lines[-1]}", CHOOSE)
    return BackendError(f"{python} is not a Python with ft2os ({_exit_text(code)}).", CHOOSE)


def read_tail(path: Path, start: int, limit: int = 8192) -> str:
    """What was written to the log since byte ``start``, at most the last ``limit`` bytes."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - limit))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _rotate(path: Path) -> None:
    try:
        if path.stat().st_size > LOG_LIMIT:
            os.replace(path, path.with_name(path.name + ".old"))
    except OSError:
        pass  # no log yet, or another Blender holds it: append


def _exit_text(code: int | None) -> str:
    if code is None:
        return "no answer"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
