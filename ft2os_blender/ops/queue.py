"""The session's jobs that have not ended, and what drives them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import bpy

from ..jobs.manager import manager
from .listed import ListedJob

log = logging.getLogger("ft2os")

_POLL_S = 0.05

jobs: list[ListedJob] = []  # in the order in which they were asked for


def watch(begun: Sequence[ListedJob]) -> None:
    """Let the timer drive new jobs; without a window no timer fires, so they run to their end here.

    Raises
    ------
    Ft2osError
        Without a window: the first error.
    """
    jobs[:] = [*(job for job in jobs if not job.finished), *begun]
    if not bpy.app.background:
        for job in begun:
            manager.watch(job.poll)
        return
    while not all(job.poll() for job in begun):
        time.sleep(_POLL_S)
    for job in begun:
        if job.error is not None:
            raise job.error


def push_undo(message: str) -> None:
    """Push an undo step: a job ends outside of any operator, and its result must be undoable all the same."""
    try:
        bpy.ops.ed.undo_push(message=message)
    except RuntimeError:
        log.info("no undo step: %s", message)


def stop() -> None:
    """Forget all jobs: the extension is being disabled, their worker ends with it."""
    for job in jobs:
        job.abandon()
    jobs.clear()
