"""The method ``clip``: which of its two loops serves a request."""

from __future__ import annotations

from collections.abc import Callable

from ft2os import threads  # noqa: F401  # isort: skip  (before torch)

from ft2os.stylize.clip import checkpoint, fast
from ft2os.stylize.clip.loaded import load
from ft2os.stylize.clip.paper import PaperRun
from ft2os.stylize.clip.settings import PaperSettings, Settings
from ft2os.stylize.patience import until_cancelled
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult


def run(
    request: StylizeRequest,
    settings: Settings | PaperSettings,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Stylize with CLIP.

    Parameters
    ----------
    request : StylizeRequest
        ``cameras`` are views, cropped to the object. The judge sees the object alone; ``context`` counts in
        the geometry stage, whose shape must not cover what stands around it.
    settings : Settings or PaperSettings
        Of the fast loop or of the paper's.
    progress, cancelled : callable, optional
        Called and asked at every step.

    Raises
    ------
    MissingError
        At once, if the judge's weights (or those of a term that was asked for) are not on this machine.
    RequestError
        If a checkpoint belongs to another request.
    FileError
        If something that is no checkpoint lies at the checkpoint's place.
    CancelledError
        With the look as it was at that step, or None before there were colours.
    """
    if request.checkpoint:
        checkpoint.check_place(request.checkpoint)
    if isinstance(settings, PaperSettings):
        paper = settings
        return until_cancelled(lambda: PaperRun(request, paper, progress, cancelled), cancelled).run()
    if progress:
        progress(Progress("loading CLIP", 0, 100))  # seconds, where no run came before
    ours = settings
    return fast.run(until_cancelled(lambda: load(request, ours), cancelled), progress, cancelled)
