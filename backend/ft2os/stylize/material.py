"""The method ``material``: the offline default, seconds on two cores, no weights and no network.

The prompt names a solid texture, a form ("spiky ice", "melting"), or both. The object is split so that it can
carry one, looked at from all around, and in every pixel painted: texture at the surface point, the object's
own light and dark kept. One linear solve then finds the colours that show those pictures. The preset ``high``
adds feature matching, where VGG16's weights are on the machine: crisper, and some 12 s more on two cores.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ft2os.materials import Material, match
from ft2os.stylize import Progress, StylizeRequest, StylizeResult, form, memory, overrides, painting, prepare
from ft2os.stylize.measure import measure
from ft2os.stylize.overrides import flag, number, one_of, optional, whole
from ft2os.stylize.painting import Brush, Painted
from ft2os.stylize.patience import OnProgress, patiently, until_cancelled
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.report import Reporter

SETTINGS = {
    "views": 16,
    "pixels": 208,
    "max_split_scale": 0.006,  # longest axis after splitting, over the object's extent
    "limit": 72_000,  # Gaussians after splitting, or twice the object's own where that is more
    "refit": 24,  # steps that bring the split set nearer to the object
    "scale": painting.SCALE,
    "luminance_keep": None,  # 0..1 instead of the material's own
    "prior_weight": painting.PRIOR_WEIGHT,
    "iterations": painting.ITERATIONS,
    "refine": False,  # feature matching; wants torch and VGG16's weights
    "refine_steps": 40,
    "form": "auto",  # the prompt's; or "none", or a form's name
    "form_amount": None,  # how much of it, 1 the usual; the prompt's own if None
}
PRESETS = {
    "draft": {"views": 12, "pixels": 176, "limit": 40_000, "iterations": 14, "refit": 0},
    "standard": {},
    "high": {"refine": True, "refit": 48},
}
_KINDS = {  # what an override may be
    "views": whole(1, 1000, 16),
    "pixels": whole(16, 4096, 208),
    "max_split_scale": number(1e-4, 10, 0.006),
    "limit": whole(1, 10_000_000, 72_000),
    "refit": whole(0, 10_000, 24),
    "scale": number(0.01, 100, 1.15),
    "luminance_keep": optional(number(0, 1, 0.6)),
    "prior_weight": number(0, 1e6, 0.01),
    "iterations": whole(1, 10_000, 28),
    "refine": flag(),
    "refine_steps": whole(1, 100_000, 40),
    "form": one_of(("auto", "none", *form.FORMS)),
    "form_amount": optional(number(0.1, 2, 1.0)),
}
T = TypeVar("T")
_MATCHED = ("relu3_1",)  # fine grain counts: the painted views have the rest right
_SHARES = {**prepare.STAGES, "form": 60, "paint": 24, "solve": 22, "refine": 160}
"""How long the stages take beside each other, measured; for the bar and the remaining time."""


def run(
    request: StylizeRequest,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Give an object the material that the prompt names.

    Raises
    ------
    UnknownPromptError
        If it names none.
    RequestError
        If the preset, a setting or its value does not exist, or the run does not fit into the memory.
    CancelledError
        Between steps; with the best there is, once there is anything.
    """
    settings = _settings(request)
    how = (settings["form"], settings["form_amount"], request.object_name)
    asked = form.resolve_form(request.prompt, *how)
    found = match(asked.rest, object_name=request.object_name) if asked.coloured else None
    session = _Session(request, asked, found.material if found else None, settings, progress, cancelled)
    if found:
        session.words = {"material": found.material.name, "score": round(found.score, 3), "how": found.how}
    return session.run()


def _settings(request: StylizeRequest) -> dict:
    overrides.check("material", PRESETS, request.preset, _KINDS, request.overrides)
    return {**SETTINGS, **PRESETS[request.preset], **request.overrides}


class _Session:
    """One run, stage by stage."""

    def __init__(
        self,
        request: StylizeRequest,
        asked: form.FormRequest,
        material: Material | None,
        settings: dict,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.request, self.asked, self.material, self.settings = request, asked, material, settings
        self.losses: list[float] = []
        self.terms: dict[str, list[float]] = {}
        self.words: dict = {}
        self.vgg: Path | None = None
        if settings["refine"] and material:  # asked for before anything is computed
            from ft2os.stylize import feature_match

            self.vgg = until_cancelled(lambda: feature_match.weights("The preset 'high'"), cancelled)
        picture = memory.VGG_PIXEL * settings["pixels"] ** 2 if self.vgg else 0
        limit = settings["limit"] + (form.GROWN if asked.form else 0)
        job = memory.Job.of_prepared(len(request.target), {**settings, "limit": limit}, per_picture=picture)
        self.memory = memory.fit_batch(1, job)
        self.brush = (
            Brush(material, request.seed, settings["scale"], settings["luminance_keep"]) if material else None
        )
        self.live = progress is not None
        self.report = Reporter(self._shares(), progress, cancelled)

    def run(self) -> StylizeResult:
        made = prepare.prepare(
            self.request.target,
            **{
                name: self.settings[name] for name in ("views", "pixels", "max_split_scale", "limit", "refit")
            },
            on_progress=self.report,
            on_first_view=self._sketch if self.live and self.brush else None,
        )
        if self.asked.form:
            how = (self.asked.form, self.asked.amount, self.request.seed)
            plain = made
            made = self._staged("form", lambda on_progress: form.give_form(plain, *how, on_progress))
        if self.brush is None:
            return self._own_colours(made)
        painted = self._staged("paint", lambda on_progress: painting.paint(made, self.brush, on_progress))
        self._show("solve", 0.0, made, painted.targets[0], lambda: painted.start)
        how = {name: self.settings[name] for name in ("prior_weight", "iterations")}
        colours = self._staged("solve", lambda _: painting.solve(made, painted, **how))
        self._show("solve", 1.0, made, made.surface_views[0].view.image(colours), lambda: colours)
        return self._result(made, self._refined(made, painted, colours) if self.vgg else colours)

    def _staged(self, stage: str, work: Callable[[OnProgress], T]) -> T:
        return patiently(work, lambda share: self.report(stage, share))

    def _own_colours(self, made: PreparedObject) -> StylizeResult:
        """The form alone."""
        image = made.surface_views[0].original
        colours = made.own_colours
        self._show("form", 1.0, made, image, lambda: colours)
        return self._result(made, colours)

    def _sketch(self, made: PreparedObject) -> None:
        """The first picture, before the object has been seen from all around."""
        target = painting.picture(
            made.surface_views[0], made.frame, self.brush, painting.tone_of(made.surface_views)
        )
        self._show("split", 1.0, made, target, lambda: painting.centres(made.fine, made.frame, self.brush))

    def _show(
        self,
        stage: str,
        part: float,
        made: PreparedObject,
        image: np.ndarray,  # [H, W, 3] premultiplied, the prepared object's first view
        colours: Callable[[], np.ndarray],  # [M, 3]
    ) -> None:
        """Report a picture, and from now on what a partial result would hold."""
        self.report.result = lambda: self._result(made, colours())
        self.report(stage, part, preview=lambda: made.surface_views[0].on_grey(image), at_once=True)

    def _refined(self, made: PreparedObject, painted: Painted, colours: np.ndarray) -> np.ndarray:
        """Colours [M, 3] after feature matching."""
        from ft2os.stylize import feature_match
        from ft2os.stylize.feature_match import Matcher, Schedule, Terms

        steps, surface_views, seed = self.settings["refine_steps"], made.surface_views, self.request.seed

        def show(step: int, loss: float, terms: dict[str, float], now: np.ndarray) -> None:
            self.losses.append(loss)
            for name, value in terms.items():
                self.terms.setdefault(name, []).append(value)
            held = now.copy()
            self.report.result = lambda: self._result(made, held)
            self.report(
                "refine",
                step / steps,
                loss=loss,
                metrics=terms,
                preview=lambda: surface_views[0].on_grey(surface_views[0].view.image(held)),
                at_once=step == steps,
            )

        def matched(_: OnProgress) -> Matcher:
            exemplar = painting.exemplar(self.brush)
            return Matcher(feature_match.network(self.vgg), [exemplar], layers=_MATCHED, seed=seed)

        matcher = self._staged("refine", matched)
        schedule = Schedule(steps, rate=0.015, seed=seed)
        terms = Terms(match=1.0, hold=4.0)  # the painted views hold the object's light and dark in place
        return feature_match.run(
            surface_views, colours, painted.targets, matcher, terms, schedule, show,
            look=lambda share: self.report("refine", share),
        )  # fmt: skip

    def _result(self, made: PreparedObject, colours: np.ndarray) -> StylizeResult:
        stats = {
            "method": "material",
            "preset": self.request.preset,
            **self.words,
            "gaussians": len(made),
            "memory": self.memory.stats(),
            "floaters": len(self.request.target) - len(made.rows),
            **self.report.times(),
            "losses": list(self.losses),
            "terms": {name: list(values) for name, values in self.terms.items()},
            **measure(made.surface_views, colours),
        }
        if self.asked.form:
            stats |= {"form": self.asked.form, "form_amount": self.asked.amount}
        own = made.shown.sh[:, 1:] if self.brush is None else None
        title = self.material.title if self.material and not self.asked.form else ""
        return StylizeResult(made.look(self.request, colours, stats, sh=own, name=title), stats)

    def _shares(self) -> dict[str, float]:
        """The stages that this run has."""
        skipped = set() if self.brush else {"paint", "solve"}
        skipped |= set() if self.vgg else {"refine"}
        skipped |= set() if self.asked.form else {"form"}
        return {name: share for name, share in _SHARES.items() if name not in skipped}
