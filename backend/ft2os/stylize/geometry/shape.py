"""An object's Gaussians as what an optimiser moves, each with its parent, and the way back to a look.

Only the object's Gaussians are here at all, so nothing else can receive a gradient. Beside what moves stands
the neutral state, row by row: the object as it was, split in the same places, so that a look's strength has
both its ends. What is frozen is never activated and undone again (float32 does not survive
logit(sigmoid)): it leaves with the bits it came with.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ft2os.activations import logit
from ft2os.gaussians import Gaussians
from ft2os.stylize.geometry.settings import RATES
from ft2os.transforms import rotation_matrices

ADAM_EPS = 1e-15  # 3DGS' value: the default 1e-8 would swallow the gradients of small Gaussians

# The rasterizer's argument that each name of the rates stands for; colour and sh share one.
GEOMETRY = {"position": "means", "rotation": "quats", "scale": "scales", "opacity": "opacities"}

_HALF = 1 / math.sqrt(2)
_OVERLAP = 0.5 * _HALF / math.e


class Shape:
    """Optimisable arrays of M Gaussians.

    Parameters
    ----------
    start : Gaussians
        M Gaussians to begin from.
    neutral : Gaussians, optional
        The same M as the object had them: what the look shows as its strength nears 0. By default ``start``.
        Reach, anchor and needles are measured from the start, kept as ``home``.
    parent : ndarray, int32, [M], optional
        Row of the object that each stands for; by default each for itself.
    freeze : collection of str
        Names of ``rates`` that keep their values to the bit.
    rates : Mapping of str to float
        Adam's learning rates of colour, sh (the bands above it), opacity, scale, rotation and position.
    extent : float
        Size in world units that the rate of the position is multiplied by.
    device : torch.device or str
    """

    def __init__(
        self,
        start: Gaussians,
        *,
        neutral: Gaussians | None = None,
        parent: np.ndarray | None = None,
        freeze: Collection[str] = (),
        rates: Mapping[str, float] = RATES,
        extent: float = 1.0,
        device: torch.device | str = "cpu",
    ) -> None:
        rows = np.arange(len(start)) if parent is None else parent
        self.parent = torch.from_numpy(np.array(rows, np.int64)).to(device)
        raw = {
            "colour": start.sh[:, :1],
            "sh": start.sh[:, 1:],
            "opacity": logit(start.opacities.astype(np.float64)),
            "scale": np.log(np.maximum(start.scales, 1e-12)),
            "rotation": start.quats,
            "position": start.means,
        }
        self.free = [name for name in raw if name not in freeze and raw[name].size]
        self._raw = {name: _tensor(raw[name], device).requires_grad_() for name in self.free}
        fixed = {name: getattr(start, GEOMETRY[name]) for name in GEOMETRY}
        fixed |= {"colour": raw["colour"], "sh": raw["sh"]}
        self._fixed = {n: _tensor(a, device) for n, a in fixed.items() if n not in self._raw}
        before = start if neutral is None else neutral
        self.neutral = {name: _tensor(getattr(before, name), device) for name in GEOMETRY.values()}
        self.neutral["dc"] = _tensor(before.sh[:, 0], device)
        self.home = {name: _tensor(getattr(start, name), device) for name in GEOMETRY.values()}
        self._rates = {n: rates[n] * (extent if n == "position" else 1) for n in self.free}
        groups = [{"params": [tensor], "lr": self._rates[name]} for name, tensor in self._raw.items()]
        self._adam = torch.optim.Adam(groups, eps=ADAM_EPS) if groups else None

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def optimizer(self) -> torch.optim.Adam:
        """Of the free arrays, of which there is at least one."""
        assert self._adam is not None
        return self._adam

    def gaussians(self) -> dict[str, Any]:
        """Arguments of ``ft2os.render.rasterize``: the activated arrays and the SH degree."""
        colors = torch.cat([self.active("colour"), self.active("sh")], dim=1)
        arrays = {GEOMETRY[name]: self.active(name) for name in GEOMETRY}
        return {**arrays, "colors": colors, "sh_degree": int(colors.shape[1] ** 0.5) - 1}

    def active(self, name: str) -> Tensor:
        """One array by its name in the rates, activated, with its gradient."""
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

    def set_rate(self, name: str, rate: float) -> None:
        """Another learning rate from the next step on; of the position, in world units."""
        self._rates[name] = rate

    def gradients(self) -> list[tuple[str, Tensor]]:
        """The gradients there are, by name, as the optimiser will take them; may be changed in place."""
        return [(name, raw.grad) for name, raw in self._raw.items() if raw.grad is not None]

    def step(self, pace: float = 1.0) -> None:
        """One step of Adam down the gradients there are, at ``pace`` times the rates; then they are gone."""
        if self._adam is None:
            return
        for name, group in zip(self.free, self.optimizer.param_groups):
            group["lr"] = self._rates[name] * pace
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def limit(self, farthest: float, aspect: float) -> None:
        """Hold positions within ``farthest`` of where they began, and no needle beyond ``aspect``.

        The terms of the loss only ask for it. Needles that the object brought along may stay as they are.
        """
        if "position" in self._raw:
            start = self.home["means"]
            away = self._raw["position"] - start
            far = away.norm(dim=1, keepdim=True).clamp_min(1e-30)
            self._raw["position"].copy_(start + away * (farthest / far).clamp_max(1.0))
        if "scale" in self._raw:
            before = self.home["scales"].sort(dim=1, descending=True).values
            allowed = (before[:, 0] / before[:, 1].clamp_min(1e-12)).clamp_min(aspect)
            middle = self._raw["scale"].sort(dim=1, descending=True).values[:, 1:2]
            self._raw["scale"].copy_(torch.minimum(self._raw["scale"], middle + allowed.log()[:, None]))

    @torch.no_grad()
    def split(self, rows: Tensor, axis: Tensor) -> None:
        """Put two Gaussians in the place of some, along one axis of each; the neutral state likewise.

        The first child takes its parent's row, the second goes to the end. Both inherit the parent and, in
        Adam's state, half its mean gradient and a quarter of its mean square: each gets about half of what
        pulled the whole, and a state of zeros would make their first steps jump.

        Parameters
        ----------
        rows : Tensor, int64, [K]
            Each once.
        axis : Tensor, int64, [K]
            0 to 2.
        """
        origin = torch.cat([torch.arange(len(self), device=rows.device), rows])
        sign = torch.zeros(len(origin), device=rows.device)
        sign[rows], sign[len(self) :] = -1.0, 1.0
        along = torch.zeros(len(origin), dtype=torch.int64, device=rows.device)
        along[rows], along[len(self) :] = axis, axis
        state = {GEOMETRY[name]: self.active(name).detach() for name in GEOMETRY}
        moved = _halved({k: v[origin] for k, v in state.items()}, sign, along)
        born = sign != 0
        for name, tensor in list(self._raw.items()):
            grown = tensor.detach()[origin].clone()
            if name in GEOMETRY and name != "rotation":
                grown[born] = _INVERSE[name](moved[GEOMETRY[name]][born])
            self._exchange(name, grown, origin, born)
        for name, tensor in self._fixed.items():
            self._fixed[name] = moved[GEOMETRY[name]] if name in GEOMETRY else tensor[origin]
        before = {name: self.neutral[name][origin] for name in GEOMETRY.values()}
        self.neutral = {**_halved(before, sign, along), "dc": self.neutral["dc"][origin]}
        self.home = _halved({name: tensor[origin] for name, tensor in self.home.items()}, sign, along)
        self.parent = self.parent[origin]

    def _exchange(self, name: str, grown: Tensor, origin: Tensor, born: Tensor) -> None:
        """Put a tensor of other length in the place of one, with Adam's memory of it."""
        group = self.optimizer.param_groups[self.free.index(name)]
        old, new = self._raw[name], grown.requires_grad_()
        memory = self.optimizer.state.pop(old, None)
        if memory:
            for key, share in (("exp_avg", 0.5), ("exp_avg_sq", 0.25)):
                memory[key] = memory[key][origin].clone()
                memory[key][born] *= share
            self.optimizer.state[new] = memory
        group["params"] = [new]
        self._raw[name] = new

    def colour(self) -> np.ndarray:  # [M, 3]
        """Raw DC coefficients as they are now."""
        return self._array("colour")[:, 0]

    def bands(self) -> np.ndarray | None:  # [M, K-1, 3]
        """Raw coefficients above degree 0 as they are now; None where they fade or never were."""
        bands = self._array("sh")
        return bands if bands.shape[1] else None

    def geometry(self) -> dict[str, np.ndarray]:
        """The arrays of ``Gaussians`` that differ from the neutral ones, as they are now."""
        arrays = {GEOMETRY[name]: self._array(name) for name in GEOMETRY}
        free = {GEOMETRY[name] for name in GEOMETRY if name in self._raw}
        neutral = {name: _numpy(self.neutral[name]) for name in arrays}
        return {n: a for n, a in arrays.items() if n in free or a.tobytes() != neutral[n].tobytes()}

    def look_parts(self) -> dict[str, Any]:
        """Arguments of ``ft2os.looks.Look``: all but its words."""
        before = {name: _numpy(tensor) for name, tensor in self.neutral.items()}
        return {
            "parent": _numpy(self.parent).astype(np.int32),
            "dc": self.colour(),
            "dc0": before.pop("dc"),
            **before,
            "target": self.geometry() or None,
            "sh": self.bands(),
        }

    def state_dict(self) -> dict[str, Any]:
        """All that a run needs to go on to the bit: nested dicts of tensors, for ``torch.save``."""
        adam = {name: dict(self.optimizer.state.get(raw, {})) for name, raw in self._raw.items()}
        return {
            "parent": self.parent,
            "neutral": dict(self.neutral),
            "home": dict(self.home),
            "fixed": dict(self._fixed),
            "raw": {name: raw.detach() for name, raw in self._raw.items()},
            "adam": adam,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what `state_dict` gave; the shape must have been made with the same ``freeze``.

        Raises
        ------
        ValueError
            If the state has other arrays, or arrays of other lengths.
        """
        if set(state["raw"]) != set(self._raw) or set(state["fixed"]) != set(self._fixed):
            raise ValueError("the state has other free arrays")
        length, device = len(state["parent"]), self.parent.device
        for arrays in (state["neutral"], state["home"], state["fixed"], state["raw"]):
            if any(len(tensor) != length for tensor in arrays.values()):
                raise ValueError("the state's arrays have different lengths")
        self.parent = state["parent"].to(device)
        self.neutral = {name: tensor.to(device).clone() for name, tensor in state["neutral"].items()}
        self.home = {name: tensor.to(device).clone() for name, tensor in state["home"].items()}
        self._fixed = {name: tensor.to(device).clone() for name, tensor in state["fixed"].items()}
        for name, group in zip(self.free, self._adam.param_groups if self._adam else ()):
            self.optimizer.state.pop(self._raw[name], None)
            new = state["raw"][name].to(device).clone().requires_grad_()
            self._raw[name], group["params"] = new, [new]
            if state["adam"][name]:
                # Adam counts its steps in a tensor that stays on the CPU.
                memory = state["adam"][name].items()
                self.optimizer.state[new] = {
                    k: (v if k == "step" else v.to(device)).clone() for k, v in memory
                }

    def _array(self, name: str) -> np.ndarray:
        return _numpy(self.active(name))


def _halved(arrays: dict[str, Tensor], sign: Tensor, axis: Tensor) -> dict[str, Tensor]:
    """Children in the place of the rows whose ``sign`` is ±1: one of two halves along an ``axis``.

    With s the standard deviation there, the children have k·s, k = 1/√2, at ±√(1 − k²)·s: the pair's variance
    k²s² + (1 − k²)s² is the parent's. The published rule (k_i = 1 − (1 − 1/√2)·s_i²/s₁², offsets along all
    axes at once) is this one for a needle. For rounder Gaussians it puts both children on a diagonal: the
    variances along the axes hold, but the pair gains a covariance √(1 − k_i²)·√(1 − k_j²)·s_i·s_j between
    them, for a sphere a correlation of ½. So only one axis is halved at a time.

    The children's opacity c keeps the parent's footprint seen from the side: in units of its area the pair
    covers 2k·c − ½k·e^(−(1 − k²)/k²)·c², the second term where one lies over the other, and that shall be o.
    The published 1 − (1 − o)^k keeps the optical depth instead; of an opaque parent it covers a fifth more.
    """
    born, index = sign != 0, torch.arange(len(sign), device=sign.device)
    frames = torch.from_numpy(rotation_matrices(_numpy(arrays["quats"]).astype(np.float64))).to(sign.device)
    direction = frames[index, :, axis].float()  # [M, 3]
    length = arrays["scales"][index, axis]
    means = arrays["means"] + (sign * _HALF * length)[:, None] * direction
    scales = arrays["scales"].clone()
    scales[index, axis] = length * _HALF
    opacities = arrays["opacities"] / (_HALF + (0.5 - _OVERLAP * arrays["opacities"]).sqrt())
    return {
        "means": torch.where(born[:, None], means, arrays["means"]),
        "quats": arrays["quats"],
        "scales": torch.where(born[:, None], scales, arrays["scales"]),
        "opacities": torch.where(born, opacities, arrays["opacities"]),
    }


_INVERSE = {
    "position": lambda means: means,
    "scale": lambda scales: scales.clamp_min(1e-12).log(),
    "opacity": lambda opacities: torch.logit(opacities, eps=1e-6),
}


def _tensor(array: np.ndarray, device: torch.device | str) -> Tensor:
    # A copy: the source may be memory-mapped and read-only.
    return torch.from_numpy(np.array(array, np.float32)).to(device)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
