"""The object's Gaussians as what an optimiser moves, and the way back.

Only the object's Gaussians are here at all, so nothing else can receive a gradient. What is frozen is never
activated and undone again (float32 does not survive logit(sigmoid)): it leaves with the bits it came with.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ft2os.gaussians import Gaussians
from ft2os.stylize.clip.settings import Settings

ADAM_EPS = 1e-15  # 3DGS' value: the default 1e-8 would swallow the gradients of small Gaussians

# The rasterizer's argument that each name of ``settings.RATES`` stands for; colour and sh share one.
_GEOMETRY = {"position": "means", "rotation": "quats", "scale": "scales", "opacity": "opacities"}


class Parameters:
    """Optimisable arrays of an object.

    Parameters
    ----------
    gaussians : Gaussians
        The object, without its outliers.
    settings : Settings
        ``freeze``, ``fade_sh`` and ``rates`` count here.
    extent : float
        Of the scene; the position rate is multiplied by it.
    device : torch.device or str
    """

    def __init__(self, gaussians: Gaussians, settings: Settings, extent: float, device="cpu") -> None:
        self._original = gaussians
        self._settings = settings
        sh = gaussians.sh[:, :1] if settings.fade_sh else gaussians.sh
        raw = {
            "colour": sh[:, :1],
            "sh": sh[:, 1:],
            "opacity": _logit(gaussians.opacities),
            "scale": np.log(np.maximum(gaussians.scales, 1e-12)),
            "rotation": gaussians.quats,
            "position": gaussians.means,
        }
        self.free = [name for name in raw if name not in settings.freeze and raw[name].size]
        self._raw = {name: _tensor(raw[name], device).requires_grad_() for name in self.free}
        self._fixed = {name: _tensor(getattr(gaussians, _GEOMETRY[name]), device) for name in _GEOMETRY}
        self._fixed |= {"colour": _tensor(raw["colour"], device), "sh": _tensor(raw["sh"], device)}
        groups = [
            {"params": [tensor], "lr": settings.rates[name] * (extent if name == "position" else 1)}
            for name, tensor in self._raw.items()
        ]
        self.optimizer = torch.optim.Adam(groups, eps=ADAM_EPS)

    def gaussians(self) -> Mapping[str, Tensor | int]:
        """Arguments of ``ft2os.render.rasterize``: the activated arrays and the SH degree."""
        colors = torch.cat([self._active("colour"), self._active("sh")], dim=1)
        arrays = {_GEOMETRY[name]: self._active(name) for name in _GEOMETRY}
        return {**arrays, "colors": colors, "sh_degree": int(colors.shape[1] ** 0.5) - 1}

    def _active(self, name: str) -> Tensor:
        raw = self._raw.get(name)
        if raw is None:
            return self._fixed[name]
        if name == "opacity":
            return torch.sigmoid(raw)
        if name == "scale":
            return torch.exp(raw)
        if name == "rotation":
            return torch.nn.functional.normalize(raw, dim=-1)
        return raw

    def colour(self) -> np.ndarray:  # [M, 3]
        """Raw DC coefficients as they are now."""
        return self._array("colour")[:, 0]

    def bands(self) -> np.ndarray | None:  # [M, K-1, 3]
        """Raw coefficients above degree 0 as they are now; None where they fade or never were."""
        bands = self._array("sh")
        return bands if bands.shape[1] else None

    def geometry(self) -> dict[str, np.ndarray]:
        """The arrays of ``Gaussians`` that were free, as they are now; empty where all were frozen."""
        return {_GEOMETRY[name]: self._array(name) for name in _GEOMETRY if name in self._raw}

    @torch.no_grad()
    def _array(self, name: str) -> np.ndarray:
        return self._active(name).detach().cpu().numpy().copy()


def _tensor(array: np.ndarray, device) -> Tensor:
    # A copy: the source may be memory-mapped and read-only.
    return torch.from_numpy(np.array(array, np.float32)).to(device)


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))
