"""Keyframes and drivers: those of looks, which Blender does not move with their list, and of transforms."""

from __future__ import annotations

import re
from collections.abc import Iterator

import bpy

_TRANSFORM_PATH = re.compile(r"^(delta_)?(location|rotation_\w+|scale)$")
_LOOK_PATH = re.compile(r"^ft2os\.looks\[(\d+)\]")


def forget_look(obj: bpy.types.Object, index: int) -> None:
    """Drop the keyframes and drivers of look ``index`` and renumber those of the looks after it."""
    animation = obj.animation_data
    if animation is None:
        return
    for curves in (*_curve_lists(animation.action), animation.drivers):
        for curve in list(curves):
            match = _LOOK_PATH.match(curve.data_path)
            if match is None or int(match[1]) < index:
                continue
            if int(match[1]) == index:
                curves.remove(curve)
            else:
                moved = f"ft2os.looks[{int(match[1]) - 1}]"
                curve.data_path = moved + curve.data_path[match.end() :]


def moves(obj: bpy.types.Object) -> bool:
    """Whether keyframes or drivers set an object's location, rotation or scale."""
    animation = obj.animation_data
    if animation is None:
        return False
    lists = (*_curve_lists(animation.action), animation.drivers)
    return any(_TRANSFORM_PATH.match(curve.data_path) for curves in lists for curve in curves)


def _curve_lists(action: bpy.types.Action | None) -> Iterator:
    """Every list of F-curves of an action; layered actions (Blender 5) have one a slot."""
    if action is None:
        return
    if hasattr(action, "fcurves"):
        yield action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield bag.fcurves
