"""The list of an object's looks."""

from __future__ import annotations

import bpy


class FT2OS_UL_looks(bpy.types.UIList):
    """One look a line: its words and whether it is worn"""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index) -> None:
        row = layout.row(align=True)
        worn = index == data.active_look
        row.label(text=item.name, icon="RADIOBUT_ON" if worn else "RADIOBUT_OFF", translate=False)
        row.operator("ft2os.look_remove", text="", icon="X", emboss=False).index = index


CLASSES = (FT2OS_UL_looks,)
