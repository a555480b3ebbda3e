"""Install the backend, cancel that, test the one there is; and the colour-management fix of the panel."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from ft2os.errors import BackendError, MissingError

from .. import preferences
from ..jobs.client import Pending
from ..jobs.manager import manager
from ..preferences import Tested
from ..scene import display
from ..setup import find, install
from .report import guarded, show_error

_EXTENSION = Path(__file__).resolve().parent.parent
_TEST_S = 90.0


class FT2OS_OT_install_backend(bpy.types.Operator):
    """Make an environment for the backend and install ft2os and what it needs into it"""

    bl_idname = "ft2os.install_backend"
    bl_label = "Install Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if preferences.installer is not None and not preferences.installer.poll():
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
        own = preferences.get()
        wheel = install.bundled_wheel(_EXTENSION)
        base = find.base_python(bpy.path.abspath(own.base_python) if own.base_python else "")
        preferences.start_install(install.Installer(base, preferences.backend_folder(), wheel, own.extra))
        self.report({"INFO"}, f"Installing the backend from {base}")
        return {"FINISHED"}


class FT2OS_OT_install_cancel(bpy.types.Operator):
    """Stop the installation; the backend from before stays"""

    bl_idname = "ft2os.install_cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return preferences.installer is not None and not preferences.installer.poll()

    def execute(self, context: bpy.types.Context) -> set[str]:
        preferences.installer.cancel()
        return {"FINISHED"}


class FT2OS_OT_test_backend(bpy.types.Operator):
    """Start the backend and ask what it is"""

    bl_idname = "ft2os.test_backend"
    bl_label = "Test"

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        preferences.forget()
        try:
            pending = manager.client().hello()
        except BackendError as error:
            preferences.tested = Tested("fails", str(error))
            raise
        if bpy.app.background:  # no timer fires
            pending.done_within(_TEST_S)
            _take(pending)
            if pending.error is not None:
                raise pending.error
            self.report({"INFO"}, preferences.tested.text)
            return {"FINISHED"}
        preferences.tested = Tested("runs", "Starting it …")
        manager.watch(lambda: pending.poll() and _take(pending))
        return {"FINISHED"}


def _take(pending: Pending) -> bool:
    """Note what the backend said of itself; True."""
    if pending.error is not None:
        preferences.tested = Tested("fails", str(pending.error))
        show_error(bpy.context, pending.error)
    elif pending.result is not None:
        said = pending.result
        offered = said.get("methods", {})
        runnable = [name for name, presets in offered.items() if None in presets.values()]
        methods = ", ".join(runnable) or "none"
        preferences.tested = Tested(
            "works",
            f"ft2os {said['version']}, {said['rasterizer']} on {said['device']}, methods: {methods} "
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
