"""Checkpoints of long runs: where they are, which request they belong to, and when they go.

A run that was cancelled, or whose backend died, leaves two files in the extension's folder: the state that
the worker wrote, and beside it the request, because only the very same request can go on from it.
"""

from __future__ import annotations

import functools
import json
import time
import uuid
from pathlib import Path

from ft2os.errors import FileError
from ft2os.files import replacing

from .manager import user_folder

STALE_S = 14 * 86400  # nobody goes on after so long
_STATE, _REQUEST = ".safetensors", ".json"


def new() -> str:
    """A name for the checkpoint of a run that begins; the stale ones of others go."""
    for old in user_folder("checkpoints").iterdir():
        if old.suffix in (_STATE, _REQUEST) and old.stat().st_mtime < time.time() - STALE_S:
            old.unlink(missing_ok=True)
    return uuid.uuid4().hex


def path(name: str) -> Path:
    """Where the worker keeps the state."""
    return user_folder("checkpoints") / f"{name}{_STATE}"


def exists(name: str) -> bool:
    """Is there a state to go on from?"""
    return bool(name) and path(name).exists()


def keep(name: str, request: dict) -> bool:
    """Keep the request of a run that broke off; False where it left no state to go on from.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    if not exists(name):
        return False
    with replacing(path(name).with_suffix(_REQUEST)) as temporary:
        temporary.write_text(json.dumps(request), encoding="utf-8")
    return True


@functools.lru_cache(maxsize=16)
def request(name: str) -> dict:
    """The request that a checkpoint belongs to; panels ask at every redraw.

    Raises
    ------
    FileError
        If it is gone.
    """
    try:
        return json.loads(path(name).with_suffix(_REQUEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FileError("The run that broke off can no longer go on.", "Stylize the object anew.") from error


def drop(name: str) -> None:
    """Remove both files, if they are there."""
    for suffix in (_STATE, _REQUEST):
        path(name).with_suffix(suffix).unlink(missing_ok=True)
