"""Which Python runs the backend, and which one a new backend can be made from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ft2os.errors import BackendError

OLDEST, NEWEST = (3, 11), (3, 14)  # what numba has wheels for
CURRENT = "current.json"  # beside the installed environments: which one counts


@dataclass(frozen=True)
class Found:
    """A backend's Python and how it was found."""

    python: str
    origin: str


def discover(preference: str, folder: Path, environ: dict[str, str] | None = None) -> Found | None:
    """The backend that will be used: the preference, FT2OS_PYTHON, the installed one, PATH; or None.

    A preference or variable that names no file still counts: starting it then says what is wrong, instead of
    quietly using another.
    """
    environ = dict(os.environ) if environ is None else environ
    if preference:
        return Found(preference, "chosen in the Preferences")
    if environ.get("FT2OS_PYTHON"):
        return Found(environ["FT2OS_PYTHON"], "from FT2OS_PYTHON")
    facts = installed(folder)
    if facts:
        return Found(facts["python"], f"installed here ({facts['extra']})")
    on_path = _beside_command(environ.get("PATH", ""))
    return Found(on_path, "the ft2os command on PATH") if on_path else None


def installed(folder: Path) -> dict[str, str] | None:
    """What `Installer` left in ``folder``: {python, extra, version}, or None."""
    try:
        facts = json.loads((folder / CURRENT).read_text("utf-8"))
        return facts if Path(facts["python"]).is_file() else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(python: str) -> tuple[int, int]:
    """(major, minor) of a Python, which is run to find out.

    Raises
    ------
    BackendError
        If the file is not a Python or is older or newer than the backend supports.
    """
    ask = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [python, "-I", "-c", ask], capture_output=True, text=True, timeout=20, check=True
        ).stdout
        major, minor = (int(word) for word in answer.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        raise BackendError(f"{python} is not a Python.", "Choose the python executable itself.") from None
    if not OLDEST <= (major, minor) <= NEWEST:
        raise BackendError(
            f"{python} is Python {major}.{minor}; the backend needs 3.{OLDEST[1]} to 3.{NEWEST[1]}.",
            "Choose another Python, or install one from python.org.",
        )
    return major, minor


def base_python(preference: str = "") -> str:
    """A Python to make an environment from: the preferred one, else the first fitting one here.

    Raises
    ------
    BackendError
        If there is none, or the preferred one does not fit.
    """
    if preference:
        version_of(preference)
        return preference
    names = ["python3.12", "python3.11", "python3.13", "python3", "python"]
    # Blender's own Python comes last: an environment made from it breaks when that Blender is removed.
    for name in [*filter(None, map(shutil.which, names)), sys.executable]:
        try:
            version_of(name)
            return name
        except BackendError:
            continue
    raise BackendError(
        f"No Python 3.{OLDEST[1]} to 3.{NEWEST[1]} was found on this machine.",
        "Install one from python.org, or choose one in the Preferences.",
    )


def _beside_command(path: str) -> str:
    """The Python of the environment whose ``ft2os`` command is on PATH, or ''."""
    command = shutil.which("ft2os", path=path)
    if not command:
        return ""
    name = "python.exe" if os.name == "nt" else "python"
    python = Path(command).resolve().with_name(name)
    return str(python) if python.is_file() else ""
