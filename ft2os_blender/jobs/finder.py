"""Which Python is the backend's: the preference, FT2OS_PYTHON, our own environment, PATH. No bpy here."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ft2os.errors import BackendError


def find_python(preference: str, environment: Path) -> str:
    """The backend's Python.

    Parameters
    ----------
    preference : str
        What the user chose; empty for nothing. A choice that does not work is not replaced silently.
    environment : Path
        The environment that "Install backend" makes, whether it exists or not.

    Raises
    ------
    BackendError
        If there is none.
    """
    chosen = preference.strip() or os.environ.get("FT2OS_PYTHON", "")
    if chosen:
        return chosen
    command = shutil.which("ft2os")
    candidates = [python_of(environment)]
    if command:
        # The command's own environment: its Python lies beside it.
        candidates.append(Path(command).parent / python_of(environment).name)
    for python in candidates:
        if python.is_file():
            return str(python)
    raise BackendError(
        "No backend is installed.", 'Press "Install backend" in the Preferences, or choose a Python there.'
    )


def python_of(environment: Path) -> Path:
    """The executable of a ``venv``."""
    if sys.platform == "win32":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"
