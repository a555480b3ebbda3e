"""The record of a stylization, ``<out>.run.json`` beside the result: what was asked and how it went.

``ft2os evaluate`` reads it for its report. With one object its figures stand at the top; with several, each
has its own under ``objects``.
"""

from __future__ import annotations

import json
from pathlib import Path

from ft2os.files import replacing
from ft2os.strict_json import to_json


def build(run: dict[str, object], objects: list[dict[str, object]]) -> dict[str, object]:
    """The record of a run from what holds for all of it and for each object."""
    first = objects[0]
    if len(objects) == 1:
        return {**first, **run}
    words = "; ".join(f"{o['group']}: {o['prompt'] or o['style_image']}" for o in objects)
    methods = ", ".join(dict.fromkeys(str(o["method"]) for o in objects))
    same = {name: first[name] for name in ("preset", "seed", "strength")}
    return {"prompt": words, "method": methods, **same, **run, "objects": objects}


def write(out: Path, record: dict[str, object]) -> Path:
    """Put the record beside the scene ``out``; returns where.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    path = out.with_name(f"{out.name}.run.json")
    with replacing(path) as temporary:
        text = json.dumps(to_json(record), indent=1, ensure_ascii=False, allow_nan=False)
        # What is not UTF-8 in a file's name becomes the escape that JSON has for it.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
