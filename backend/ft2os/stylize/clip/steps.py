"""The steps of a colour stage within a run, and the figures of how far it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ft2os.stylize.clip.colour_stage import ColourStage
from ft2os.stylize.history import History
from ft2os.stylize.run import Run


def figures(history: History, judged: int) -> dict[str, object]:
    """How far a run is that has judged so many pictures, for its ``stats``."""
    return {"judged_views": judged, **history.ends()}


def take_all(this: Run, name: str, stage: ColourStage, preview: Callable[[], np.ndarray]) -> None:
    """All steps of a colour stage that are left.

    Raises
    ------
    CancelledError
        Once the client has cancelled.
    """
    this.report(name, stage.share, preview=preview, at_once=True)
    while not stage.done:
        loss, terms = stage.step()
        this.step(name, stage.share, loss, terms, preview)
