"""The layout of the extension's Preferences."""

from __future__ import annotations

import bpy

from .. import preferences
from . import facts

_STATES = {"runs": "TIME", "works": "CHECKMARK", "fails": "ERROR"}
_WIDTH = 90  # characters a line


def draw(own: bpy.types.AddonPreferences, layout: bpy.types.UILayout) -> None:
    """Status, installation with its live log, and the settings."""
    layout.use_property_split = True
    found = preferences.backend()
    status = layout.box().column()
    if found is None:
        status.label(text="No backend: stylizing and rendering need one", icon="ERROR")
    else:
        icon = _STATES[preferences.tested.state] if preferences.tested else "QUESTION"
        status.label(text=f"Backend {found.origin}", icon=icon, translate=False)
        status.label(text=found.python, icon="BLANK1", translate=False)
    row = status.row()
    row.enabled = preferences.tested is None or preferences.tested.state != "runs"
    row.operator("ft2os.test_backend", icon="PLAY")
    for line in facts.wrapped(preferences.tested.text, _WIDTH) if preferences.tested else ["Not tested"]:
        status.label(text=line, icon="BLANK1", translate=False)

    _install(own, layout)
    layout.prop(own, "python")
    layout.prop(own, "device")
    layout.prop(own, "log_path")


def _install(own: bpy.types.AddonPreferences, layout: bpy.types.UILayout) -> None:
    box = layout.box()
    installer = preferences.installer
    running = installer is not None and not installer.poll()
    column = box.column()
    column.enabled = not running
    column.prop(own, "extra")
    column.prop(own, "base_python")
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
    header.prop(own, "show_log", icon="DOWNARROW_HLT" if own.show_log else "RIGHTARROW", emboss=False)
    if own.show_log:
        lines = box.column(align=True)
        lines.scale_y = 0.7
        for line in preferences.log_tail():
            lines.label(text=line[:160], translate=False)
    if installer.error is not None:
        box.label(text=str(installer.error), icon="ERROR", translate=False)
