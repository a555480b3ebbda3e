"""The controls of the methods' settings in Blender: their properties, their drawing, the overrides they give.

`ft2os.stylize.controls` describes them, beside the settings that they turn. Settings of several methods that
share a control share its property, so a value that was turned stays when the method changes.
"""

from __future__ import annotations

import functools
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ft2os.stylize.controls import UNCHANGED, Control, Named, Switch, Ticked
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import described


def annotations() -> dict[str, Any]:
    """Blender's properties for every control of every method, by name."""
    every = (
        control for method in METHODS for preset in METHODS[method].presets
        for _, control in _controls(method, preset.name)
    )  # fmt: skip
    properties: dict[str, Any] = {}
    for control in {control.id: control for control in every}.values():
        properties |= _properties(control)
    return properties


def overrides(turned: bpy.types.PropertyGroup, method: str, preset: str) -> dict[str, Any]:
    """The settings that the controls change; what is left to the preset is not named."""
    values = {
        name: control.value(lambda part: getattr(turned, part)) for name, control in _controls(method, preset)
    }
    return {name: value for name, value in values.items() if value is not UNCHANGED}


def draw(layout: bpy.types.UILayout, turned: bpy.types.PropertyGroup, method: str, preset: str) -> None:
    """The controls of a method's preset."""
    for _, control in _controls(method, preset):
        _draw(layout, turned, control)


@functools.cache  # the panel asks at every redraw
def _controls(method: str, preset: str) -> tuple[tuple[str, Control], ...]:
    """(name, control) of each setting that has a control, in the order of the panel."""
    settings = described(METHODS[method].preset(preset).settings)
    shown = [(name, setting.control) for name, setting in settings.items() if setting.control]
    return tuple(sorted(shown, key=lambda pair: pair[1].place))


def _properties(control: Control) -> dict[str, Any]:
    if isinstance(control, Named | Switch):
        choices = EnumProperty(
            name=control.title,
            description=control.doc,
            items=list(control.choices),
            default=control.choices[0][0],
        )
        if isinstance(control, Named):
            name = StringProperty(name="Material", description="One of the materials, such as lava or ice")
            return {control.id: choices, f"{control.id}_material": name}
        return {control.id: choices, f"{control.id}_amount": _value(control, "Amount", subtype="FACTOR")}
    if isinstance(control, Ticked):
        box = BoolProperty(name=control.heading, description="Choose it, instead of the method")
        return {f"use_{control.id}": box, control.id: _value(control, control.title, subtype="FACTOR")}
    return {control.id: _value(control, control.title)}


def _value(control: Control, name: str, **more: Any) -> Any:
    """The Blender property of a bool, an int or a float."""
    common = {"name": name, "description": control.doc, "default": control.default}
    if isinstance(control.default, bool):
        return BoolProperty(**common)
    soft = control.high if control.soft_high is None else control.soft_high
    if isinstance(control.default, int):
        return IntProperty(**common, min=int(control.low), max=int(control.high), soft_max=int(soft))
    return FloatProperty(**common, min=control.low, max=control.high, soft_max=soft, **more)


def _draw(layout: bpy.types.UILayout, turned: bpy.types.PropertyGroup, control: Control) -> None:
    if isinstance(control, Ticked):
        row = layout.row(heading=control.heading, align=True)
        row.prop(turned, f"use_{control.id}", text="")
        value = row.row()
        value.active = getattr(turned, f"use_{control.id}")
        value.prop(turned, control.id, text=control.title, slider=True)
        return
    layout.prop(turned, control.id, text=control.title)
    choice = getattr(turned, control.id)
    if isinstance(control, Named) and choice == "named":
        layout.prop(turned, f"{control.id}_material")
    if isinstance(control, Switch) and choice == "ON":
        layout.prop(turned, f"{control.id}_amount", slider=True)
