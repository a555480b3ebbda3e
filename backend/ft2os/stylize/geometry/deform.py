"""The loop of the geometry stage: draw, ask the judge, move, and now and then split."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ft2os.cameras.camera import Camera, stack
from ft2os.gaussians import NEEDLE_ASPECT, Gaussians
from ft2os.losses import anchor_loss, needle_loss
from ft2os.render import ScreenGradients, rasterize
from ft2os.stylize.geometry.coherence import Coherence
from ft2os.stylize.geometry.densify import Densifier, split_long
from ft2os.stylize.geometry.settings import Settings
from ft2os.stylize.geometry.shape import Shape
from ft2os.stylize.geometry.surroundings import Surroundings
from ft2os.stylize.history import History
from ft2os.stylize.view_buffers import frame_of

log = logging.getLogger(__name__)

Judge = Callable[[Tensor, list[Camera]], tuple[Tensor, Mapping[str, float]]]
"""Pictures [B, 3, H, W] in 0..1 and the cameras that took them -> loss [] and figures by name."""


@dataclass(frozen=True)
class Step:
    """What `deform` tells after each step.

    Parameters
    ----------
    number, total : int
        Counted from 1.
    loss : float
        The sum of all terms, before the step.
    terms : dict
        The terms by name, unweighted: judge, needle, anchor, where it was asked spill, and the judge's own.
    images : Tensor, [B, 3, H, W]
        What the judge saw, detached.
    state : callable
        Makes what `deform` takes as ``state`` to go on from here, to the bit.
    """

    number: int
    total: int
    loss: float
    terms: dict[str, float]
    images: Tensor
    state: Callable[[], dict[str, Any]]


class Report(History):
    """What a whole run did, step by step.

    Attributes
    ----------
    split : list of int
        Gaussians added before the start and at each of ``Settings.densify``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.split: list[int] = []


def deform(
    shape: Shape,
    views: Sequence[Camera],
    judge: Judge,
    settings: Settings,
    rng: np.random.Generator,
    *,
    context: Gaussians | None = None,
    on_progress: Callable[[Step], None] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Report:
    """Move a shape until the judge is content.

    Parameters
    ----------
    shape : Shape
        Changed in place; `Shape.look_parts` is a valid result after every step.
    views : sequence of Camera
        Of one size, with room around the object for what it shall become (`surroundings.wider`).
    judge : callable
        See `Judge`; its loss must carry a gradient to the pictures.
    settings : Settings
    rng : numpy.random.Generator
        Of views and backgrounds. All is drawn before the first step, so that a resumed run, given a
        generator of the same seed, sees what the first would have seen.
    context : Gaussians, optional
        The rest of the scene, drawn in place where spill is asked.
    on_progress : callable, optional
        Told after every step; what it raises ends the run and leaves the shape as it is.
    state : Mapping, optional
        From ``Step.state`` of a run with the same arguments.

    Returns
    -------
    Report
    """
    run = _Run(shape, list(views), judge, settings, rng, context)
    if state is None:
        run.begin()
    else:
        run.resume(state)
    while run.number < settings.steps:
        step = run.step()
        if on_progress:
            on_progress(step)
    return run.report


class _Run:
    def __init__(
        self,
        shape: Shape,
        views: list[Camera],
        judge: Judge,
        settings: Settings,
        rng: np.random.Generator,
        context: Gaussians | None,
    ) -> None:
        self.shape, self.views, self.judge, self.settings = shape, views, judge, settings
        self.device = shape.parent.device
        home: dict[str, Any] = {name: tensor.cpu().numpy() for name, tensor in shape.home.items()}
        began = Gaussians(**home, sh=_no_sh(shape))
        self.extent = frame_of(began).extent
        self.max_gaussians = int(settings.growth * len(shape))
        self.order = _order(len(views), settings.steps, settings.batch, rng)
        backgrounds = rng.random((settings.steps, settings.batch, 3), dtype=np.float32)
        if settings.background is not None:
            backgrounds[:] = settings.background
        self.backgrounds = torch.from_numpy(backgrounds)
        self.surroundings = None
        if settings.spill > 0:
            self.surroundings = Surroundings(shape, views, context, settings.reach * self.extent)
        # Adam's steps are about as long as its rate.
        together = sum(self._pace(number) for number in range(settings.steps))
        shape.set_rate("position", settings.travel * settings.reach * self.extent / max(together, 1.0))
        self.splits = {round(share * settings.steps) for share in settings.densify}
        self.report, self.number = Report(), 0
        self.densifier = Densifier(shape)
        self.coherence: tuple[int, Coherence] | None = None  # and how many Gaussians it is for

    def begin(self) -> None:
        """Split what is too long; half of the growth is kept for where the judge's gradients are largest."""
        spare = (self.max_gaussians - len(self.shape)) // 2
        self.report.split.append(split_long(self.shape, self.extent, len(self.shape) + spare))
        self.densifier.clear()

    def step(self) -> Step:
        settings, shape = self.settings, self.shape
        if self.number in self.splits and self.number:
            self.report.split.append(self.densifier.split(settings.split_share, self.max_gaussians))
        indices, screen_gradients = self.order[self.number], ScreenGradients()
        cameras = [self.views[i] for i in indices]
        backgrounds = self.backgrounds[self.number].to(self.device)
        images = draw(shape, cameras, backgrounds, screen_gradients)
        judged, figures = self.judge(images, cameras)
        terms = {"judge": judged, **self._own_terms(indices, backgrounds)}
        weights = {
            "judge": 1.0,
            "needle": settings.needle,
            "anchor": settings.anchor,
            "spill": settings.spill,
        }
        loss: Any = sum(weights[name] * term for name, term in terms.items())
        if loss.requires_grad:
            loss.backward()
            self.densifier.add(screen_gradients, cameras[0].width, cameras[0].height)
            self._together()
            shape.step(self._pace(self.number))
            shape.limit(settings.reach * self.extent, NEEDLE_ASPECT)
        self.number += 1
        values = {name: float(term.detach()) for name, term in terms.items()} | dict(figures)
        self.report.add(float(loss.detach()), values)
        return Step(self.number, settings.steps, self.report.losses[-1], values, images.detach(), self.state)

    def _together(self) -> None:
        """Gradients that neighbours share."""
        if self.settings.coherence <= 0:
            return
        if self.coherence is None or self.coherence[0] != len(self.shape):
            spacing = self.settings.coherence * self.extent
            self.coherence = len(self.shape), Coherence(self.shape, spacing)
        self.coherence[1](self.shape)

    def _pace(self, number: int) -> float:
        return self.settings.slowest ** (number / max(self.settings.steps - 1, 1))

    def _own_terms(self, indices: np.ndarray, backgrounds: Tensor) -> dict[str, Tensor]:
        settings, shape, terms = self.settings, self.shape, {}
        home = shape.home
        if settings.needle > 0:
            terms["needle"] = needle_loss(shape.active("scale"), home["scales"].amax(dim=1))
        if settings.anchor > 0:
            terms["anchor"] = anchor_loss(
                shape.active("position"), home["means"],
                shape.active("opacity"), home["opacities"], self.extent,
            )  # fmt: skip
        if self.surroundings and self.number % settings.spill_every == 0:
            few = min(settings.spill_views, len(indices))
            terms["spill"] = self.surroundings.loss(shape, indices[:few], backgrounds[:few])
        return terms

    def state(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "shape": self.shape.state_dict(),
            "screen_gradients": self.densifier.screen_gradients,
            "views": self.densifier.views,
            **self.report.copied(),
            "split": list(self.report.split),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        self.shape.load_state_dict(state["shape"])
        self.densifier.screen_gradients = state["screen_gradients"].to(self.device).clone()
        self.densifier.views = state["views"].to(self.device).clone()
        self.number = int(state["number"])
        self.report.restore(state["losses"], state["terms"])
        self.report.split = list(state["split"])


def draw(
    shape: Shape,
    views: Sequence[Camera],
    backgrounds: Tensor,
    screen_gradients: ScreenGradients | None = None,
) -> Tensor:  # [B, 3, H, W]
    """The shape alone in views of one size over ``backgrounds`` [B, 3], clamped to what a screen shows."""
    viewmats, Ks = (torch.from_numpy(array).to(shape.parent.device) for array in stack(views))
    rgb, _, _ = rasterize(
        **shape.gaussians(),
        viewmats=viewmats,
        Ks=Ks,
        width=views[0].width,
        height=views[0].height,
        backgrounds=backgrounds,
        screen_gradients=screen_gradients,
    )
    return rgb.permute(0, 3, 1, 2).clamp(0, 1)


def _order(views: int, steps: int, batch: int, rng: np.random.Generator) -> np.ndarray:  # [steps, batch]
    """View indices of every step: each pass visits every view once, in an order of its own."""
    passes = -(-steps * batch // views)
    return np.concatenate([rng.permutation(views) for _ in range(passes)])[: steps * batch].reshape(
        steps, batch
    )


def _no_sh(shape: Shape) -> np.ndarray:
    return shape.neutral["dc"].cpu().numpy()[:, None]
