"""Small pictures of files in a panel: Blender's own previews, kept until their place shows another file."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

_previews: dict[str, bpy.utils.previews.ImagePreviewCollection] | None = None  # by the place in the panel


def icon(named: str, place: str = "style") -> int:
    """The icon of a picture file; 0 where there is none."""
    path = Path(bpy.path.abspath(named)) if named else None
    if _previews is None or path is None or not path.is_file():
        return 0
    if place not in _previews:
        _previews[place] = bpy.utils.previews.new()
    shown, key = _previews[place], f"{path}:{path.stat().st_mtime_ns}"
    if key not in shown:
        shown.clear()
        _ = shown.load(key, str(path), "IMAGE").image_size[:]  # read now: a picture that comes later flickers
    return shown[key].icon_id


def attach() -> None:
    """Make room for previews."""
    global _previews
    _previews = {}


def detach() -> None:
    """Free them."""
    global _previews
    for shown in (_previews or {}).values():
        bpy.utils.previews.remove(shown)
    _previews = None
