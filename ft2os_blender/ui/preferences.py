"""The extension's Preferences: where the backend's Python is, how to install one, its device, its log."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import controls
from ..setup import state
from . import facts

DEVICES = [
    ("auto", "Automatic", "The GPU where there is one that works, the CPU elsewhere"),
    ("cpu", "CPU", "Never use the GPU"),
]
EXTRAS = [
    ("lite", "Lite (0.5 GB)", "The material method and rendering on the CPU"),
    ("engine", "Engine (2 GB or more)", "Also torch and CLIP, for the CLIP method"),
    ("diffusion", "Editors (2 GB or more)", "Also diffusers, for editing by instruction"),
]
_STATES = {"runs": "TIME", "works": "CHECKMARK", "fails": "ERROR"}
_WIDTH = 90  # characters a line


def _python_changed(self: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    state.forget()


class FT2OS_Preferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > Splat Style"""

    bl_idname = __package__.rpartition(".")[0]

    python: StringProperty(
        name="Use This Python",
        description="A Python 3.11 or newer that has ft2os; empty: FT2OS_PYTHON, the installed backend, PATH",
        subtype="FILE_PATH",
        update=_python_changed,
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
    __annotations__ |= controls.annotations("preferences")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        _status(layout)
        _install(self, layout)
        layout.prop(self, "python")
        layout.prop(self, "device")
        layout.prop(self, "log_path")
        controls.draw_preferences(layout, self)


def _status(layout: bpy.types.UILayout) -> None:
    """Which backend there is, and what its Test said."""
    backend, tested = state.backend(), state.tested
    status = layout.box().column()
    if backend is None:
        status.label(text="No backend: stylizing and rendering need one", icon="ERROR")
    else:
        icon = _STATES[tested.state] if tested else "QUESTION"
        status.label(text=f"Backend {backend.origin}", icon=icon, translate=False)
        status.label(text=backend.python, icon="BLANK1", translate=False)
    row = status.row()
    row.enabled = tested is None or tested.state != "runs"
    row.operator("ft2os.test_backend", icon="PLAY")
    for line in facts.wrapped(tested.text, _WIDTH) if tested else ["Not tested"]:
        status.label(text=line, icon="BLANK1", translate=False)


def _install(prefs: FT2OS_Preferences, layout: bpy.types.UILayout) -> None:
    """What to install and from where, and the live log of the installation."""
    box = layout.box()
    installer, running = state.installer, state.installing()
    column = box.column()
    column.enabled = not running
    column.prop(prefs, "extra")
    column.prop(prefs, "base_python")
    if not bpy.app.online_access:
        box.label(
            text='Turn on "Allow Online Access" in the System preferences to install', icon="INTERNET_OFFLINE"
        )
    if running:
        row = box.row()
        row.label(text=installer.stage, icon="TIME")
        row.operator("ft2os.install_cancel")
    else:
        box.operator("ft2os.install_backend", icon="IMPORT")
    if installer is None:
        return
    header = box.row()
    icon = "DOWNARROW_HLT" if prefs.show_log else "RIGHTARROW"
    header.prop(prefs, "show_log", icon=icon, emboss=False)
    if prefs.show_log:
        lines = box.column(align=True)
        lines.scale_y = 0.7
        for line in state.log_tail():
            lines.label(text=line[:160], translate=False)
    if installer.error is not None:
        box.label(text=str(installer.error), icon="ERROR", translate=False)


CLASSES = (FT2OS_Preferences,)
