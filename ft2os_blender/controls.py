"""The controls of the methods' settings in Blender: their properties, their drawing, the overrides they give.

`ft2os.stylize.controls` describes them, beside the settings that they turn. Settings of several methods that
share a control share its property, so a value that was turned stays when the method changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ft2os.errors import RequestError
from ft2os.stylize.controls import UNCHANGED, Control, Entry, Menu, Named, Read, Switch, Text, Ticked
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import described

chosen_paths: set[str] = set()
"""Paths that were typed or chosen in this session. A .blend's own may be a stranger's: drawing reads none."""

# Before Blender 4.5 every path could count from the .blend, without being declared so.
_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
_SUBTYPES = {"": "NONE", "file": "FILE_PATH", "folder": "DIR_PATH"}


def annotations(*stands: str) -> dict[str, Any]:
    """Blender's properties for every control of every method that stands there, by name."""
    every = (
        control for method in METHODS for preset in METHODS[method].presets
        for _, control in _controls(method, preset.name)
    )  # fmt: skip
    properties: dict[str, Any] = {}
    for control in {control.id: control for control in every if control.stands in stands}.values():
        properties |= _properties(control)
    return properties


def overrides(
    turned: bpy.types.PropertyGroup,
    method: str,
    preset: str,
    preferences: bpy.types.AddonPreferences | None = None,
) -> dict[str, Any]:
    """The settings that the controls change; what is left to the preset is not named.

    Raises
    ------
    RequestError
        If a folder should be used and none is named.
    """
    found = {}
    for name, control in _controls(method, preset):
        holder = preferences if control.stands == "preferences" else turned
        if holder is not None:
            found[name] = control.value(_reader(holder))
    return {name: value for name, value in found.items() if value is not UNCHANGED}


def draw(
    layout: bpy.types.UILayout,
    turned: bpy.types.PropertyGroup,
    method: str,
    preset: str,
    stands: str = "advanced",
    *,
    words: tuple[str, str | None] = ("", None),
    below: Callable[[bpy.types.UILayout, Menu, Entry], None] | None = None,
) -> None:
    """The controls of a method's preset that stand there.

    Parameters
    ----------
    words : (str, str or None)
        The prompt and the object's name, of which an empty text says what counts instead.
    below : callable, optional
        Draws more under a menu of which the worker tells.
    """
    for _, control in _controls(method, preset):
        if control.stands != stands:
            continue
        _draw(layout, turned, control, words)
        if below is not None and isinstance(control, Menu) and control.facts:
            below(layout, control, _entry(turned, control))


def draw_preferences(layout: bpy.types.UILayout, preferences: bpy.types.AddonPreferences) -> None:
    """The controls of all methods that stand in the Preferences."""
    for name in annotations("preferences"):
        layout.prop(preferences, name)


def chosen(turned: bpy.types.PropertyGroup, method: str, preset: str) -> Iterator[tuple[Menu, Entry]]:
    """What is chosen in each menu of which the worker tells."""
    for _, control in _controls(method, preset):
        if isinstance(control, Menu) and control.facts:
            yield control, _entry(turned, control)


@functools.cache  # the panel asks at every redraw
def _controls(method: str, preset: str) -> tuple[tuple[str, Control], ...]:
    """(name, control) of each setting that has a control, in the order of the panel."""
    settings = described(METHODS[method].preset(preset).settings)
    shown = [(name, setting.control) for name, setting in settings.items() if setting.control]
    return tuple(sorted(shown, key=lambda pair: pair[1].place))


def _entry(turned: bpy.types.PropertyGroup, control: Menu) -> Entry:
    return control.chosen(lambda name: getattr(turned, name))


def _reader(holder: bpy.types.bpy_struct) -> Read:
    """Reads properties by name, paths as the backend needs them."""

    def read(name: str) -> Any:
        value = getattr(holder, name)
        if not value or holder.bl_rna.properties[name].subtype not in ("FILE_PATH", "DIR_PATH"):
            return value
        path = bpy.path.abspath(value)
        if not Path(path).is_absolute():  # beside a .blend that lies nowhere yet
            raise RequestError(f"The path {value} counts from the .blend.", "Save the .blend first.")
        return str(Path(path))

    return read


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
    if isinstance(control, Menu):
        return _menu(control)
    if isinstance(control, Text):
        return {control.id: _text(control.id, control.title, control.doc, control.path, control.default)}
    if isinstance(control, Ticked):
        box = BoolProperty(name=control.heading, description="Choose it, instead of the method")
        return {f"use_{control.id}": box, control.id: _value(control, control.title, subtype="FACTOR")}
    return {control.id: _value(control, control.title)}


def _menu(control: Menu) -> dict[str, Any]:
    """A menu and the paths that its entries open."""
    items = [(entry.name, entry.title, entry.doc, entry.number) for entry in control.entries]
    name = {"name": control.title, "description": control.doc}
    opened = {
        control.path(entry): _text(control.path(entry), entry.opens.capitalize(), entry.doc, entry.opens)
        for entry in control.entries
        if entry.opens
    }
    return {control.id: EnumProperty(**name, items=items, default=items[0][0]), **opened}


def _text(id: str, name: str, doc: str, path: str, default: str = "") -> Any:
    def note(self: bpy.types.bpy_struct, context: bpy.types.Context) -> None:
        chosen_paths.add(bpy.path.abspath(getattr(self, id)))

    more = {"update": note, "options": _RELATIVE} if path else {}
    return StringProperty(name=name, description=doc, default=default, subtype=_SUBTYPES[path], **more)


def _value(control: Control, name: str, **more: Any) -> Any:
    """The Blender property of a bool, an int or a float."""
    common = {"name": name, "description": control.doc, "default": control.default}
    if isinstance(control.default, bool):
        return BoolProperty(**common)
    soft = control.high if control.soft_high is None else control.soft_high
    if isinstance(control.default, int):
        return IntProperty(**common, min=int(control.low), max=int(control.high), soft_max=int(soft))
    return FloatProperty(**common, min=control.low, max=control.high, soft_max=soft, **more)


def _draw(
    layout: bpy.types.UILayout,
    turned: bpy.types.PropertyGroup,
    control: Control,
    words: tuple[str, str | None],
) -> None:
    if isinstance(control, Ticked):
        row = layout.row(heading=control.heading, align=True)
        row.prop(turned, f"use_{control.id}", text="")
        value = row.row()
        value.active = getattr(turned, f"use_{control.id}")
        value.prop(turned, control.id, text=control.title, slider=True)
        return
    hint = {"placeholder": control.hint(*words)} if isinstance(control, Text) and control.hint else {}
    layout.prop(turned, control.id, text=control.title, **hint)
    choice = getattr(turned, control.id)
    if isinstance(control, Named) and choice == "named":
        layout.prop(turned, f"{control.id}_material")
    if isinstance(control, Switch) and choice == "ON":
        layout.prop(turned, f"{control.id}_amount", slider=True)
    if isinstance(control, Menu) and (entry := _entry(turned, control)).opens:
        layout.prop(turned, control.path(entry))
