"""Checkpoints of long runs: where they are, which request they belong to, and when they go.

A run that was cancelled, or whose backend died, leaves two files in the extension's folder: the state that
the worker wrote, and beside it the request, because only the very same request can go on from it. A run of
edits also keeps these, as pictures in a folder.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import time
import uuid
from pathlib import Path

from ft2os.errors import FileError
from ft2os.files import replacing
from ft2os.strict_json import read_json

from .manager import user_folder

STALE_S = 14 * 86400  # an older run is not resumed
_STATE, _REQUEST, _EDITS = ".safetensors", ".json", ".edits"
_NAME = re.compile(r"[0-9a-f]{32}")
_NEEDED = {"prompt": str, "method": str, "preset": str, "seed": int}  # what every request has
_FURTHER = ("object_name", "overrides", "style_image", "cameras")  # which the backend checks


def new() -> str:
    """A name for the checkpoint of a run that begins; the stale ones of others go."""
    for old in user_folder("checkpoints").iterdir():
        if old.suffix in (_STATE, _REQUEST, _EDITS) and old.stat().st_mtime < time.time() - STALE_S:
            _remove(old)
    return uuid.uuid4().hex


def is_name(name: str) -> bool:
    """Whether ``name`` came from `new`. It is read from a .blend, which may hold a path in its place."""
    return _NAME.fullmatch(name) is not None


def path(name: str) -> Path:
    """Where the worker keeps the state.

    Raises
    ------
    FileError
        If ``name`` did not come from `new`.
    """
    if not is_name(name):
        raise FileError("The note of a run that broke off cannot be used.", "Stylize the object anew.")
    return user_folder("checkpoints") / f"{name}{_STATE}"


def exists(name: str) -> bool:
    """Is there a state to go on from?"""
    return is_name(name) and path(name).is_file()


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
        If it is gone, or holds anything else.
    """
    try:
        kept = read_json(path(name).with_suffix(_REQUEST))
    except FileError:
        kept = None
    whole = isinstance(kept, dict) and all(type(kept.get(key)) is kind for key, kind in _NEEDED.items())
    if not whole or type(kept.get("style_image", "")) is not str:
        raise FileError("The run that broke off can no longer go on.", "Stylize the object anew.")
    return {key: kept[key] for key in (*_NEEDED, *_FURTHER) if key in kept}


def drop(name: str) -> None:
    """Remove what is there of a run."""
    if is_name(name):
        state = path(name)
        for old in (state, state.with_suffix(_REQUEST), state.with_name(f"{state.name}{_EDITS}")):
            _remove(old)


def _remove(old: Path) -> None:
    """Remove a file, or the folder of the edits that a run has made until then."""
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)
