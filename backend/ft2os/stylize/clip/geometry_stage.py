"""The geometry stage within the CLIP method: the shape moves, then its colours once more.

`ft2os.stylize.geometry` has the loop and its terms; here are the judge that it asks, the views with room for
what grows, and what a checkpoint has to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ft2os.cameras.camera import Camera, stack
from ft2os.gaussians import Gaussians, dc_of
from ft2os.looks import Look
from ft2os.stylize import geometry
from ft2os.stylize.clip import checkpoint
from ft2os.stylize.clip.colour_stage import ColourStage, ReferenceViews
from ft2os.stylize.clip.linear_views import LinearViews
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.luminance import CEILING
from ft2os.tiles import render

if TYPE_CHECKING:
    from ft2os.stylize.clip.clip_run import ClipRun

_FINISH = 0.25  # of the colour stage's steps, for the colours after the geometry
_REACH = 0.06  # in extents of the object, at full strength
# Gentler than `geometry.RATES`: a weak judge's gradient is mostly noise, and a given form should stay.
_PACE = 0.25  # times `geometry.RATES`
_ANCHOR = 20.0
_TRAVEL = 0.6  # in reaches, how far a Gaussian may come whose gradient always points one way
_FORMED_TRAVEL = 0.3  # the same where the prompt's form was given beforehand
_ROOM = 1.15  # of the views around the colour stage's windows


def steps(settings: Settings, strength: float) -> int:
    """Steps of the geometry stage at some strength."""
    return max(1, round(settings.geometry_steps * strength))


def finishing_steps(settings: Settings) -> int:
    """Colour steps after it."""
    return max(1, round(_FINISH * settings.steps))


def recoloured(gaussians: Gaussians, colours: np.ndarray) -> Gaussians:
    """The same Gaussians in display-referred colours [M, 3], without bands."""
    return gaussians.replace(sh=dc_of(colours[:, None]).astype(np.float32))


class GeometryStage:
    """The shape, and after it colours once more.

    Parameters
    ----------
    run : ClipRun
        Whose colour stage is done.
    """

    def __init__(self, run: ClipRun) -> None:
        self._run = run
        self.judged = 0
        self.colour_stage: ColourStage | None = None  # of the finish
        self._now: Callable[[], dict[str, Any]] | None = None  # the loop's state, once there is one
        prepared, request = run.prepared, run.request
        self.shape = geometry.Shape(
            recoloured(prepared.shown, run.colour_stage.now()),
            neutral=recoloured(prepared.fine, prepared.neutral),
            parent=prepared.parent,
            freeze=run.settings.freeze,
            rates={name: _PACE * rate for name, rate in geometry.RATES.items()},
            extent=prepared.frame.extent,
            device=run.device,
        )
        self._views = [geometry.wider(camera, _ROOM) for camera in run.linear_views.cameras]
        self._context = request.context

    def run(self, kept: tuple[dict, dict] | None) -> None:
        """Both parts, from where they stood or from their start."""
        state = checkpoint.unpacked(kept, "shape") if kept else None
        self._deform(state)
        self._finish(kept)

    def _deform(self, state: Mapping[str, Any] | None) -> None:
        run, settings = self._run, self._run.settings
        total = steps(settings, run.strength)
        crops = round(settings.crops * settings.batch)
        travel = _TRAVEL if run.prepared.deformed is None else _FORMED_TRAVEL
        whole = max(1, settings.batch - crops)
        number = int(state["number"]) if state else 0
        self.judged = number * (whole + crops)

        def judge(images: Tensor, cameras: list[Camera]) -> tuple[Tensor, dict[str, float]]:
            nonlocal number
            number += 1
            rng = np.random.default_rng((run.request.seed, 4, number))
            anywhere = np.ones((len(images), *images.shape[-2:]), bool)
            terms = run.judgement.terms(images, crops, anywhere, rng)
            loss = sum(getattr(settings, name) * term for name, term in terms.items())
            return loss, {name: float(term.detach()) for name, term in terms.items()}

        def on_progress(step: geometry.Step) -> None:
            self._now = step.state
            self.judged += len(step.images) + crops
            # Both stages have an anchor, each its own.
            terms = {"shape_anchor" if name == "anchor" else name: v for name, v in step.terms.items()}
            run.note(step.loss, terms)
            share = step.number / step.total
            run.report("geometry", share, loss=step.loss, metrics=terms, preview=run.preview)

        geometry.deform(
            self.shape,
            self._views,
            judge,
            geometry.Settings(
                steps=total, batch=whole, anchor=_ANCHOR, reach=_REACH * run.strength, travel=travel
            ),
            np.random.default_rng((run.request.seed, 5)),
            context=self._context,
            on_progress=on_progress,
            state=state,
        )

    def _finish(self, kept: tuple[dict, dict] | None) -> None:
        """Colours once more, on linear views of the new shape; none where they are frozen."""
        run = self._run
        if "colour" in run.settings.freeze:
            return
        moved = self._moved()
        linear_views = LinearViews(moved, self._views, run.backgrounds(len(self._views)), run.device)
        start = np.clip(moved.base_colours, 0, CEILING).astype(np.float32)
        initial = ReferenceViews(linear_views, torch.from_numpy(start).to(run.device), run.judgement)
        self.colour_stage = run.make_colour_stage(
            linear_views, start, moved.means, initial, finishing_steps(run.settings), 2
        )
        if kept and "finish" in kept[1]:
            self.colour_stage.restore(checkpoint.part(kept[0], "finish"), *kept[1]["finish"])
        try:
            run.move(self.colour_stage, "finish")
        finally:
            linear_views.close()

    def _moved(self) -> Gaussians:
        """The shape as it is, without bands."""
        arrays = self.shape.gaussians()
        names = ("means", "quats", "scales", "opacities")
        parts = {name: arrays[name].detach().cpu().numpy().copy() for name in names}
        return Gaussians(**parts, sh=self.shape.colour()[:, None])

    def look(self, stats: dict) -> Look:
        """The look of the shape as it is, in the colours as they are."""
        request, parts = self._run.request, self.shape.look_parts()
        if self.colour_stage:
            parts["dc"] = recoloured(self._moved(), self.colour_stage.now()).sh[:, 0]
        return Look(
            **parts, name=request.prompt.strip(), prompt=request.prompt, method="clip", seed=request.seed,
            stats=stats,
        )  # fmt: skip

    def picture(self, camera: Camera) -> np.ndarray:  # [H, W, 3]
        """The shape from a camera, over mid grey."""
        moved = self._moved()
        if self.colour_stage:
            moved = recoloured(moved, self.colour_stage.now())
        grey = np.full((1, 3), 0.5, np.float32)
        viewmats, Ks = stack([camera])
        return render(moved, viewmats, Ks, camera.width, camera.height, background=grey).rgb[0]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts for a checkpoint."""
        if not self._now:
            return {}, {}
        tensors, facts = checkpoint.packed(self._now(), "shape")
        if self.colour_stage:
            tensors |= checkpoint.packed(self.colour_stage.state(), "finish")[0]
            facts["finish"] = [self.colour_stage.number, self.colour_stage.judged]
        return tensors, facts
