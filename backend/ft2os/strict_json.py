"""Strict JSON: files are checked when read, and Python's values are turned into JSON's own types."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ft2os import budget
from ft2os.errors import FileError
from ft2os.files import brief, read_bytes


def read_json(path: Path) -> Any:
    """The content of a JSON file. Lone surrogates in its texts are replaced, since nothing could show them.

    Raises
    ------
    FileError
        If it is missing, larger than a description of anything, or not JSON.
    """
    data = read_bytes(path, budget.MOST_JSON)
    try:
        budget.check(sum(map(data.count, (b",", b"[", b"{"))), budget.MOST_ENTRIES, "entries")
        content = json.loads(data.decode("utf-8"))
        return _whole(content) if b"\\ud" in data.lower() else content
    except (ValueError, RecursionError) as error:
        reason = f"{path.name} is no JSON that can be read: {brief(error)}."
        raise FileError(reason, "Choose another file.") from error


def _whole(content: Any) -> Any:
    """The same with U+FFFD for every half of a surrogate pair that JSON's escapes can smuggle in."""
    text = json.dumps(content, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def to_json(value: Any) -> Any:
    """``value`` in JSON's own types: numpy's unwrapped, NaN and infinity as null, anything else as text."""
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return to_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
