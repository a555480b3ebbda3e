"""The method ``material``: the offline default, seconds on two cores, no weights and no network.

The prompt names a solid texture, a form ("spiky ice", "melting"), or both. The object is split so that it can
carry one, looked at from all around, and in every pixel painted: texture at the surface point, the object's
own light and dark kept. One linear solve then finds the colours that show those pictures. The preset ``high``
adds feature matching, where VGG16's weights are on the machine: crisper, and some 12 s more on two cores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ft2os.materials import match
from ft2os.stylize import form, memory, painting, prepare
from ft2os.stylize.material.about import Settings
from ft2os.stylize.painting import Brush, Painted
from ft2os.stylize.patience import OnProgress, until_cancelled
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.run import Run

_MATCHED = ("relu3_1",)  # fine grain counts: the painted views have the rest right
_SHARES = {**prepare.STAGES, "form": 60, "paint": 24, "solve": 22, "refine": 160}
"""How long the stages take beside each other, measured; for the bar and the remaining time."""


def run(
    request: StylizeRequest,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Give an object the material that the prompt names.

    Raises
    ------
    UnknownPromptError
        If it names none.
    MissingError
        If torch or VGG16's weights are not here and the preset needs them; before anything is computed.
    RequestError
        If the run does not fit into the memory.
    CancelledError
        Between steps; with the best there is, once there is anything.
    """
    wanted = form.resolve_form(request.prompt, settings.form, settings.form_amount, request.object_name)
    matched = match(wanted.rest, object_name=request.object_name) if wanted.coloured else None
    material = matched.material if matched else None
    vgg = None
    if settings.refine and material:
        from ft2os.stylize import feature_match

        vgg = until_cancelled(lambda: feature_match.weights("The preset 'high'"), cancelled)
    brush = Brush(material, request.seed, settings.scale, settings.luminance_keep) if material else None
    skipped = set() if brush else {"paint", "solve"}
    skipped |= set() if vgg else {"refine"}
    skipped |= set() if wanted.form else {"form"}
    stages = {name: share for name, share in _SHARES.items() if name not in skipped}
    this = Run(request, stages, progress, cancelled)
    this.fit_memory(_job(len(request.target), settings, bool(wanted.form), bool(vgg)))
    this.keeps_bands = brush is None
    if matched:
        this.facts |= {
            "material": matched.material.name,
            "score": round(matched.score, 3),
            "how": matched.how,
        }
    if wanted.form:
        this.facts |= {"form": wanted.form, "form_amount": wanted.amount}
    elif material:
        this.name = material.title
    prepared = _prepared(this, settings, wanted, brush)
    if brush is None:
        own = prepared.own_colours
        this.show("form", 1.0, prepared, lambda: own, lambda: prepared.surface_views[0].original)
        return this.result(prepared, own)
    painted, colours = _painted(this, settings, prepared, brush)
    if vgg:
        colours = _refined(this, settings, prepared, brush, vgg, painted, colours)
    return this.result(prepared, colours)


def _job(count: int, settings: Settings, formed: bool, refined: bool) -> memory.Job:
    """What the run will hold in memory."""
    return memory.Job.of_prepared(
        count,
        settings,
        grown=form.GROWN if formed else 0,
        per_picture=memory.VGG_PIXEL * settings.pixels**2 if refined else 0,
    )


def _prepared(this: Run, settings: Settings, wanted: form.FormRequest, brush: Brush | None) -> PreparedObject:
    """The object ready to be painted, in the form that is wanted."""

    def first_picture(prepared: PreparedObject, brush: Brush) -> None:
        """Shown before the object has been seen from all around."""
        tone = painting.tone_of(prepared.surface_views)
        target = painting.picture(prepared.surface_views[0], prepared.frame, brush, tone)

        def colours() -> np.ndarray:
            return painting.centres(prepared.fine, prepared.frame, brush)

        this.show("split", 1.0, prepared, colours, lambda: target)

    prepared = this.prepare(settings, partial(first_picture, brush=brush) if this.live and brush else None)
    name, amount, seed = wanted.form, wanted.amount, this.request.seed
    if not name:
        return prepared
    return this.staged("form", lambda on_progress: form.give_form(prepared, name, amount, seed, on_progress))


def _painted(
    this: Run, settings: Settings, prepared: PreparedObject, brush: Brush
) -> tuple[Painted, np.ndarray]:
    """The painted views, and the colours [M, 3] that show them."""
    painted = this.staged("paint", lambda on_progress: painting.paint(prepared, brush, on_progress))
    this.show("solve", 0.0, prepared, lambda: painted.start, lambda: painted.targets[0])
    colours = this.staged(
        "solve",
        lambda _: painting.solve(
            prepared, painted, prior_weight=settings.prior_weight, iterations=settings.iterations
        ),
    )
    this.show("solve", 1.0, prepared, lambda: colours)
    return painted, colours


def _refined(
    this: Run,
    settings: Settings,
    prepared: PreparedObject,
    brush: Brush,
    vgg: Path,
    painted: Painted,
    colours: np.ndarray,
) -> np.ndarray:
    """Colours [M, 3] after feature matching."""
    from ft2os.stylize import feature_match
    from ft2os.stylize.feature_match import Matcher, Schedule, Terms

    steps, seed = settings.refine_steps, this.request.seed

    def matcher(_: OnProgress) -> Matcher:
        exemplar = painting.exemplar(brush)
        return Matcher(feature_match.network(vgg), [exemplar], layers=_MATCHED, seed=seed)

    def show(step: int, loss: float, terms: dict[str, float], now: np.ndarray) -> None:
        held = now.copy()
        this.offer(prepared, lambda: held)
        this.step("refine", step / steps, loss, terms, lambda: prepared.picture(held), at_once=step == steps)

    return feature_match.run(
        prepared.surface_views,
        colours,
        painted.targets,
        this.staged("refine", matcher),
        Terms(match=1.0, hold=4.0),  # the painted views hold the object's light and dark in place
        Schedule(steps, rate=0.015, seed=seed),
        show,
        look=lambda share: this.report("refine", share),
    )
