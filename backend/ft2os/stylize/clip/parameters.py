"""The object's Gaussians as the paper's loop moves them: a `Shape` made from the settings."""

from __future__ import annotations

import torch

from ft2os.gaussians import Gaussians
from ft2os.stylize.clip.settings import PaperSettings
from ft2os.stylize.geometry.shape import ADAM_EPS, Shape

__all__ = ["ADAM_EPS", "Parameters"]


class Parameters(Shape):
    """Optimisable arrays of an object, each Gaussian its own parent.

    Parameters
    ----------
    gaussians : Gaussians
        The object, without its outliers.
    settings : PaperSettings
        ``freeze``, ``fade_sh`` and ``rates`` count here.
    extent : float
        Of the scene; the position rate is multiplied by it.
    device : torch.device or str
    """

    def __init__(
        self, gaussians: Gaussians, settings: PaperSettings, extent: float, device: torch.device | str = "cpu"
    ) -> None:
        start = gaussians.replace(sh=gaussians.sh[:, :1]) if settings.fade_sh else gaussians
        super().__init__(start, freeze=settings.freeze, rates=settings.rates, extent=extent, device=device)
