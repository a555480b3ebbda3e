"""The method ``image``: an object takes palette and strokes of a picture, its form and face stay.

Colours first, as ARF and StyleSplat found: the object's are moved to the picture's palette and its strokes
laid over them, which is the preset ``draft`` and needs no network. Then feature matching on the linear form
draws the strokes along the form, and a last coat brings back the picture's paints and the object's light and
dark. A prompt beside the picture that names a material makes that the ground which is painted over ("lava" in
Hokusai's ink); any other prompt is the look's title and changes nothing, and the figures say so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ft2os.errors import RequestError, UnknownPromptError
from ft2os.guidance import style_image
from ft2os.materials import Match, match
from ft2os.stylize import (
    Progress,
    StylizeRequest,
    StylizeResult,
    memory,
    overrides,
    painting,
    picture_paint,
    prepare,
)
from ft2os.stylize.measure import measure
from ft2os.stylize.overrides import number, whole
from ft2os.stylize.painting import Brush, Painted
from ft2os.stylize.patience import OnProgress, patiently, until_cancelled
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.report import Reporter

log = logging.getLogger(__name__)

SETTINGS = {
    "views": 14,
    "pixels": 208,
    "max_split_scale": 0.006,  # longest axis after splitting, over the object's extent
    "limit": 72_000,  # Gaussians after splitting, or twice the object's own where that is more
    "refit": 24,  # steps that bring the split set nearer to the object
    "stroke": 1.0,  # size of the strokes
    "luminance_keep": 0.8,  # 0..1, how much of the object's light and dark stays
    "steps": 60,  # of feature matching; 0 leaves it out, and VGG16's weights with it
    "rate": 0.03,
    "match": 1.0,  # weights of the loss, see feature_match.Terms
    "content": 0.05,
    "statistics": 2.0,
    "smooth": 1.0,
}
PRESETS = {
    "draft": {"views": 10, "pixels": 176, "limit": 40_000, "refit": 0, "steps": 0},
    "standard": {},
    "high": {
        "views": 18,
        "pixels": 256,
        "max_split_scale": 0.0045,
        "limit": 140_000,
        "refit": 96,
        "steps": 110,
    },
}
_KINDS = {  # what an override may be
    "views": whole(1, 1000, 14),
    "pixels": whole(32, 4096, 208),
    "max_split_scale": number(1e-4, 10, 0.006),
    "limit": whole(1, 10_000_000, 72_000),
    "refit": whole(0, 10_000, 24),
    "stroke": number(0.1, 10, 1.5),
    "luminance_keep": number(0, 1, 0.8),
    "steps": whole(0, 100_000, 60),
    "rate": number(1e-4, 1, 0.03),
    "match": number(0, 1e3, 1),
    "content": number(0, 1e3, 0.05),
    "statistics": number(0, 1e3, 2),
    "smooth": number(0, 1e3, 1),
}
T = TypeVar("T")
_TERMS = ("match", "content", "statistics", "smooth")
_SHRINK = 2
_SIZES = (512, 720)  # of the picture that is matched with, for views of half of 208 pixels and strokes of 1
_LARGEST = 2048  # of the same: a step matches samples of it, but all of it goes through the network once
_PICTURE = 512  # of the one that is painted with
_SHARES = {**prepare.STAGES, "ground": 24, "paint": 24, "solve": 10, "strokes": 170, "settle": 24}
"""How long the stages take beside each other, measured; for the bar and the remaining time."""
_RIM = 0.025  # of the picture's shorter side


def run(
    request: StylizeRequest,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Give an object the style of a picture.

    Raises
    ------
    RequestError
        If there is no picture, or the preset, a setting or its value does not exist.
    FileError
        If the picture cannot be read.
    MissingError
        If torch or VGG16's weights are not here and the preset needs them; before anything is computed.
    CancelledError
        Between steps; with what there is once something is painted.
    """
    overrides.check("image", PRESETS, request.preset, _KINDS, request.overrides)
    settings = {**SETTINGS, **PRESETS[request.preset], **request.overrides}
    if request.style_image is None:
        raise RequestError(
            'The method "image" needs a picture of the style.', "Name one, or choose the method material."
        )
    weights = None
    if settings["steps"]:
        from ft2os.stylize import feature_match

        wanted_by = f'The preset "{request.preset}" of the method "image"'
        weights = until_cancelled(lambda: feature_match.weights(wanted_by), cancelled)
    picture = _trimmed(style_image.load(request.style_image))
    return _Session(request, picture, weights, settings, progress, cancelled).run()


def _trimmed(picture: np.ndarray) -> np.ndarray:
    """Without its rim, where pictures of paintings show canvas and frame."""
    rim = round(_RIM * min(picture.shape[:2]))
    return np.ascontiguousarray(picture[rim : len(picture) - rim, rim : picture.shape[1] - rim])


class _Session:
    """One run, stage by stage."""

    def __init__(
        self,
        request: StylizeRequest,
        picture: np.ndarray,  # [H, W, 3]
        weights: Path | None,
        settings: dict,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.request, self.picture, self.weights, self.settings = request, picture, weights, settings
        self.small = picture_paint.resized(picture, min(_PICTURE, max(picture.shape[:2])))
        self.losses: list[float] = []
        self.terms: dict[str, list[float]] = {}
        self.memory = memory.fit_batch(1, self._job())
        self.ground = _ground(request)
        skipped = set() if weights else {"strokes", "settle"}
        skipped |= set() if self.ground else {"ground"}
        shares = {name: share for name, share in _SHARES.items() if name not in skipped}
        self.report = Reporter(shares, progress, cancelled)

    def run(self) -> StylizeResult:
        made = prepare.prepare(
            self.request.target,
            **{
                name: self.settings[name] for name in ("views", "pixels", "max_split_scale", "limit", "refit")
            },
            on_progress=self.report,
        )
        painted = self._paint(made)
        colours = self._staged("solve", lambda _: picture_paint.solve(made, painted))
        self._show(made, "solve", colours)
        if self.weights:
            colours = self._match(made, painted, colours)
            colours = self._staged("settle", lambda _: self._settled(made, colours))
            self._show(made, "settle", colours)
        return self._result(made, colours)

    def _job(self) -> memory.Job:
        """What the run is about to hold."""
        settings, count = self.settings, len(self.request.target)
        if not self.weights:
            return memory.Job.of_prepared(count, settings)
        seen = memory.VGG_PIXEL * (settings["pixels"] // _SHRINK) ** 2
        picture = memory.VGG_PASS * max(self._sizes()) ** 2
        return memory.Job.of_prepared(count, settings, per_picture=seen, moved=3, fixed=picture)

    def _sizes(self) -> list[int]:
        """Of the picture that is matched with, longer side in pixels."""
        scale = self.settings["stroke"] * self.settings["pixels"] / SETTINGS["pixels"]
        return [min(_LARGEST, max(64, round(size * scale))) for size in _SIZES]

    def _paint(self, made: PreparedObject) -> Painted:
        under = Painted(made.neutral, [s.original for s in made.surface_views])
        if self.ground:
            brush = Brush(self.ground.material, self.request.seed)
            under = self._staged("ground", lambda on_progress: painting.paint(made, brush, on_progress))
        painted: list[np.ndarray] = []  # the first picture that there is to show, until it is shown

        def work(on_progress: OnProgress) -> Painted:
            def note(share: float, target: np.ndarray) -> None:
                if share * len(made.surface_views) < 1.5:
                    painted.append(target)
                on_progress(share)

            how = {
                "size": self.settings["stroke"],
                "luminance_keep": self.settings["luminance_keep"],
                "seed": self.request.seed,
            }
            return picture_paint.paint(made, self.small, under, **how, on_progress=note)

        def show(share: float) -> None:
            first = painted.pop() if painted else None
            preview = None if first is None else lambda: made.surface_views[0].on_grey(first)
            self.report("paint", share, preview=preview, at_once=first is not None)

        return patiently(work, show)

    def _settled(self, made: PreparedObject, colours: np.ndarray) -> np.ndarray:
        coat = picture_paint.settle(made, colours, self.small, self.settings["luminance_keep"])
        return picture_paint.solve(made, coat)

    def _staged(self, stage: str, work: Callable[[OnProgress], T]) -> T:
        return patiently(work, lambda share: self.report(stage, share))

    def _match(self, made: PreparedObject, painted: Painted, colours: np.ndarray) -> np.ndarray:
        """Colours [M, 3] after feature matching."""
        from ft2os.stylize import feature_match
        from ft2os.stylize.feature_match import Matcher, Schedule, Terms

        settings, seed, steps = self.settings, self.request.seed, self.settings["steps"]

        def matched(_: OnProgress) -> Matcher:
            exemplars = [picture_paint.resized(self.picture, size) for size in self._sizes()]
            return Matcher(feature_match.network(self.weights), exemplars, seed=seed)

        matcher = self._staged("strokes", matched)

        def show(step: int, loss: float, terms: dict[str, float], now: np.ndarray) -> None:
            self.losses.append(loss)
            for name, value in terms.items():
                self.terms.setdefault(name, []).append(value)
            held = now.copy()
            self._offer(made, held)
            self.report(
                "strokes",
                step / steps,
                loss=loss,
                metrics=terms,
                preview=lambda: _picture(made, held),
                at_once=step == steps,
            )

        return feature_match.run(
            made.surface_views,
            colours,
            painted.targets,
            matcher,
            Terms(**{name: settings[name] for name in _TERMS}),
            Schedule(steps, settings["rate"], _SHRINK, seed),
            show,
            style=self.small,
            means=made.fine.means,
            look=lambda share: self.report("strokes", share),
        )

    def _offer(self, made: PreparedObject, colours: np.ndarray) -> None:
        """From now on a cancel keeps these colours."""
        self.report.result = lambda: self._result(made, colours)

    def _show(self, made: PreparedObject, stage: str, colours: np.ndarray) -> None:
        """A stage's end, with its picture."""
        self._offer(made, colours)
        self.report(stage, 1.0, preview=lambda: _picture(made, colours), at_once=True)

    def _result(self, made: PreparedObject, colours: np.ndarray) -> StylizeResult:
        prompt = self.request.prompt.strip()
        stats = {
            "method": "image",
            "preset": self.request.preset,
            "style_image": self.request.style_image.name,
            "material": self.ground.material.name if self.ground else None,
            "prompt_is": "title" if prompt and not self.ground else "ground" if prompt else None,
            "gaussians": len(made),
            "memory": self.memory.stats(),
            "floaters": len(self.request.target) - len(made.rows),
            **self.report.times(),
            "losses": list(self.losses),
            "terms": {name: list(values) for name, values in self.terms.items()},
            **measure(made.surface_views, colours),
        }
        name = prompt or self.request.style_image.stem
        return StylizeResult(made.look(self.request, colours, stats, name=name), stats)


def _ground(request: StylizeRequest) -> Match | None:
    """The material that the prompt names, if it names one: to be painted over."""
    if not request.prompt.strip():
        return None
    try:
        return match(request.prompt, object_name=request.object_name)
    except UnknownPromptError:
        log.info("%r names no material; it is the look's title, the style is the picture's", request.prompt)
        return None


def _picture(made: PreparedObject, colours: np.ndarray) -> np.ndarray:
    """The first view of the colours [M, 3].  uint8 [H, W, 3]"""
    first = made.surface_views[0]
    return first.on_grey(first.view.image(colours))
