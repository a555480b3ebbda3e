"""The paper's fit of edits that are all there: Adam on the colours, L1 and LPIPS, a few views a step.

Every benchmark compares with it; `ft2os.stylize.edit.paper` edits between the steps. Its loss averages what
the edits disagree about. Torch is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ft2os.stylize.edit.views import EditViews


@dataclass(frozen=True)
class PaperSettings:
    """How long and how fast.

    Parameters
    ----------
    steps : int
    batch : int
        Views a step.
    rate : float
        Adam's, for display-referred colours.
    lpips : float
        Weight of LPIPS beside L1; at 0 its network is not loaded.
    """

    steps: int = 200
    batch: int = 4
    rate: float = 0.02
    lpips: float = 1.0


def paper(
    views: EditViews,
    edited: Sequence[np.ndarray],
    start: np.ndarray,
    settings: PaperSettings = PaperSettings(),
    tick: Callable[[float], None] = lambda share: None,
    seed: int = 0,
) -> np.ndarray:
    """Colours [M, 3] that show the edits, found as the paper does.

    Parameters
    ----------
    views : EditViews
    edited : sequence of ndarray, [H, W, 3]
        One a view, over grey.
    start : ndarray, [M, 3]
    settings : PaperSettings
    tick : callable
        Called with the finished share before each step; may raise to stop.
    seed : int
        Of the order of the views.

    Raises
    ------
    MissingError
        If torch, the package lpips or AlexNet's weights are not here and LPIPS counts.
    """
    from ft2os.stylize.edit.trainer import Trainer

    trainer = Trainer(views, start, rate=settings.rate, lpips=settings.lpips)
    rng = np.random.default_rng(seed)
    for step in range(settings.steps):
        tick(step / settings.steps)
        rows = rng.choice(len(views), min(settings.batch, len(views)), replace=False).tolist()
        trainer.step(rows, [edited[i] for i in rows])
    return trainer.colours
