"""The progress of a run: stages and their seconds, a preview now and then, and cancel.

Every method calls its ``Reporter`` after each bit of work, and it informs the client. Where the client has
cancelled, it stops the run and hands over the partial result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypedDict

import numpy as np

from ft2os.errors import CancelledError
from ft2os.stylize.request import Progress, StylizeResult

PREVIEW_S = 0.9
_SURE = 0.05  # share of the run before which nothing is said about the remaining time


class Times(TypedDict):
    """Seconds since a run's start, and of each of its stages."""

    seconds: float
    stages: dict[str, float]


class Reporter:
    """Call it after every bit of work; it raises ``CancelledError`` once the client has cancelled.

    Parameters
    ----------
    shares : Mapping of str to float
        The stages in order, and their durations relative to each other.
    progress, cancelled : callable, optional
        The client's.
    stopping : callable, optional
        Called before a cancel is raised.
    steps : int
        What progress counts up to.

    Attributes
    ----------
    result : callable, optional
        Makes the result as it is now. The run sets it, once there is anything to give.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
        stopping: Callable[[], None] | None = None,
        steps: int = 100,
    ) -> None:
        self._shares, self._steps = dict(shares), steps
        self._progress, self._cancelled, self._stopping = progress, cancelled, stopping
        self._started = self._entered = time.perf_counter()
        self._pictured = -np.inf
        self._stage: str | None = None
        self._seconds: dict[str, float] = {}
        self.result: Callable[[], StylizeResult] | None = None

    def __call__(
        self,
        stage: str,
        share: float,
        *,
        loss: float | None = None,
        metrics: Mapping[str, float] | None = None,
        preview: Callable[[], np.ndarray] | None = None,
        at_once: bool = False,
    ) -> None:
        """Report the finished ``share`` (0..1) of a stage; a ``preview`` is made when due, or ``at_once``."""
        self._enter(stage)
        self.stop_if_cancelled()
        if not self._progress:
            return
        now = time.perf_counter()
        picture = None
        if preview and (at_once or now - self._pictured >= PREVIEW_S):
            self._pictured, picture = now, preview()
        done = self._done(stage, share)
        eta = (now - self._started) * (1 - done) / done if done >= _SURE else None
        step = round(self._steps * done)
        metrics = dict(metrics or {})
        self._progress(Progress(stage, step, self._steps, eta, loss, picture, metrics, self.result))

    def stop_if_cancelled(self) -> None:
        """Raise ``CancelledError`` with the result as it is now, once the client has cancelled."""
        if self._cancelled and self._cancelled():
            if self._stopping:
                self._stopping()
            raise CancelledError(partial=self.result() if self.result else None)

    def times(self) -> Times:
        """For a result's ``stats``: ``seconds`` since the start, and of each of the ``stages``."""
        self._enter(None)
        stages = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        return {"seconds": round(time.perf_counter() - self._started, 3), "stages": stages}

    def _enter(self, stage: str | None) -> None:
        """Note the time of the stage before."""
        now = time.perf_counter()
        if stage != self._stage:
            if self._stage:
                self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._entered
            self._stage, self._entered = stage, now

    def _done(self, stage: str, share: float) -> float:
        whole, before = sum(self._shares.values()), 0.0
        for name, weight in self._shares.items():
            if name == stage:
                return (before + share * weight) / whole
            before += weight
        return before / whole
