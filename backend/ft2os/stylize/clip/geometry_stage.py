"""The geometry stage within the CLIP method: the shape moves, then its colours once more.

`ft2os.stylize.geometry` has the loop and its terms; here are the judge that it asks, the views with room for
what grows, and what a checkpoint has to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from ft2os.cameras.camera import Camera, stack
from ft2os.colour import to_uint8
from ft2os.gaussians import Gaussians, dc_of
from ft2os.looks import Look
from ft2os.stylize import geometry
from ft2os.stylize.clip import checkpoint, steps, views
from ft2os.stylize.clip.colour_stage import Coloured, ColourStage, Guidance
from ft2os.stylize.clip.linear_views import LinearViews
from ft2os.stylize.clip.loaded import Loaded
from ft2os.stylize.clip.objective import Judgement
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.clip.unfinished import Unfinished
from ft2os.stylize.luminance import CEILING
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import StylizeResult
from ft2os.stylize.run import Run
from ft2os.tiles import render

_REACH = 0.06  # in extents of the object, at full strength
# Gentler than `geometry.RATES`: a weak judge's gradient is mostly noise, and a given form should stay.
_PACE = 0.25  # times `geometry.RATES`
_ANCHOR = 20.0
_TRAVEL = 0.6  # in reaches, how far a Gaussian may come whose gradient always points one way
_FORMED_TRAVEL = 0.3  # the same where the prompt's form was given beforehand
_ROOM = 1.15  # of the views around the colour stage's windows


@dataclass(frozen=True)
class Shaped:
    """An object in another shape.

    Parameters
    ----------
    run : Run
        Whose figures its result has.
    prepared : PreparedObject
        What it was made of.
    shape : geometry.Shape
    cameras : sequence of Camera
        Of the views that judge it.
    judged : int
        Pictures that the run had judged.
    colours : ndarray, [M, 3], optional
        Display-referred, where they have moved since the shape did.
    """

    run: Run
    prepared: PreparedObject
    shape: geometry.Shape
    cameras: Sequence[Camera]
    judged: int = 0
    colours: np.ndarray | None = None

    def gaussians(self) -> Gaussians:
        """The shape as it is, without bands."""
        arrays = self.shape.gaussians()
        names = ("means", "quats", "scales", "opacities")
        parts = {name: arrays[name].detach().cpu().numpy().copy() for name in names}
        bare = Gaussians(**parts, sh=self.shape.colour()[:, None])
        return bare if self.colours is None else recoloured(bare, self.colours)

    def result(self) -> StylizeResult:
        """The look of the shape as it is, and the run's figures."""
        request, parts = self.run.request, self.shape.look_parts()
        stats = self.run.stats(self.prepared, len(self.shape))
        if self.colours is not None:
            parts["dc"] = self.gaussians().sh[:, 0]
        look = Look(
            **parts, name=request.prompt.strip(), prompt=request.prompt, method="clip", seed=request.seed,
            stats=stats,
        )  # fmt: skip
        return StylizeResult(look, stats)

    def preview(self) -> np.ndarray:  # uint8 [H, W, 3]
        """The shape in the object's first view, over mid grey."""
        camera = self.prepared.surface_views[0].view.camera
        grey = np.full((1, 3), 0.5, np.float32)
        viewmats, Ks = stack([camera])
        drawn = render(self.gaussians(), viewmats, Ks, camera.width, camera.height, background=grey).rgb[0]
        return to_uint8(drawn)


def recoloured(gaussians: Gaussians, colours: np.ndarray) -> Gaussians:
    """The same Gaussians in display-referred colours [M, 3], without bands."""
    return gaussians.replace(sh=dc_of(colours[:, None]).astype(np.float32))


def deform(
    this: Run,
    loaded: Loaded,
    prepared: PreparedObject,
    judgement: Judgement,
    coloured: Coloured,
    cameras: Sequence[Camera],
    unfinished: Unfinished,
) -> Shaped:
    """Move the shape, from where a checkpoint has it or from the prepared object in the stage's colours.

    Parameters
    ----------
    cameras : sequence of Camera
        The colour stage's.
    """
    settings, seed = loaded.settings, loaded.request.seed
    shape = geometry.Shape(
        recoloured(prepared.shown, coloured.colours),
        neutral=recoloured(prepared.fine, prepared.neutral),
        parent=prepared.parent,
        freeze=settings.freeze,
        rates={name: _PACE * rate for name, rate in geometry.RATES.items()},
        extent=prepared.frame.extent,
        device=loaded.device,
    )
    state = loaded.kept.state("shape") if loaded.kept else None
    judge = Judge(judgement, settings, seed, int(state["number"]) if state else 0)
    moving = Shaped(this, prepared, shape, [geometry.wider(camera, _ROOM) for camera in cameras])
    this.report.result = moving.result
    this.figures = lambda: steps.figures(this.history, coloured.judged + judge.judged)

    def on_progress(step: geometry.Step) -> None:
        unfinished.keep("shape", lambda: checkpoint.packed(step.state(), "shape"))
        # Both stages have an anchor, each its own.
        terms = {"shape_anchor" if name == "anchor" else name: v for name, v in step.terms.items()}
        this.step("geometry", step.number / step.total, step.loss, terms, moving.preview)

    geometry.deform(
        shape,
        moving.cameras,
        judge,
        geometry.Settings(
            steps=settings.steps_of_geometry(loaded.strength),
            batch=judge.whole,
            anchor=_ANCHOR,
            reach=_REACH * loaded.strength,
            travel=_TRAVEL if prepared.deformed is None else _FORMED_TRAVEL,
        ),
        np.random.default_rng((seed, 5)),
        context=loaded.request.context,
        on_progress=on_progress,
        state=state,
    )
    return replace(moving, judged=coloured.judged + judge.judged)


class Judge:
    """CLIP as the loop asks it: the colour stage's terms that are about pictures, by the same weights.

    Parameters
    ----------
    judgement : Judgement
    settings : Settings
        Weights, the share of crops and the batch.
    seed : int
        Of crops and negatives.
    number : int
        Batches that were judged before.
    """

    def __init__(self, judgement: Judgement, settings: Settings, seed: int, number: int = 0) -> None:
        self._judgement, self._settings, self._seed, self._number = judgement, settings, seed, number
        self._crops = round(settings.crops * settings.batch)
        self.whole = max(1, settings.batch - self._crops)

    @property
    def judged(self) -> int:
        """Pictures until now."""
        return self._number * (self.whole + self._crops)

    def __call__(
        self,
        images: Tensor,  # [B, 3, H, W]
        cameras: list[Camera],
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and its terms, unweighted."""
        self._number += 1
        rng = np.random.default_rng((self._seed, 4, self._number))
        anywhere = np.ones((len(images), *images.shape[-2:]), bool)
        terms = self._judgement.terms(images, self._crops, anywhere, rng)
        loss: Any = sum(getattr(self._settings, name) * term for name, term in terms.items())
        return loss, {name: float(term.detach()) for name, term in terms.items()}


def finish(this: Run, loaded: Loaded, guidance: Guidance, deformed: Shaped, unfinished: Unfinished) -> Shaped:
    """Colours once more, on linear views of the new shape; none where they are frozen."""
    settings, seed = loaded.settings, loaded.request.seed
    if "colour" in settings.freeze:
        return deformed
    moved, cameras = deformed.gaussians(), list(deformed.cameras)
    start = np.clip(moved.base_colours, 0, CEILING).astype(np.float32)
    linear_views = LinearViews(moved, cameras, views.backgrounds(len(cameras), seed), loaded.device)
    stage = ColourStage(
        linear_views, start, moved.means, guidance, steps=settings.finishing_steps, seed=(seed, 2)
    )
    if loaded.kept:
        stage.restore(loaded.kept, "finish")
    unfinished.keep("finish", lambda: stage.packed("finish"))
    this.figures = lambda: steps.figures(this.history, deformed.judged + stage.judged)

    def now() -> Shaped:
        return replace(deformed, judged=deformed.judged + stage.judged, colours=stage.now())

    this.report.result = lambda: now().result()
    try:
        steps.take_all(this, "finish", stage, lambda: now().preview())
    finally:
        linear_views.close()
    return now()
