"""Where the backend's Python is, how to install one, its device, its log; and what the panels know of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ft2os.errors import BackendError

from .jobs.manager import Settings, manager, user_folder
from .setup import find
from .setup.install import Installer

DEVICES = [
    ("auto", "Automatic", "The GPU where there is one that works, the CPU elsewhere"),
    ("cpu", "CPU", "Never use the GPU"),
]
EXTRAS = [
    ("lite", "Lite (0.5 GB)", "The material method and rendering on the CPU"),
    ("engine", "Engine (2 GB or more)", "Also torch and CLIP, for the CLIP method"),
]
_LOG_LINES = 6
_FRESH_S = 2.0


@dataclass(frozen=True)
class Tested:
    """What a Test found out: that it works, that it does not, or that there is no answer yet."""

    state: Literal["runs", "works", "fails"]
    text: str


installer: Installer | None = None  # the session's installation, running or ended
tested: Tested | None = None  # what the last Test said; None: the chosen backend was not tested
_found: tuple[float, find.Found | None] = (-_FRESH_S, None)


def _forget(self: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    forget()


class FT2OS_Preferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > Splat Style"""

    bl_idname = __package__

    python: StringProperty(
        name="Use This Python",
        description="A Python 3.11 or newer that has ft2os; empty: FT2OS_PYTHON, the installed backend, PATH",
        subtype="FILE_PATH",
        update=_forget,
    )
    base_python: StringProperty(
        name="Install From",
        description="The Python to make the backend's environment from; empty: the first that fits",
        subtype="FILE_PATH",
    )
    extra: EnumProperty(name="Contents", items=EXTRAS, default="lite")
    device: EnumProperty(name="Device", items=DEVICES, default="auto")
    log_path: StringProperty(
        name="Log File", description="Empty: in the extension's folder", subtype="FILE_PATH"
    )
    show_log: BoolProperty(name="Show Log", default=True)

    def draw(self, context: bpy.types.Context) -> None:
        from .ui import preferences as layout_of

        layout_of.draw(self, self.layout)


def get() -> FT2OS_Preferences | None:
    """The extension's preferences; None while it is being enabled or disabled."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else None


def backend_folder() -> Path:
    """Where installed backends live."""
    return user_folder("backend")


def backend() -> find.Found | None:
    """The backend that will be used, or None; remembered for two seconds because panels ask."""
    global _found
    if time.monotonic() - _found[0] > _FRESH_S:
        own = get()
        chosen = bpy.path.abspath(own.python) if own and own.python else ""
        _found = (time.monotonic(), find.discover(chosen, backend_folder()))
    return _found[1]


def forget() -> None:
    """Look for the backend again at the next question."""
    global _found, tested
    _found, tested = (-_FRESH_S, None), None


def settings() -> Settings:
    """What the job manager starts.

    Raises
    ------
    BackendError
        If there is no backend.
    """
    found = backend()
    if found is None:
        raise BackendError(
            "No backend is installed.",
            'Press "Install backend" in the Preferences of Splat Style, or choose a Python there.',
        )
    own = get()
    env = {"FT2OS_DEVICE": own.device} if own and own.device != "auto" else {}
    # The CLIP method fetches a named model's weights only where that is allowed.
    env |= {"FT2OS_DOWNLOAD": "1"} if bpy.app.online_access else {"HF_HUB_OFFLINE": "1"}
    return Settings(found.python, tuple(env.items()), log_file())


def log_file() -> Path:
    """Where the worker's messages go."""
    own = get()
    return Path(bpy.path.abspath(own.log_path)) if own and own.log_path else user_folder("log") / "worker.log"


def start_install(new: Installer) -> None:
    """Make ``new`` the session's installation and watch it."""
    global installer
    if installer is not None and not installer.poll():
        raise BackendError("An installation is running already.", "Wait for it, or cancel it.")
    installer = new.start()
    manager.watch(_watch_install)


def log_tail() -> list[str]:
    """The newest lines of the installation."""
    return [] if installer is None else list(installer.lines)[-_LOG_LINES:]


def start() -> None:
    """Called when the extension is enabled."""
    forget()
    manager.settings = settings


def stop() -> None:
    """Called when the extension is disabled, and at exit: no installation stays half done."""
    global installer
    if installer is not None:
        installer.cancel()
        installer = None


def _watch_install() -> bool:
    ended = installer is None or installer.poll()
    if ended:
        forget()
        manager.close_client()  # a new backend answers the next request
    redraw()
    return ended


def redraw() -> None:
    """Draw the panels and the Preferences again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()


CLASSES = (FT2OS_Preferences,)
