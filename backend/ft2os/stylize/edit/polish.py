"""A last polish of colours that already agree: a few steps of the paper's loss on the corrected edits.

LPIPS does not mind where grain lies, so it brings back crispness that a mean of many views has lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from ft2os.errors import MissingError
from ft2os.stylize.edit.consensus import Tick
from ft2os.stylize.edit.paper_fit import PaperSettings, paper
from ft2os.stylize.edit.views import EditViews

_RATE = 0.01


def check() -> None:
    """Refuse before the first edit, which may take minutes, what the last step would lack.

    Raises
    ------
    MissingError
        If torch, the package lpips or AlexNet's weights are not here.
    """
    if find_spec("torch") is None:
        raise MissingError(
            "The polish needs torch, which is not installed.",
            "Install the engine: pip install 'ft2os[engine]', or leave polish at 0.",
        )
    from ft2os.guidance.lpips_distance import load_lpips

    load_lpips()


def lpips_polish(
    views: EditViews,
    pictures: Sequence[np.ndarray],
    colours: np.ndarray,
    steps: int = 50,
    tick: Tick = lambda share: None,
    seed: int = 0,
) -> np.ndarray:
    """Colours [M, 3] after so many steps on four views each.

    Parameters
    ----------
    views : EditViews
    pictures : sequence of ndarray, [H, W, 3]
        The corrected edits, `Fitted.pictures`.
    colours : ndarray, [M, 3]
    steps : int
    tick : callable
        Called with the finished share before each step; may raise to stop.
    seed : int
        Of the order of the views.

    Raises
    ------
    MissingError
        If torch, the package lpips or AlexNet's weights are not here.
    """
    return paper(views, pictures, colours, PaperSettings(steps, rate=_RATE), tick, seed)
