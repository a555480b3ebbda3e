"""What every step of the fast method leaves behind: its figures, a picture now and then, the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ft2os.stylize.clip.colour_stage import ColourStage
from ft2os.stylize.run import Run


def note(this: Run, judged: int) -> None:
    """Put how far the run is among its figures; ``judged`` pictures until now."""
    losses = this.history.losses
    this.facts |= {
        "steps": len(losses),
        "judged_views": judged,
        "loss_first": losses[0] if losses else None,
        "loss_last": losses[-1] if losses else None,
    }


def tell(
    this: Run,
    stage: str,
    share: float,
    loss: float,
    terms: Mapping[str, float],
    judged: int,
    preview: Callable[[], np.ndarray],
) -> None:
    """Tell of a step that was taken.

    Raises
    ------
    CancelledError
        Once the client has cancelled.
    """
    this.history.add(loss, terms)
    note(this, judged)
    this.save_if_due()
    this.report(stage, share, loss=loss, metrics=terms, preview=preview)


def take_all(
    this: Run, name: str, stage: ColourStage, preview: Callable[[], np.ndarray], judged: int = 0
) -> None:
    """All steps of a colour stage that are left; ``judged`` pictures before it.

    Raises
    ------
    CancelledError
        Once the client has cancelled.
    """
    this.report(name, stage.share, preview=preview, at_once=True)
    while not stage.done:
        loss, terms = stage.step()
        tell(this, name, stage.share, loss, terms, judged + stage.judged, preview)
