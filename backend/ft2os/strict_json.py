"""Facts for people and programs as strict JSON: what JSON does not have is turned into what it has."""

from __future__ import annotations

import math


def plain(value: object) -> object:
    """``value`` in JSON's own types: numpy's unwrapped, NaN and infinity as null, anything else as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
