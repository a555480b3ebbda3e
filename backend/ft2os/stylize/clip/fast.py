"""The fast method, from the request to the look, in stages that each return what the next needs.

The words are read, the object is prepared, the judge chooses where to start, and the colour stage moves
colours. Where the prompt asks for another shape, the geometry stage moves geometry and then colours once
more. What changes while a run goes on is in its `Run`, which tells the client, and in `Unfinished`, from
which a checkpoint is written.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ft2os.stylize import form, painting, prepare
from ft2os.stylize.clip import geometry_stage, steps, views
from ft2os.stylize.clip import start as start_choice
from ft2os.stylize.clip.colour_stage import Coloured, ColourStage, Guidance
from ft2os.stylize.clip.linear_views import LinearViews
from ft2os.stylize.clip.loaded import Loaded
from ft2os.stylize.clip.objective import Judgement
from ft2os.stylize.clip.reference_views import ReferenceViews
from ft2os.stylize.clip.stage_weights import NEW_WORDS, stage_weights
from ft2os.stylize.clip.start import Candidates, Choice
from ft2os.stylize.clip.texts import Texts
from ft2os.stylize.clip.unfinished import Unfinished
from ft2os.stylize.luminance import CEILING
from ft2os.stylize.outliers import inliers
from ft2os.stylize.painting import Brush
from ft2os.stylize.patience import OnProgress, patiently
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import Progress, StylizeResult
from ft2os.stylize.run import Run


@dataclass(frozen=True)
class Words:
    """The prompt as the judge reads it, what it names, and the material that it will likely start from."""

    texts: Texts
    candidates: Candidates
    likely: Brush | None


@dataclass(frozen=True)
class Start:
    """Where a run starts: the choice, and its colours [M, 3], display-referred."""

    choice: Choice
    colours: np.ndarray


def run(
    loaded: Loaded,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Make the look.

    Raises
    ------
    CancelledError
        With the look as it was at that step, or None before there were colours.
    """
    unfinished = Unfinished({"digest": loaded.digest, "batch": loaded.settings.batch})
    stages = stage_weights(loaded.settings, loaded.strength, loaded.judge)
    this = Run(loaded.request, stages, progress, cancelled, unfinished.save)
    words = _read(this, loaded)
    prepared = _prepared(this, loaded, words.likely)
    judgement = Judgement(loaded.judge, words.texts, loaded.settings)
    start = _start(this, loaded, words, judgement, prepared)
    this.facts |= _facts(loaded, words, start)
    with closing(this.staged("colours", lambda _: _linear_views(loaded, prepared))) as linear_views:
        this.facts["views"] = len(linear_views)
        guidance = _guidance(loaded, judgement, prepared, start, linear_views)
        coloured = _coloured(this, loaded, prepared, start, guidance, linear_views, unfinished)
        shaped = None
        if loaded.strength > 0:
            deformed = geometry_stage.deform(
                this, loaded, prepared, judgement, coloured, linear_views.cameras, unfinished
            )
            shaped = geometry_stage.finish(this, loaded, guidance, deformed, unfinished)
        result = shaped.result() if shaped else this.result(prepared, coloured.colours)
    this.forget_checkpoint()
    drawn = shaped.preview if shaped else lambda: prepared.picture(coloured.colours)
    this.report("done", 1.0, preview=drawn, at_once=True)
    return result


def _read(this: Run, loaded: Loaded) -> Words:
    """The words as the judge reads them, and what they name; new to this machine they take seconds."""
    request, settings, judge = loaded.request, loaded.settings, loaded.judge
    stage = ["words"]

    def work(on_progress: OnProgress) -> Words:
        def note(share: float) -> None:
            stage[0] = NEW_WORDS
            on_progress(share)

        texts = Texts(request, settings, judge, note)
        candidates = start_choice.find_candidates(request, settings, judge, texts)
        return Words(texts, candidates, start_choice.likely_brush(candidates, request, settings))

    this.report("words", 0.0)
    return patiently(work, lambda share: this.report(stage[0], share))


def _prepared(this: Run, loaded: Loaded, likely: Brush | None) -> PreparedObject:
    """The object made ready, in the form that is asked for."""
    target, settings = loaded.request.target, loaded.settings
    rows = np.arange(len(target), dtype=np.int32)
    if settings.outliers:
        rows = rows[this.staged("prepare", lambda _: inliers(target.means))]

    def show(brush: Brush, prepared: PreparedObject) -> None:
        """The material that the prompt names, shown long before the run has colours."""
        first = prepared.surface_views[0]

        def drawn() -> np.ndarray:
            return first.on_grey(painting.picture(first, prepared.frame, brush, painting.tone_of([first])))

        this.report("split", 1.0, preview=drawn, at_once=True)

    prepared = prepare.prepare(
        target.subset(rows),
        views=settings.surface_views,
        pixels=settings.surface_pixels,
        max_split_scale=settings.max_split_scale,
        limit=settings.limit,
        refit=settings.refit,
        on_progress=this.report,
        on_first_view=partial(show, likely) if likely and not loaded.kept else None,
    )
    prepared = replace(prepared, rows=rows[prepared.rows], parent=rows[prepared.parent])
    name, amount, seed = loaded.form.form, loaded.form.amount, loaded.request.seed
    if not name or loaded.strength <= 0:
        return prepared
    return this.staged("form", lambda on_progress: form.give_form(prepared, name, amount, seed, on_progress))


def _start(this: Run, loaded: Loaded, words: Words, judgement: Judgement, prepared: PreparedObject) -> Start:
    """The colours to begin with: those of the checkpoint, of a material, or the object's own."""
    kept, request, settings = loaded.kept, loaded.request, loaded.settings
    if kept:
        this.history.restore(kept.facts["losses"], kept.facts["terms"])
        choice = Choice.restored(kept.facts["choice"], request.seed)
        return Start(choice, kept.tensors["colours/start"].numpy())
    first = prepared.surface_views[0]
    shown = None if words.likely else lambda: first.on_grey(first.original)
    this.report("rank", 0.0, preview=shown, at_once=True)
    choice = start_choice.choose(
        words.candidates, request, settings, judgement, prepared, lambda share: this.report("rank", share)
    )
    brush = choice.brush
    if brush is None:
        return Start(choice, np.clip(prepared.own_colours, 0, CEILING).astype(np.float32))
    painted = this.staged("paint", lambda on_progress: painting.paint(prepared, brush, on_progress))
    this.report("solve", 0.0, preview=lambda: first.on_grey(painted.targets[0]), at_once=True)
    solved = this.staged("solve", lambda _: painting.solve(prepared, painted, iterations=settings.iterations))
    return Start(choice, np.clip(solved, 0, CEILING))


def _facts(loaded: Loaded, words: Words, start: Start) -> dict[str, object]:
    """What the figures say of a run whatever becomes of it."""
    return {
        "judge": loaded.judge.name,
        "start": start.choice.stats(),
        "source": words.texts.source,
        "target": words.texts.target,
        "batch": loaded.settings.batch,
        "memory": loaded.fit.stats(),
        "geometry": loaded.strength,
        "form": loaded.form.form if loaded.strength > 0 else None,
    }


def _linear_views(loaded: Loaded, prepared: PreparedObject) -> LinearViews:
    """The views to judge: built for it, or those that the object was prepared with."""
    request, settings, ready = loaded.request, loaded.settings, ()
    if settings.views:
        cameras = views.training_cameras(
            prepared.whole,
            request.cameras,
            settings.views,
            loaded.pixels,
            settings.scene_camera_share,
            np.random.default_rng((request.seed, 0)),
        )
    else:
        ready = [seen.view for seen in prepared.surface_views]
        cameras = [view.camera for view in ready]
    backgrounds = views.backgrounds(len(cameras), request.seed)
    return LinearViews(prepared.shown, cameras, backgrounds, loaded.device, ready)


def _guidance(
    loaded: Loaded,
    judgement: Judgement,
    prepared: PreparedObject,
    start: Start,
    linear_views: LinearViews,
) -> Guidance:
    neutral = torch.from_numpy(np.clip(prepared.own_colours, 0, CEILING)).to(loaded.device)
    return Guidance(
        judgement,
        loaded.settings,
        ReferenceViews(linear_views, neutral, judgement),
        loaded.device,
        from_original=start.choice.brush is None,
        regularizer=loaded.regularizer,
        style=loaded.style,
    )


def _coloured(
    this: Run,
    loaded: Loaded,
    prepared: PreparedObject,
    start: Start,
    guidance: Guidance,
    linear_views: LinearViews,
    unfinished: Unfinished,
) -> Coloured:
    """The colours after all steps of the colour stage; those of the start where they are frozen."""
    stage = this.staged(
        "colours",
        lambda _: ColourStage(
            linear_views,
            start.colours,
            prepared.shown.means,
            guidance,
            steps=loaded.settings.steps,
            seed=(loaded.request.seed, 1),
        ),
    )
    if loaded.kept:
        stage.restore(loaded.kept, "colours")
    unfinished.keep("start", lambda: ({}, {"choice": start.choice.stats(), **this.history.copied()}))
    unfinished.keep("colours", lambda: stage.packed("colours"))
    this.figures = lambda: steps.figures(this.history, stage.judged)
    this.offer(prepared, stage.now)
    if "colour" not in loaded.settings.freeze:
        steps.take_all(this, "colours", stage, lambda: prepared.picture(stage.now()))
    return Coloured(stage.now(), stage.judged)
