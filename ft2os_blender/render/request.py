"""Pictures from the backend: puts what changed, asks, and maps the file that comes back."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ft2os.errors import CancelledError
from ft2os.files import write_error
from ft2os.protocol import CHANNELS, UnknownDataError

from ..jobs.client import Pending
from ..jobs.manager import manager
from ..jobs.process import WorkerDied
from ..scene.views import View
from . import gather

_revision = itertools.count(1)


def instances(items: list[gather.Item]) -> list[dict]:
    """The items as the protocol's instances, their data with the worker.

    Raises
    ------
    BackendError, FileError
    """
    return [
        {
            "data": item.points if isinstance(item.points, str) else manager.put(item.points),
            "look": _look_file(item.look),
            "strength": item.strength,
            "matrix": item.matrix.ravel().tolist(),
            "holdout": item.holdout,
        }
        for item in items
    ]


def shot(view: View, film: gather.Film) -> dict:
    """The part of the protocol's ``render`` that is neither objects nor file: F12's and the viewport's."""
    return {
        "viewmats": [view.viewmat.ravel().tolist()],
        "Ks": [view.K.ravel().tolist()],
        "size": [view.width, view.height],
        "background": None if film.background is None else list(film.background),
        "antialiased": film.antialiased,
    }


def ask(drawn: list[dict], shot: dict, name: str) -> tuple[Pending, Path]:
    """Ask for a picture in the session's file ``name``; a newer picture there supersedes an older one.

    Parameters
    ----------
    drawn : list of dict
        See `instances`.
    shot : dict
        See `shot`.
    name : str

    Raises
    ------
    BackendError, FileError
    """
    out = manager.folder() / name
    width, height = shot["size"]
    _make_room(out, 4 * CHANNELS * width * height)
    params = {"instances": drawn, **shot, "revision": next(_revision), "out": str(out)}
    return manager.submit("render", params), out


def _look_file(look) -> str | None:
    return look if look is None or isinstance(look, str) else manager.put_look(look)


def _make_room(path: Path, size: int) -> None:
    """Make the file at least ``size`` bytes long; never shorten it, as the last picture may be mapped."""
    try:
        with open(path, "ab") as file:
            if hasattr(os, "posix_fallocate"):  # writing to a mapped hole on a full disk kills a process
                os.posix_fallocate(file.fileno(), 0, size)
            elif file.tell() < size:
                file.truncate(size)
    except OSError as error:
        raise write_error(path, error) from error


def picture(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The picture of ``size`` (width, height) in a session's file.  [H, W, 5], top row first"""
    width, height = size
    return np.memmap(path, "<f4", "r", shape=(height, width, CHANNELS))


def draw(
    items: list[gather.Item],
    view: View,
    film: gather.Film,
    stopped: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """Draw and wait, on any thread.

    Raises
    ------
    CancelledError
        As soon as ``stopped`` returns True.
    Ft2osError
        Whatever the backend says, or that there is none.
    """
    for last in (False, True):
        pending, out = ask(instances(items), shot(view, film), "final.f32")
        while not pending.done_within(0.1):
            if stopped():
                pending.cancel()
                raise CancelledError
        if last or not isinstance(pending.error, UnknownDataError | WorkerDied):
            break
        manager.forget()  # the worker was killed while idle, or lost data: give it all again, once
    if pending.error is not None:
        raise pending.error
    return picture(out, (view.width, view.height))
