"""What the artist chose in the Preferences, as the backend's process and its installation need it.

The Preferences themselves, with their layout, are in ``ui.preferences``; what they show of the backend is in
``setup.state``.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ft2os.errors import BackendError

from .jobs.manager import Settings, manager, user_folder
from .setup import find, state
from .setup.install import Installer


def get() -> bpy.types.AddonPreferences | None:
    """The extension's preferences; None while it is being enabled or disabled."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else None


def backend_folder() -> Path:
    """Where installed backends live."""
    return user_folder("backend")


def settings() -> Settings:
    """The backend that the job manager starts: its Python, environment variables and log file.

    Raises
    ------
    BackendError
        If there is no backend.
    """
    backend = state.backend()
    if backend is None:
        raise BackendError(
            "No backend is installed.",
            'Press "Install backend" in the Preferences of Splat Style, or choose a Python there.',
        )
    prefs = get()
    env = {"FT2OS_DEVICE": prefs.device} if prefs and prefs.device != "auto" else {}
    # The CLIP method fetches a named model's weights only where that is allowed.
    env |= {"FT2OS_DOWNLOAD": "1"} if bpy.app.online_access else {"HF_HUB_OFFLINE": "1"}
    return Settings(backend.python, tuple(env.items()), log_file())


def log_file() -> Path:
    """Where the worker's messages go."""
    prefs = get()
    if prefs and prefs.log_path:
        return Path(bpy.path.abspath(prefs.log_path))
    return user_folder("log") / "worker.log"


def start_install(installer: Installer) -> None:
    """Make ``installer`` the session's installation and watch it.

    Raises
    ------
    BackendError
        If one runs already.
    """
    if state.installing():
        raise BackendError("An installation is running already.", "Wait for it, or cancel it.")
    state.installer = installer.start()
    manager.watch(_watch_install)


def start() -> None:
    """Called when the extension is enabled."""
    state.search = _search
    state.forget()
    manager.settings = settings


def stop() -> None:
    """Called when the extension is disabled, and at exit: no installation stays half done."""
    if state.installer is not None:
        state.installer.cancel()
        state.installer = None


def redraw() -> None:
    """Draw the panels and the Preferences again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()


def _search() -> find.Found | None:
    prefs = get()
    python = bpy.path.abspath(prefs.python) if prefs and prefs.python else ""
    return find.discover(python, backend_folder())


def _watch_install() -> bool:
    ended = not state.installing()
    if ended:
        state.forget()
        manager.close_client()  # a new backend answers the next request
    redraw()
    return ended
