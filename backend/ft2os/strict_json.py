"""JSON that comes and goes strictly: files are checked, and what JSON lacks is turned into what it has."""

from __future__ import annotations

import json
import math
from pathlib import Path

from ft2os.errors import FileError
from ft2os.files import read_error

_MAX_BYTES = 256 << 20


def read_json(path: Path) -> object:
    """What a JSON file holds.

    Raises
    ------
    FileError
        If it is missing, too large for a description of anything, or not JSON.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FileError(f"{path.name} is too large to be what its name says.", "Choose another file.")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise read_error(path, error) from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path.name} is not valid JSON: {error}.", "Choose another file.") from error


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
