"""The small picture beside a path: Blender's own preview of the file, kept until another one is named."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def icon(named: str) -> int:
    """The icon of a picture file; 0 where there is none."""
    path = Path(bpy.path.abspath(named)) if named else None
    if _previews is None or path is None or not path.is_file():
        return 0
    key = f"{path}:{path.stat().st_mtime_ns}"
    if key not in _previews:
        _previews.clear()
        _previews.load(key, str(path), "IMAGE")
    return _previews[key].icon_id


def attach() -> None:
    """Make room for previews."""
    global _previews
    _previews = bpy.utils.previews.new()


def detach() -> None:
    """Free them."""
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
