"""The colour stage: colours alone move, on linear views, so that the judge is the only cost.

The parameters are display-referred colours, one for each of the split object's Gaussians, and one palette
for all of them: an affine map of the start's colours. Gaussians that each go their own way make stains before
they make another colour; the palette takes the whole object there first. Nothing outside the object is here,
so nothing outside can change, and spill is impossible, whatever the ``context``. Every step draws its
randomness from the seed and its own number: a resumed run sees what it would have seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ft2os.stylize.clip import checkpoint
from ft2os.stylize.clip.checkpoint import Kept
from ft2os.stylize.clip.content import Regularizer
from ft2os.stylize.clip.linear_views import LinearViews
from ft2os.stylize.clip.objective import Judgement, keeping_terms
from ft2os.stylize.clip.reference_views import ReferenceViews
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.clip.style import Style
from ft2os.stylize.clip.views import schedule
from ft2os.stylize.geometry import ADAM_EPS
from ft2os.stylize.luminance import CEILING

NEIGHBOURS = 6
SLOWEST = 0.1  # the last step's rate over the first's
_MOMENTS = ("exp_avg", "exp_avg_sq")
_BETAS = (0.9, 0.99)  # a few dozen steps: the usual 0.999 would still be warming up
_PALETTE = (0.003, 0.02)  # rates of the palette: from a material, whose palette is right; from the original
_FROM_ORIGINAL = 0.06  # of the anchor's weight, where the start is what should be left
_FASTER = 3.0  # times the rate, from there


@dataclass(frozen=True)
class Guidance:
    """What leads the colours, whichever stage moves them.

    Parameters
    ----------
    judgement : Judgement
    settings : Settings
    original : ReferenceViews
        The object in its own colours: what the direction is measured from.
    device : str
    from_original : bool
        Whether the run began with the object's own colours and not with a material.
    regularizer, style : optional
        Terms that need networks of their own.
    """

    judgement: Judgement
    settings: Settings
    original: ReferenceViews
    device: str
    from_original: bool = False
    regularizer: Regularizer | None = None
    style: Style | None = None


@dataclass(frozen=True)
class Coloured:
    """Colours [M, 3], display-referred, as a stage leaves them, and how many pictures it had judged."""

    colours: np.ndarray
    judged: int


class ColourStage:
    """Colours and their optimiser.

    Parameters
    ----------
    linear_views : LinearViews
    start : ndarray, [M, 3]
        Display-referred colours to begin with. Their light and dark are to stay: a material was painted with
        the original's in it.
    means : ndarray, [M, 3]
        Positions, by which neighbours are found.
    guidance : Guidance
    steps : int
    seed : tuple of int
        Of this stage; the one after the geometry has another.
    """

    def __init__(
        self,
        linear_views: LinearViews,
        start: np.ndarray,  # [M, 3]
        means: np.ndarray,  # [M, 3]
        guidance: Guidance,
        *,
        steps: int,
        seed: tuple[int, ...],
    ) -> None:
        settings, device = guidance.settings, guidance.device
        self._linear_views, self._guidance, self._seed = linear_views, guidance, seed
        self._crops = min(round(settings.crops * settings.batch), settings.batch)
        whole = max(1, settings.batch - self._crops)
        self.order = schedule(
            len(linear_views), min(whole, len(linear_views)), 1, steps, np.random.default_rng(seed)
        )
        self._weights = {
            name: getattr(settings, name)
            for name in ("nce", "direction", "patch", "structure", "smooth", "anchor", "style")
        } | {"content": 1.0}
        self._rates = [settings.rate, _PALETTE[guidance.from_original] if settings.rate else 0.0]
        if guidance.from_original:
            self._weights["anchor"] *= _FROM_ORIGINAL
            self._rates[0] *= _FASTER
        self._start = torch.from_numpy(np.array(start, np.float32)).to(device)
        self._initial = ReferenceViews(linear_views, self._start, guidance.judgement)
        self._near = torch.from_numpy(_neighbours(means)).to(device)
        self._offsets = torch.zeros_like(self._start).requires_grad_(True)
        self._palette = torch.eye(4, 3, device=device).requires_grad_(True)
        groups = [{"params": [p], "lr": r} for p, r in zip((self._offsets, self._palette), self._rates)]
        self._adam = torch.optim.Adam(groups, betas=_BETAS, eps=ADAM_EPS)
        self.number = 0
        self.judged = 0

    @property
    def done(self) -> bool:
        """Whether all steps are taken."""
        return self.number >= len(self.order)

    @property
    def share(self) -> float:
        """Of the steps that are taken."""
        return self.number / max(len(self.order), 1)

    def step(self) -> tuple[float, dict[str, float]]:
        """One step of Adam; the loss before it, and its terms, unweighted."""
        indices = self.order[self.number]
        colours = self.colours()
        images = self._linear_views.images(colours, indices)
        self._linear_views.prefetch(self.order[min(self.number + 1, len(self.order) - 1)])
        rng = np.random.default_rng((*self._seed, 1 + self.number))
        terms = self._terms(images, colours, indices, rng)
        loss: Any = sum(self._weights[name] * term for name, term in terms.items())
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        for group, rate in zip(self._adam.param_groups, self._rates):
            group["lr"] = rate * self._pace()
        self._adam.step()
        self.number += 1
        self.judged += len(indices) + self._crops
        return float(loss.detach()), {name: float(term.detach()) for name, term in terms.items()}

    def colours(self) -> Tensor:  # [M, 3]
        """The colours as they are, with their gradient."""
        free = self._start @ self._palette[:3] + self._palette[3] + self._offsets
        # Held within what a screen shows; the gradient passes, so that what is at a limit can come back.
        return free + (free.clamp(0, CEILING) - free).detach()

    def _terms(
        self, images: Tensor, colours: Tensor, indices: np.ndarray, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        guidance, settings = self._guidance, self._guidance.settings
        originals = guidance.original.embeddings(indices) if settings.direction else None
        terms = guidance.judgement.terms(
            images, self._crops, self._linear_views.masks(indices), rng, originals
        )
        initial = self._initial.images(indices)
        terms |= keeping_terms(settings, images, initial, colours - self._start, self._offsets, self._near)
        if guidance.regularizer:
            for index in map(int, indices):
                if not guidance.regularizer.knows(index):
                    guidance.regularizer.keep(index, guidance.original.images([index]))
            terms["content"] = guidance.regularizer(images, indices)
        if guidance.style and settings.style:
            mask = torch.from_numpy(self._linear_views.masks(indices[:1])).to(images)[:, None]
            terms["style"] = guidance.style(images[:1], mask)
        return terms

    def _pace(self) -> float:
        share = self.number / max(len(self.order) - 1, 1)
        return SLOWEST + (1 - SLOWEST) * 0.5 * (1 + math.cos(math.pi * share))

    def now(self) -> np.ndarray:  # [M, 3]
        """The colours as they are."""
        return self.colours().detach().cpu().numpy().copy()

    def packed(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts for a checkpoint, under the stage's name."""
        kept = {"start": self._start}
        for part, tensor in self._free():
            kept[part] = tensor.detach()
            moments = self._adam.state.get(tensor, {})
            kept |= {f"{part}_{key}": moments[key] for key in _MOMENTS if key in moments}
        tensors, _ = checkpoint.packed(kept, name)
        return tensors, {name: [self.number, self.judged]}

    def restore(self, kept: Kept, name: str) -> None:
        """Take up what `packed` gave; nothing where the run had not come so far."""
        if name not in kept.facts:
            return
        state, (number, judged) = kept.part(name), kept.facts[name]
        with torch.no_grad():
            self._start.copy_(state["start"])
            for part, tensor in self._free():
                tensor.copy_(state[part])
                if number:
                    moments = {key: state[f"{part}_{key}"].to(tensor.device) for key in _MOMENTS}
                    self._adam.state[tensor] = {"step": torch.tensor(float(number)), **moments}
        self.number, self.judged = number, judged

    def _free(self) -> tuple[tuple[str, Tensor], ...]:
        return ("offsets", self._offsets), ("palette", self._palette)


def _neighbours(means: np.ndarray) -> np.ndarray:  # [M, K] int64
    """The nearest others of each; itself where there are none."""
    count = min(NEIGHBOURS + 1, len(means))
    _, near = cKDTree(means).query(means, k=count)
    return near.reshape(len(means), count)[:, min(1, count - 1) :].astype(np.int64)
