"""The method ``image``: an object takes palette and strokes of a picture, its shape and face stay.

Colours first, as ARF and StyleSplat found: the object's are moved to the picture's palette and its strokes
laid over them, which is the preset ``draft`` and needs no network. Then feature matching on the linear
rendering draws the strokes along the shape, and a last coat brings back the picture's paints and the object's
light and dark. A prompt beside the picture that names a material makes that the ground which is painted over
("lava" in Hokusai's ink); any other prompt is the look's title and changes nothing, and the figures say so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ft2os.errors import UnknownPromptError
from ft2os.guidance import style_image
from ft2os.materials import Material, match
from ft2os.stylize import memory, painting, prepare
from ft2os.stylize.about import Preset
from ft2os.stylize.image import paint
from ft2os.stylize.image.about import IMAGE, Settings
from ft2os.stylize.painting import Brush, Painted
from ft2os.stylize.patience import OnProgress, patiently, until_cancelled
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.run import Run

log = logging.getLogger(__name__)

_TERMS = ("match", "content", "statistics", "smooth")
_SHRINK = 2
_SIZES = (512, 720)  # of the picture that is matched with, for views of half of 208 pixels and strokes of 1
_LARGEST = 2048  # of the same: a step matches samples of it, but all of it goes through the network once
_PICTURE = 512  # of the one that is painted with
_SHARES = {**prepare.STAGES, "ground": 24, "paint": 24, "solve": 10, "strokes": 170, "settle": 24}
"""How long the stages take beside each other, measured; for the bar and the remaining time."""
_RIM = 0.025  # of the picture's shorter side
_USUAL_PIXELS = Settings().pixels


def run(
    request: StylizeRequest,
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Give an object the style of a picture.

    Raises
    ------
    FileError
        If the picture cannot be read.
    MissingError
        If torch or VGG16's weights are not here and the preset needs them; before anything is computed.
    RequestError
        If the run does not fit into the memory.
    CancelledError
        Between steps; with what there is once something is painted.
    """
    vgg = None
    if settings.steps:
        from ft2os.stylize import feature_match

        preset: Preset = IMAGE.preset(request.preset)
        wanted_by = f'The preset "{preset.name}" of the method "image"'
        vgg = until_cancelled(lambda: feature_match.weights(wanted_by), cancelled)
    assert request.style_image is not None  # the description says that it is needed
    picture = _trimmed(style_image.load(request.style_image))
    small = paint.resized(picture, min(_PICTURE, max(picture.shape[:2])))
    ground = _ground(request)
    skipped = set() if vgg else {"strokes", "settle"}
    skipped |= set() if ground else {"ground"}
    stages = {name: share for name, share in _SHARES.items() if name not in skipped}
    this = Run(request, stages, progress, cancelled)
    this.fit_memory(_job(len(request.target), settings, bool(vgg)))
    prompt = request.prompt.strip()
    this.facts |= {
        "style_image": request.style_image.name,
        "material": ground.name if ground else None,
        "prompt_is": "title" if prompt and not ground else "ground" if prompt else None,
    }
    this.name = prompt or request.style_image.stem
    prepared = this.prepare(settings)
    painted = _painted(this, settings, prepared, small, ground)
    colours = this.staged("solve", lambda _: paint.solve(prepared, painted))
    this.show("solve", 1.0, prepared, lambda: colours)
    if not vgg:
        return this.result(prepared, colours)
    matched = _matched(this, settings, prepared, vgg, picture, small, painted, colours)
    settled = this.staged("settle", lambda _: _settled(prepared, settings, small, matched))
    this.show("settle", 1.0, prepared, lambda: settled)
    return this.result(prepared, settled)


def _trimmed(picture: np.ndarray) -> np.ndarray:
    """Without its rim, where pictures of paintings show canvas and frame."""
    rim = round(_RIM * min(picture.shape[:2]))
    return np.ascontiguousarray(picture[rim : len(picture) - rim, rim : picture.shape[1] - rim])


def _ground(request: StylizeRequest) -> Material | None:
    """The material that the prompt names, if it names one: to be painted over."""
    if not request.prompt.strip():
        return None
    try:
        return match(request.prompt, object_name=request.object_name).material
    except UnknownPromptError:
        log.info("%r names no material; it is the look's title, the style is the picture's", request.prompt)
        return None


def _job(count: int, settings: Settings, matched: bool) -> memory.Job:
    """What the run will hold in memory."""
    network = {}
    if matched:
        network = {
            "per_picture": memory.VGG_PIXEL * (settings.pixels // _SHRINK) ** 2,
            "moved": 3,
            "fixed": memory.VGG_PASS * max(_sizes(settings)) ** 2,
        }
    return memory.Job.of_prepared(count, settings, **network)


def _sizes(settings: Settings) -> list[int]:
    """Of the picture that is matched with, longer side in pixels."""
    scale = settings.stroke * settings.pixels / _USUAL_PIXELS
    return [min(_LARGEST, max(64, round(size * scale))) for size in _SIZES]


def _painted(
    this: Run,
    settings: Settings,
    prepared: PreparedObject,
    small: np.ndarray,  # [H, W, 3]
    ground: Material | None,
) -> Painted:
    """Every view with the picture's paints and strokes."""
    under = Painted(prepared.neutral, [s.original for s in prepared.surface_views])
    if ground:
        brush = Brush(ground, this.request.seed)
        under = this.staged("ground", lambda on_progress: painting.paint(prepared, brush, on_progress))
    first_picture: list[np.ndarray] = []  # until it is shown

    def work(on_progress: OnProgress) -> Painted:
        def note(share: float, target: np.ndarray) -> None:
            if share * len(prepared.surface_views) < 1.5:
                first_picture.append(target)
            on_progress(share)

        return paint.paint(
            prepared,
            small,
            under,
            size=settings.stroke,
            luminance_keep=settings.luminance_keep,
            seed=this.request.seed,
            on_progress=note,
        )

    def show(share: float) -> None:
        first = first_picture.pop() if first_picture else None
        preview = None if first is None else lambda: prepared.surface_views[0].on_grey(first)
        this.report("paint", share, preview=preview, at_once=first is not None)

    return patiently(work, show)


def _matched(
    this: Run,
    settings: Settings,
    prepared: PreparedObject,
    vgg: Path,
    picture: np.ndarray,  # [H, W, 3]
    small: np.ndarray,  # [H, W, 3]
    painted: Painted,
    colours: np.ndarray,  # [M, 3]
) -> np.ndarray:
    """Colours [M, 3] after feature matching."""
    from ft2os.stylize import feature_match
    from ft2os.stylize.feature_match import Matcher, Schedule, Terms

    steps, seed = settings.steps, this.request.seed

    def matcher(_: OnProgress) -> Matcher:
        exemplars = [paint.resized(picture, size) for size in _sizes(settings)]
        return Matcher(feature_match.network(vgg), exemplars, seed=seed)

    def show(step: int, loss: float, terms: dict[str, float], now: np.ndarray) -> None:
        held = now.copy()
        this.offer(prepared, lambda: held)
        this.step("strokes", step / steps, loss, terms, lambda: prepared.picture(held), at_once=step == steps)

    return feature_match.run(
        prepared.surface_views,
        colours,
        painted.targets,
        this.staged("strokes", matcher),
        Terms(**{name: getattr(settings, name) for name in _TERMS}),
        Schedule(steps, settings.rate, _SHRINK, seed),
        show,
        style=small,
        means=prepared.fine.means,
        look=lambda share: this.report("strokes", share),
    )


def _settled(
    prepared: PreparedObject, settings: Settings, small: np.ndarray, colours: np.ndarray
) -> np.ndarray:
    """The last coat over colours [M, 3].  [M, 3]"""
    return paint.solve(prepared, paint.settle(prepared, colours, small, settings.luminance_keep))
