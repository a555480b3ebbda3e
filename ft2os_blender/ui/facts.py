"""Everything the panels say, as plain functions: cheap enough to run at every redraw, and testable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ft2os import transforms
from ft2os.errors import Ft2osError, RequestError
from ft2os.stylize.about import duration

from ..scene import build, looks, objects


def object_facts(obj: bpy.types.Object) -> list[tuple[str, str]]:
    """(label, value) rows about a splat object."""
    props = obj.ft2os
    rows = [("Gaussians", f"{len(obj.data.points):,}"), ("SH degree", str(objects.degree(obj.data)))]
    if props.group_id >= 0:
        rows.append(("Group", f"{props.label} ({props.group_id})"))
    return rows


def scene_facts(obj: bpy.types.Object) -> list[tuple[str, str]]:
    """(label, value) rows about the scene that a splat object belongs to."""
    root = build.root_of(obj)
    if root is None:
        return []
    parts = objects.splats(root.children)
    total = sum(len(part.data.points) for part in parts)
    rows = [("Scene", root.name), ("Objects", f"{len(parts)}, {total:,} Gaussians")]
    if root.ft2os.source_path:
        rows.append(("File", Path(root.ft2os.source_path).name))
    return rows


def look_facts(item: bpy.types.PropertyGroup) -> list[tuple[str, str]]:
    """(label, value) rows about a look: what the stylization measured."""
    rows = [("Method", f"{item.method}, seed {item.seed}")]
    stats = looks.stats(item)
    if item.title and item.title != item.name:
        rows.append(("Shows", item.title))
    seconds = stats.get("total_seconds", stats.get("seconds"))
    if isinstance(seconds, int | float):
        rows.append(("Took", remaining(seconds)))
    return rows


def undrawn(obj: bpy.types.Object | None) -> RequestError | None:
    """Why the Splats engine cannot draw an object; None where it can."""
    if not objects.is_splat(obj):
        return None
    try:
        transforms.decompose(np.array(obj.matrix_world))
    except RequestError as error:
        return RequestError(f"{obj.name} is not drawn. {error.message}", error.hint)
    return None


def remaining(seconds: float) -> str:
    """A duration in words: '8 s', '3 min'; '' where it is unknown or hardly any."""
    return "" if seconds < 0.5 else duration(seconds)


def progress_text(job: bpy.types.PropertyGroup, waits: bool = False) -> str:
    """What a job's progress bar says."""
    left = remaining(job.remaining)
    return f"{job.stage or ('Waiting' if waits else 'Starting')}{', ' + left + ' left' if left else ''}"


def go_on_text(request: Callable[[str], dict], checkpoint: str) -> str:
    """The text of the button that goes on with a run."""
    try:
        kept = request(checkpoint)
    except Ft2osError:
        return "Go On"
    title = kept.get("prompt") or Path(kept.get("style_image") or "").stem
    return f"Go On with {title}" if title else "Go On"


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` characters: labels do not wrap by themselves."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines
