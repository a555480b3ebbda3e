"""Runs long stages on a thread of their own, so that cancel is checked ten times a second meanwhile.

A search for neighbours, a large file of weights or a view of a million Gaussians takes seconds and cannot be
interrupted. Its result is the same on any thread. Where a run is cancelled, its thread ends by itself.
Steps of an optimiser do not belong here: what they have half changed must not become a partial result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from ft2os.errors import CancelledError

T = TypeVar("T")
OnProgress = Callable[[float], None]
LOOK_S = 0.1


def patiently(work: Callable[[OnProgress], T], look: OnProgress) -> T:
    """The result of ``work``; meanwhile ``look`` is called on this thread.

    Parameters
    ----------
    work : callable
        Called as ``work(on_progress)``. It may call ``on_progress(share)`` with what is done, 0..1, which
        raises once the caller has stopped waiting.
    look : callable
        Called as ``look(share)``, every `LOOK_S` and at the end; may raise to stop waiting.
    """
    done: Future[T] = Future()
    share, abandoned = [0.0], threading.Event()

    def on_progress(value: float) -> None:
        share[0] = value
        if abandoned.is_set():
            raise CancelledError

    def perform() -> None:
        try:
            done.set_result(work(on_progress))
        except BaseException as error:
            done.set_exception(error)

    # A daemon, since the end of the process should not wait either.
    threading.Thread(target=perform, name="ft2os-stage", daemon=True).start()
    try:
        while not done.done():
            look(share[0])
            wait([done], LOOK_S)
        result = done.result()
        look(share[0])
        return result
    finally:
        abandoned.set()


def until_cancelled(work: Callable[[], T], cancelled: Callable[[], bool] | None) -> T:
    """`patiently` before a run has any progress: imports and weights take seconds in a new process.

    Raises
    ------
    CancelledError
        Once the client has cancelled.
    """

    def look(_: float) -> None:
        if cancelled and cancelled():
            raise CancelledError

    return patiently(lambda _: work(), look)
