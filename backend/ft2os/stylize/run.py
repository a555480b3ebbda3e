"""What the runs of all methods share; how new colours are found is up to each method.

A method makes a `Run`, lets it prepare the object, reports stages, steps and pictures to it, and gets the
result from it. So progress, previews, partial results, cancel, checkpoint and look are the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.stylize import memory, prepare
from ft2os.stylize.history import History
from ft2os.stylize.measure import measure
from ft2os.stylize.patience import OnProgress, patiently
from ft2os.stylize.preparation import Preparation
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.report import Reporter
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult

T = TypeVar("T")
CHECKPOINT_S = 10.0  # between two checkpoints


class Run:
    """One run of a method.

    Parameters
    ----------
    request : StylizeRequest
    stages : Mapping of str to float
        In order, with their durations relative to each other.
    progress, cancelled : callable, optional
        The client's.
    save : callable, optional
        Called as ``save(path)`` to write the checkpoint, where the method keeps one.
    steps : int
        What progress counts up to.

    Attributes
    ----------
    report : Reporter
    history : History
    facts : dict
        The method's own entries in the result's ``stats``.
    figures : callable
        Makes more of them, from how far the run is.
    name : str
        Of the look; the prompt where it is empty.
    keeps_bands : bool
        Whether the object's own view-dependent colour stays, as it does where only its form changes.
    """

    def __init__(
        self,
        request: StylizeRequest,
        stages: Mapping[str, float],
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
        save: Callable[[Path], None] | None = None,
        steps: int = 100,
    ) -> None:
        self.request = request
        self.history = History()
        self.facts: dict[str, object] = {}
        self.figures: Callable[[], Mapping[str, object]] = dict
        self.name = ""
        self.keeps_bands = False
        self.live = progress is not None
        self._save, self._saved = save, time.monotonic()
        self.report = Reporter(stages, progress, cancelled, self.save, steps)

    def staged(self, stage: str, work: Callable[[OnProgress], T]) -> T:
        """The result of ``work(on_progress)``; meanwhile its share is reported and cancel is checked."""
        return patiently(work, lambda share: self.report(stage, share))

    def prepare(
        self,
        settings: Preparation,
        on_first_view: Callable[[PreparedObject], None] | None = None,
        cameras: Sequence[Camera] | None = None,
    ) -> PreparedObject:
        """The object made ready for new colours, seen from all around or by these cameras."""
        return prepare.prepare(
            self.request.target,
            views=settings.views,
            pixels=settings.pixels,
            max_split_scale=settings.max_split_scale,
            limit=settings.limit,
            refit=settings.refit,
            cameras=cameras,
            on_progress=self.report,
            on_first_view=on_first_view,
        )

    def fit_memory(self, job: memory.Job) -> None:
        """Refuse a job that does not fit into the memory; note what it takes otherwise."""
        self.facts["memory"] = memory.fit_batch(1, job).stats()

    def offer(self, prepared: PreparedObject, colours: Callable[[], np.ndarray]) -> None:
        """From now on a cancel keeps these colours, ``colours()`` [M, 3]."""
        self.report.result = lambda: self.result(prepared, colours())

    def show(
        self,
        stage: str,
        share: float,
        prepared: PreparedObject,
        colours: Callable[[], np.ndarray],  # () -> [M, 3]
        image: Callable[[], np.ndarray] | None = None,  # () -> [H, W, 3] premultiplied, of the first view
    ) -> None:
        """Show a picture at once, of the colours unless another is given, and offer the colours."""
        self.offer(prepared, colours)

        def drawn() -> np.ndarray:
            return prepared.surface_views[0].on_grey(image()) if image else prepared.picture(colours())

        self.report(stage, share, preview=drawn, at_once=True)

    def step(
        self,
        stage: str,
        share: float,
        loss: float,
        terms: Mapping[str, float],
        preview: Callable[[], np.ndarray],
        *,
        at_once: bool = False,
    ) -> None:
        """Note an optimiser's step, write a checkpoint where one is due, show a picture now and then."""
        self.history.add(loss, terms)
        if time.monotonic() - self._saved >= CHECKPOINT_S:
            self.save()
        self.report(stage, share, loss=loss, metrics=terms, preview=preview, at_once=at_once)

    def save(self) -> None:
        """Write the checkpoint, where one is wanted and the method keeps one."""
        if self._save and self.request.checkpoint:
            self._saved = time.monotonic()
            self._save(self.request.checkpoint)

    def forget_checkpoint(self) -> None:
        """Remove the checkpoint of a run that has ended well."""
        if self.request.checkpoint:
            self.request.checkpoint.unlink(missing_ok=True)

    def stats(self, prepared: PreparedObject, gaussians: int) -> dict[str, object]:
        """The run's figures for a look of so many Gaussians."""
        return {
            "method": self.request.method,
            "preset": self.request.preset,
            "gaussians": gaussians,
            "floaters": len(self.request.target) - len(prepared.rows),
            **self.facts,
            **self.figures(),
            **self.report.times(),
            **self.history.copied(),
        }

    def result(self, prepared: PreparedObject, colours: np.ndarray) -> StylizeResult:
        """The look with these colours [M, 3] at full strength, and the run's figures."""
        stats = self.stats(prepared, len(prepared)) | measure(prepared.surface_views, colours)
        sh = prepared.shown.sh[:, 1:] if self.keeps_bands else None
        return StylizeResult(prepared.look(self.request, colours, stats, sh=sh, name=self.name), stats)
