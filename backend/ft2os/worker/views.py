"""The ``views`` method: pictures of an object for an artist to edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ft2os.worker.compose import Composer


def write(composer: Composer, asked: dict[str, Any], on_progress: Callable[[float], None]) -> dict[str, Any]:
    """Write the folder that ``asked`` names, as ``worker.params`` has checked it; the method's result.

    The cameras are in the target's own coordinates, in which it is stylized: it may be moved meanwhile.
    """
    from ft2os.stylize.edit.artist_views import write_views

    item = asked["target"]
    frame = item["matrix"]
    composer.check_room([item])
    names = write_views(
        composer.one({**item, "look": None}, frame),
        asked["out"],
        views=asked["views"],
        pixels=asked["pixels"],
        scene=asked["scene"],
        group=asked["group"],
        shown=composer.one(item, frame) if item["look"] else None,
        look=asked["look"],
        on_progress=on_progress,
    )
    return {"path": asked["out"], "views": len(names)}
