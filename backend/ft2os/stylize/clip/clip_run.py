"""One run of the fast CLIP method, from the request to the look.

The object is prepared; the judge chooses where to start; the colour stage moves colours; where the prompt
asks for another shape, the geometry stage moves geometry and then colours once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch

from ft2os.colour import to_uint8
from ft2os.device import best_device
from ft2os.errors import RequestError
from ft2os.guidance import clip_judge
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.looks import Look
from ft2os.stylize import form, geometry, memory, painting, prepare
from ft2os.stylize.clip import checkpoint, geometry_stage, start, views
from ft2os.stylize.clip.colour_stage import ColourStage, ReferenceViews
from ft2os.stylize.clip.content import Regularizer
from ft2os.stylize.clip.linear_views import LinearViews
from ft2os.stylize.clip.objective import Judgement
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.clip.stage_weights import NEW_WORDS, stage_weights
from ft2os.stylize.clip.style import Style
from ft2os.stylize.clip.texts import Texts
from ft2os.stylize.luminance import CEILING
from ft2os.stylize.measure import measure
from ft2os.stylize.outliers import inliers
from ft2os.stylize.patience import OnProgress, patiently
from ft2os.stylize.report import Reporter
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.split import max_gaussians
from ft2os.stylize.view_buffers import SurfaceView

T = TypeVar("T")
_CONTENT_PIXELS = 160
_BACKGROUND_SPREAD = 0.12  # of the views' backgrounds around grey, so that they stay believable

_FORM_STRENGTH = 0.4  # strength of the geometry stage that a form asks for at least


class ClipRun:
    """See the module; ``run`` once.

    Parameters
    ----------
    request : StylizeRequest
    settings : Settings
    progress, cancelled : callable, optional
    judge : ClipJudge, optional
        Instead of the one that the settings name.
    """

    def __init__(
        self,
        request: StylizeRequest,
        settings: Settings,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        judge: ClipJudge | None = None,
    ) -> None:
        if not request.prompt.strip():
            raise RequestError(
                "The CLIP method needs a prompt.", "Say what it should become, or choose the method image."
            )
        self.request, self.settings = request, settings
        self.device = best_device()
        # What may be missing is asked for before anything is computed.
        self.judge = (judge or clip_judge.load(settings.model, settings.pretrained)).to(self.device)
        content = settings.regularisation > 0
        self.regularizer = Regularizer(settings, self.device, _CONTENT_PIXELS) if content else None
        image = request.style_image
        self.style = Style(image, request.seed, self.device) if image and settings.style else None
        how = (settings.start_form, settings.form_amount, request.object_name)
        self.asked = form.resolve_form(request.prompt, *how)
        # A form that was asked for by hand wants the geometry stage, whatever the prompt says.
        wanted = max(
            geometry.wanted(request.prompt, request.object_name), _FORM_STRENGTH if self.asked.form else 0.0
        )
        self.strength = wanted if settings.geometry is None else settings.geometry
        self.digest = checkpoint.digest(request, settings, self.judge.name)
        going_on = request.resume and request.checkpoint
        self._kept = checkpoint.load(request.checkpoint, self.digest) if going_on else None
        self.memory = memory.fit_batch(settings.batch, self._job(), device=self.device)
        # A run that goes on keeps its batch, whatever is free today.
        batch = self._kept[1]["batch"] if self._kept else self.memory.batch
        self.settings = replace(settings, batch=batch)
        stages = stage_weights(self.settings, self.strength, self.judge)
        self.report = Reporter(stages, progress, cancelled, self._save)
        self.losses: list[float] = []
        self.terms: dict[str, list[float]] = {}
        self.prepared: prepare.PreparedObject | None = None
        self.colour_stage: ColourStage | None = None
        self.geometry_stage: geometry_stage.GeometryStage | None = None
        self._saved = time.monotonic()

    def run(self) -> StylizeResult:
        """Make the look."""
        try:
            self._begin()
            self.move(self.colour_stage, "colours")
            if self.strength > 0:
                self.geometry_stage = geometry_stage.GeometryStage(self)
                self.geometry_stage.run(self._kept)
            result = self.result()
        finally:
            self._close()
        if self.request.checkpoint:
            self.request.checkpoint.unlink(missing_ok=True)
        self.report("done", 1.0, preview=self.preview, at_once=True)
        return result

    def _job(self) -> memory.Job:
        """The memory that the run will take."""
        settings, count = self.settings, len(self.request.target)
        geometry_too = self.strength > 0
        return memory.Job(
            gaussians=max_gaussians(count, settings.limit) + (form.GROWN if self.asked.form else 0),
            views=settings.surface_views,
            pixels=settings.surface_pixels,
            judged_views=settings.views,
            judged_pixels=self._pixels(),
            per_picture=self.judge.bytes_per_picture,
            moved=14 if geometry_too else 3,
            rasterized=geometry_too,
        )

    def _begin(self) -> None:
        """The prepared object, the choice, and the colour stage, where it stood or at its start."""
        request, settings = self.request, self.settings
        self.report("words", 0.0)
        self.texts, self.named = self._read()
        self.judgement = Judgement(self.judge, self.texts, settings)
        self.brush = start.likely_brush(self.named, request, settings)
        self.prepared = self._prepared()
        if self._kept:
            tensors, facts = self._kept
            self.choice = start.Choice.restored(facts["choice"], request.seed)
            self.losses, self.terms = facts["losses"], facts["terms"]
            colours = tensors["colours/start"].numpy()
        else:
            colours = self._choose()
        shown = self.prepared.shown
        self.linear_views = self._staged("colours", lambda _: self._make_linear_views())
        neutral = torch.from_numpy(np.clip(self.prepared.own_colours, 0, CEILING)).to(self.device)
        self.original = ReferenceViews(self.linear_views, neutral, self.judgement)
        start_colours = torch.from_numpy(np.asarray(colours, np.float32)).to(self.device)
        initial = ReferenceViews(self.linear_views, start_colours, self.judgement)
        how = (self.linear_views, colours, shown.means, initial, settings.steps, 1)
        self.colour_stage = self._staged("colours", lambda _: self.make_colour_stage(*how))
        self.report.result = self.result
        if self._kept:
            self.colour_stage.restore(checkpoint.part(tensors, "colours"), *facts["colours"])

    def _read(self) -> tuple[Texts, tuple[list[str], str]]:
        """The words as the judge reads them, and what they name; new to this machine they take seconds."""
        stage = ["words"]

        def work(on_progress: OnProgress) -> tuple[Texts, tuple[list[str], str]]:
            def note(share: float) -> None:
                stage[0] = NEW_WORDS
                on_progress(share)

            texts = Texts(self.request, self.settings, self.judge, note)
            return texts, start.named(self.request, self.settings, self.judge, texts)

        return patiently(work, lambda share: self.report(stage[0], share))

    def _staged(self, stage: str, work: Callable[[OnProgress], T]) -> T:
        return patiently(work, lambda share: self.report(stage, share))

    def _prepared(self) -> prepare.PreparedObject:
        target, settings = self.request.target, self.settings
        own = np.arange(len(target), dtype=np.int32)
        if settings.outliers:
            own = own[self._staged("prepare", lambda _: inliers(target.means))]
        made = prepare.prepare(
            target.subset(own),
            views=settings.surface_views,
            pixels=settings.surface_pixels,
            max_split_scale=settings.max_split_scale,
            limit=settings.limit,
            refit=settings.refit,
            on_progress=self.report,
            on_first_view=self._show_brush if self.brush and not self._kept else None,
        )
        asked = self.asked
        if asked.form and self.strength > 0:
            plain, how = made, (asked.form, asked.amount, self.request.seed)
            made = self._staged("form", lambda on_progress: form.give_form(plain, *how, on_progress))
        return replace(made, rows=own[made.rows], parent=own[made.parent])

    def _show_brush(self, made: prepare.PreparedObject) -> None:
        """The first picture, long before the run has colours: the material that the prompt names."""
        first = made.surface_views[0]

        def drawn() -> np.ndarray:
            return first.on_grey(painting.picture(first, made.frame, self.brush, painting.tone_of([first])))

        self.report("split", 1.0, preview=drawn, at_once=True)

    def _original(self) -> np.ndarray:
        return self._first().on_grey(self._first().original)

    def _choose(self) -> np.ndarray:
        """Colours [M, 3] to start from."""
        self.report("rank", 0.0, preview=None if self.brush else self._original, at_once=True)
        self.choice = start.choose(
            self.named, self.request, self.settings, self.judgement, self.prepared,
            lambda share: self.report("rank", share),
        )  # fmt: skip
        if self.choice.brush is None:
            return np.clip(self.prepared.own_colours, 0, CEILING).astype(np.float32)
        painted = self._staged(
            "paint", lambda on_progress: painting.paint(self.prepared, self.choice.brush, on_progress)
        )
        self.report("solve", 0.0, preview=lambda: self._first().on_grey(painted.targets[0]), at_once=True)
        often = self.settings.iterations
        solved = self._staged("solve", lambda _: painting.solve(self.prepared, painted, iterations=often))
        return np.clip(solved, 0, CEILING)

    def make_colour_stage(self, linear_views, colours, means, initial, steps, turn) -> ColourStage:
        return ColourStage(
            linear_views,
            colours,
            means,
            original=self.original,
            initial=initial,
            judgement=self.judgement,
            settings=self.settings,
            steps=steps,
            seed=(self.request.seed, turn),
            device=self.device,
            from_original=self.choice.brush is None,
            regularizer=self.regularizer,
            style=self.style,
        )

    def move(self, stage: ColourStage, name: str) -> None:
        """All steps of a colour stage that are left."""
        if "colour" in self.settings.freeze:
            return
        self.report(name, stage.share, preview=self.preview, at_once=True)
        while not stage.done:
            loss, terms = stage.step()
            self.note(loss, terms)
            self.report(name, stage.share, loss=loss, metrics=terms, preview=self.preview)

    def note(self, loss: float, terms: dict[str, float]) -> None:
        """Keep a step's figures; write the checkpoint when it is due."""
        self.losses.append(loss)
        for name, value in terms.items():
            past = self.terms.setdefault(name, [])
            # A term that comes and goes repeats its last value, so that all lists tell of the same steps.
            past += [past[-1] if past else value] * (len(self.losses) - 1 - len(past)) + [value]
        if self.request.checkpoint and time.monotonic() - self._saved >= checkpoint.EVERY_S:
            self._save()

    def result(self) -> StylizeResult:
        """The look as it is now, and its figures."""
        stats = self.stats()
        return StylizeResult(self._look(stats), stats)

    def _look(self, stats: dict) -> Look:
        if self.geometry_stage:
            return self.geometry_stage.look(stats)
        return self.prepared.look(self.request, self.colour_stage.now(), stats)

    def stats(self) -> dict:
        settings, stages = (
            self.settings,
            [
                stage
                for stage in (self.colour_stage, self.geometry_stage and self.geometry_stage.colour_stage)
                if stage
            ],
        )
        return {
            "method": "clip",
            "preset": self.request.preset,
            "judge": self.judge.name,
            **self.report.times(),
            "start": self.choice.stats(),
            "source": self.texts.source,
            "target": self.texts.target,
            "steps": len(self.losses),
            "batch": settings.batch,
            "views": len(self.linear_views),
            "memory": self.memory.stats(),
            "judged_views": sum(stage.judged for stage in stages)
            + (self.geometry_stage.judged if self.geometry_stage else 0),
            "losses": self.losses,
            "loss_first": self.losses[0] if self.losses else None,
            "loss_last": self.losses[-1] if self.losses else None,
            "terms": self.terms,
            "geometry": self.strength,
            "form": self.asked.form if self.strength > 0 else None,
            "gaussians": len(self.geometry_stage.shape) if self.geometry_stage else len(self.prepared),
            "floaters": len(self.request.target) - len(self.prepared.rows),
            # The surface_views show the prepared, not what the geometry stage makes of it.
            **({} if self.geometry_stage else measure(self.prepared.surface_views, self.colour_stage.now())),
        }

    def _save(self) -> None:
        if not self.request.checkpoint or not self.colour_stage:
            return
        self._saved = time.monotonic()
        facts = {
            "digest": self.digest,
            "batch": self.settings.batch,
            "choice": self.choice.stats(),
            "losses": self.losses,
            "terms": self.terms,
            "colours": [self.colour_stage.number, self.colour_stage.judged],
        }
        tensors, _ = checkpoint.packed(self.colour_stage.state(), "colours")
        if self.geometry_stage:
            more, more_facts = self.geometry_stage.state()
            tensors, facts = tensors | more, facts | more_facts
        checkpoint.save(self.request.checkpoint, tensors, facts)

    def _make_linear_views(self) -> LinearViews:
        """The views to judge: built for it, or those of the surface_views."""
        made, settings, ready = self.prepared, self.settings, ()
        if settings.views:
            rng = np.random.default_rng((self.request.seed, 0))
            cameras = views.training_cameras(
                made.whole,
                self.request.cameras,
                settings.views,
                self._pixels(),
                settings.scene_camera_share,
                rng,
            )
        else:
            ready = [seen.view for seen in made.surface_views]
            cameras = [view.camera for view in ready]
        return LinearViews(made.shown, cameras, self.backgrounds(len(cameras)), self.device, ready)

    def _pixels(self) -> int:
        """Side of a view."""
        return max(16, round(self.settings.oversample * self.judge.image_size))

    def backgrounds(self, count: int) -> np.ndarray:  # [V, 3]
        """One a view, from dark to light and hardly coloured: the judge should not mind them."""
        rng = np.random.default_rng((self.request.seed, 3))
        grey = rng.uniform(0.1, 0.9, size=(count, 1))
        return np.clip(grey + rng.normal(scale=_BACKGROUND_SPREAD, size=(count, 3)), 0, 1)

    def _first(self) -> SurfaceView:
        return self.prepared.surface_views[0]

    def preview(self) -> np.ndarray:  # uint8 [H, W, 3]
        """The first view over mid grey, with the colours as they are."""
        if self.geometry_stage:
            return _bytes(self.geometry_stage.picture(self._first().view.camera))
        return self._first().on_grey(self._first().view.image(self.colour_stage.now()))

    def _close(self) -> None:
        if self.colour_stage:
            self.linear_views.close()


def _bytes(image: np.ndarray) -> np.ndarray:
    return to_uint8(image)
