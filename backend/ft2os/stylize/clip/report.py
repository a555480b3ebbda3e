"""How far a run is: stages and their seconds, progress about once a second with a picture, and the cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from ft2os.errors import CancelledError
from ft2os.guidance import text_cache
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.guidance.negatives import Bank
from ft2os.stylize import Progress, StylizeResult, canvas
from ft2os.stylize.clip import second, start
from ft2os.stylize.clip.settings import Settings

PREVIEW_S = 0.9
_SURE = 0.05  # share of the run before which nothing is said about the remaining time
# What stages take beside each other on two cores, seconds: whole ones, and a picture that is only scored, one
# that is judged, a word of the bank that is encoded for the first time.
_SECONDS = {"words": 0.1, "prepare": 3.0, "paint": 0.5, "solve": 0.5}
_SCORED, _JUDGED, _WORD = 0.12, 0.16, 0.003


def shares(settings: Settings, strength: float, judge: ClipJudge) -> dict[str, float]:
    """The stages of a run in order, and about how long each takes; ``strength`` is the second gear's."""
    judged, whole = _JUDGED * settings.batch, sum(canvas.STAGES.values())
    found = {"words": _SECONDS["words"] + _WORD * _new_words(settings, judge)}
    found |= {name: _SECONDS["prepare"] * weight / whole for name, weight in canvas.STAGES.items()}
    found |= {"rank": _SCORED * start.VIEWS * (settings.candidates - 1)}
    found |= {name: _SECONDS[name] for name in ("paint", "solve")}
    found["colours"] = judged * settings.steps
    if strength > 0:
        found["geometry"] = 1.3 * judged * second.steps(settings, strength)
        found["finish"] = judged * second.finishing_steps(settings)
    return found


def _new_words(settings: Settings, judge: ClipJudge) -> int:
    """Words that this machine has never encoded for this judge: the first run with it waits for them."""
    words = Bank.words(settings.bank) if settings.negatives is None else ()
    return 0 if text_cache.knows(judge, list(words)) else len(words)


class Reporter:
    """Told after every bit of work; tells the client, and stops the run when it is cancelled.

    Parameters
    ----------
    shares : Mapping of str to float
        The stages in order, and how long they take beside each other.
    progress, cancelled : callable, optional
        The client's.
    partial : callable
        The result as it is now, or None before there is one.
    stopping : callable
        Called before a cancel is raised.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
        partial: Callable[[], StylizeResult | None],
        stopping: Callable[[], None],
    ) -> None:
        self._shares = dict(shares)
        self._progress, self._cancelled = progress, cancelled
        self._partial, self._stopping = partial, stopping
        self.started = self._entered = time.perf_counter()
        self._pictured = -np.inf
        self._stage: str | None = None
        self.seconds: dict[str, float] = {}
        self.has_result = False  # whether ``partial`` would have something to give

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
        """The finished ``share`` (0..1) of a stage; a ``preview`` is made when due, or ``at_once``."""
        self.enter(stage)
        if self._cancelled and self._cancelled():
            self._stopping()
            raise CancelledError(partial=self._partial())
        if not self._progress:
            return
        now = time.perf_counter()
        picture = None
        if preview and (at_once or now - self._pictured >= PREVIEW_S):
            self._pictured, picture = now, preview()
        done = self._done(stage, share)
        eta = (now - self.started) * (1 - done) / done if done >= _SURE else None
        partial = self._partial if picture is not None and self.has_result else None
        self._progress(
            Progress(stage, round(100 * done), 100, eta, loss, picture, dict(metrics or {}), partial)
        )

    def enter(self, stage: str | None) -> None:
        """Note the time of the stage before."""
        now = time.perf_counter()
        if stage != self._stage:
            if self._stage:
                self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._entered
            self._stage, self._entered = stage, now

    def total(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def _done(self, stage: str, share: float) -> float:
        whole, before = sum(self._shares.values()), 0.0
        for name, weight in self._shares.items():
            if name == stage:
                return (before + share * weight) / whole
            before += weight
        return before / whole
