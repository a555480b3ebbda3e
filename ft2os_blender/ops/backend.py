"""Install the backend, cancel that, test the one there is; and the colour-management fix of the panel."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from ft2os.errors import BackendError, MissingError

from .. import preferences
from ..jobs.client import Pending
from ..jobs.manager import manager
from ..scene import display
from ..setup import find, install, state
from .report import guarded, show_error

_EXTENSION = Path(__file__).resolve().parent.parent
_TEST_S = 90.0


class FT2OS_OT_install_backend(bpy.types.Operator):
    """Make an environment for the backend and install ft2os and what it needs into it"""

    bl_idname = "ft2os.install_backend"
    bl_label = "Install Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if state.installing():
            cls.poll_message_set("An installation is running")
            return False
        return True

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        if not bpy.app.online_access:
            raise MissingError(
                "Installing the backend needs the network, and Blender may not use it.",
                'Turn on "Allow Online Access" in Preferences > System > Network.',
            )
        prefs = preferences.get()
        wheel = install.bundled_wheel(_EXTENSION)
        base = find.base_python(bpy.path.abspath(prefs.base_python) if prefs.base_python else "")
        preferences.start_install(install.Installer(base, preferences.backend_folder(), wheel, prefs.extra))
        self.report({"INFO"}, f"Installing the backend from {base}")
        return {"FINISHED"}


class FT2OS_OT_install_cancel(bpy.types.Operator):
    """Stop the installation; the backend from before stays"""

    bl_idname = "ft2os.install_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return state.installing()

    def execute(self, context: bpy.types.Context) -> set[str]:
        state.installer.cancel()
        return {"FINISHED"}


class FT2OS_OT_test_backend(bpy.types.Operator):
    """Start the backend and ask what it is"""

    bl_idname = "ft2os.test_backend"
    bl_label = "Test"

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        state.forget()
        try:
            pending = manager.client().hello()
        except BackendError as error:
            state.tested = state.Tested("fails", str(error))
            raise
        if bpy.app.background:  # no timer fires
            pending.done_within(_TEST_S)
            _take(pending)
            if pending.error is not None:
                raise pending.error
            self.report({"INFO"}, state.tested.text)
            return {"FINISHED"}
        state.tested = state.Tested("runs", "Starting it …")
        manager.watch(lambda: pending.poll() and _take(pending))
        return {"FINISHED"}


def _take(pending: Pending) -> bool:
    """Note the backend's answer to a Test; True."""
    if pending.error is not None:
        state.tested = state.Tested("fails", str(pending.error))
        show_error(bpy.context, pending.error)
    elif pending.result is not None:
        server = pending.result
        offered = server.get("methods", {})
        runnable = [name for name, presets in offered.items() if None in presets.values()]
        methods = ", ".join(runnable) or "none"
        state.tested = state.Tested(
            "works",
            f"ft2os {server['version']}, {server['rasterizer']} on {server['device']}, methods: {methods} "
            f"({time.strftime('%H:%M:%S')})",
        )
    preferences.redraw()
    return True


class FT2OS_OT_fix_colour_management(bpy.types.Operator):
    """Show colours as they were captured: view transform Standard"""

    bl_idname = "ft2os.fix_colour_management"
    bl_label = "Use Standard"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        display.set_standard_view(context.scene)
        return {"FINISHED"}


CLASSES = (
    FT2OS_OT_install_backend,
    FT2OS_OT_install_cancel,
    FT2OS_OT_test_backend,
    FT2OS_OT_fix_colour_management,
)
