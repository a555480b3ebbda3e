"""The method ``clip``: an object's Gaussians move until CLIP sees the prompt in its pictures.

The presets ``draft``, ``standard`` and ``high`` run the fast method (``clip_run``): start from a material
where the words allow, judge batches of views and crops, move colours on linear views, then geometry where
the prompt asks for it. The preset ``seed`` runs the paper's loop (``paper``), the baseline of the benchmarks.
``settings`` holds the numbers of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ft2os import threads  # noqa: F401  # isort: skip  (before torch)

from ft2os.stylize import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.clip.settings import PaperSettings, resolve
from ft2os.stylize.patience import until_cancelled

if TYPE_CHECKING:
    from ft2os.stylize.clip import paper
    from ft2os.stylize.clip.clip_run import ClipRun


def run(
    request: StylizeRequest,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Stylize with CLIP.

    Parameters
    ----------
    request : StylizeRequest
        ``cameras`` are views, cropped to the object. The judge sees the object alone; ``context`` counts in
        the geometry stage, whose shape must not cover what stands around it.
    progress, cancelled : callable, optional
        Called and asked at every step.

    Raises
    ------
    MissingError
        At once, if the judge's weights (or those of a term that was asked for) are not on this machine.
    RequestError
        If the preset or a setting does not exist, or a checkpoint belongs to another request.
    FileError
        If something that is no checkpoint lies at the checkpoint's place.
    CancelledError
        With the look as it was at that step, or None before there were colours.
    """
    settings = resolve(request.preset, request.overrides)
    if request.checkpoint:
        from ft2os.stylize.clip import checkpoint

        checkpoint.check_place(request.checkpoint)
    if progress and not isinstance(settings, PaperSettings):
        progress(Progress("loading CLIP", 0, 100))  # seconds, with torch, where no run came before

    def loaded() -> ClipRun | paper.PaperRun:
        if isinstance(settings, PaperSettings):
            from ft2os.stylize.clip import paper

            return paper.PaperRun(request, settings, progress, cancelled)
        from ft2os.stylize.clip.clip_run import ClipRun

        return ClipRun(request, settings, progress, cancelled)

    return until_cancelled(loaded, cancelled).run()
