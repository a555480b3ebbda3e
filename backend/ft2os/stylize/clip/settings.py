"""The numbers of the CLIP method: the paper's in the preset ``seed``, ours in the others, their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ft2os.errors import RequestError
from ft2os.stylize import overrides as table
from ft2os.stylize.form import FORMS

# What can be optimised, with Adam's learning rates in the published code. ``position`` is times the extent
# of the scene. The keys are also the names of the freeze flags.
RATES = {
    "colour": 0.1,
    "sh": 0.005,
    "opacity": 0.005,
    "scale": 0.005,
    "rotation": 0.001,
    "position": 1.6e-4,
}
LOSSES = ("contrastive", "similarity")
REGULARISERS = ("vgg", "lpips")
AUTO, ORIGINAL = "auto", "original"  # where to start; any other name is a material's


@dataclass(frozen=True)
class Shared:
    """What both ways of running have.

    Parameters
    ----------
    loss : str
        "contrastive" (Algorithm 2) or "similarity" (Algorithm 1).
    temperature : float
        Of the contrastive loss.
    negatives : tuple of str, optional
        The texts to contrast the prompt with; drawn from the word list when None.
    batch : int
        Pictures judged a step.
    steps : int, optional
        Number of steps; the paper's loop counts ``epochs`` where it is None.
    regularisation : float
        Factor of the perceptual loss against the original renders; 0 needs no further weights. The paper
        tries 0.01, 0.1, 0.4 and 1.
    regulariser : str
        "vgg" (relu3_3, as the paper) or "lpips" (AlexNet).
    freeze : frozenset of str
        Names of ``RATES`` that keep their values to the bit.
    outliers : bool
        Leave statistical outliers of the object alone; specks are left alone by the fast method anyway.
    model, pretrained : str, optional
        The judge, see ``ft2os.guidance.clip_judge.load``.
    """

    loss: str = "contrastive"
    temperature: float = 1.0
    negatives: tuple[str, ...] | None = None
    batch: int = 16
    steps: int | None = None
    regularisation: float = 0.0
    regulariser: str = "vgg"
    freeze: frozenset[str] = frozenset()
    outliers: bool = False
    model: str | None = None
    pretrained: str | None = None


@dataclass(frozen=True)
class PaperSettings(Shared):
    """The paper's loop.

    Parameters
    ----------
    epochs : int
        Passes over all views.
    fade_sh : bool
        Drop the bands above degree 0, as looks do by default, instead of training or keeping them.
    rates : Mapping of str to float
        Learning rates.
    background : tuple of 3 floats
        Behind the object; the paper's masked render has black.
    """

    freeze: frozenset[str] = frozenset({"opacity"})
    outliers: bool = True
    epochs: int = 20
    fade_sh: bool = False
    rates: Mapping[str, float] = field(default_factory=lambda: dict(RATES))
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Settings(Shared):
    """The fast method.

    Parameters
    ----------
    start : str
        "auto", "original" or the name of a material.
    scale, luminance_keep : float, optional
        The material's size and how much of the object's light and dark it leaves; ranked by the judge when
        None.
    candidates : int
        Most materials, sizes and strengths to rank when choosing a start; a material that the prompt names is
        taken as it is where there is but one.
    views : int
        Views that are judged; each is built once and judged many times. 0 judges the views that the object is
        prepared with: coarser, but they exist already.
    scene_camera_share : float
        Share of the views that comes from the scene's own cameras, where it has some.
    oversample : float
        Side of a view over the judge's, so that crops have pixels of their own.
    crops : float
        Share of the batch that are crops.
    crop_low, crop_high : float
        Area of a crop over the view's.
    tilt : float
        Perspective of the crops.
    contrast : int
        Negatives a step, the source's description among them.
    bank : int
        Words to draw them from.
    nce, direction, patch, structure, smooth, anchor, style : float
        Weights of the terms, see ``objective``. ``anchor`` is a tenth of itself where the start is the
        original, which is meant to be left behind.
    rate : float
        Of the colours, display-referred, at the first step; it falls along a cosine to a tenth.
    surface_views, surface_pixels, max_split_scale, limit, refit : int, int, float, int, int
        How the object is split and seen, see ``prepare.prepare``.
    iterations : int
        Of the solve for the material's colours.
    geometry : float, optional
        How far the geometry stage goes, 0 to 1; as the prompt asks when None.
    geometry_steps : int
        Steps of the geometry stage at a strength of 1.
    start_form : str
        The form that is given before anything is judged where ``geometry`` is not 0, see
        `ft2os.stylize.form`: "auto" for the prompt's, "none", or a form's name.
    form_amount : float, optional
        How much of it, 1 the usual; the prompt's own when None.
    """

    temperature: float = 0.07
    batch: int = 8
    steps: int | None = 36
    start: str = AUTO
    scale: float | None = None
    luminance_keep: float | None = None
    candidates: int = 12
    views: int = 14
    scene_camera_share: float = 0.75
    oversample: float = 1.25
    crops: float = 0.5
    crop_low: float = 0.25
    crop_high: float = 0.5
    tilt: float = 0.15
    contrast: int = 10
    bank: int = 512
    nce: float = 1.0
    direction: float = 0.5
    patch: float = 2.0
    structure: float = 1.0
    smooth: float = 200.0
    anchor: float = 16.0
    style: float = 2.0
    rate: float = 0.008
    surface_views: int = 16
    surface_pixels: int = 208
    max_split_scale: float = 0.006
    limit: int = 60_000
    refit: int = 24
    iterations: int = 28
    geometry: float | None = None
    geometry_steps: int = 60
    start_form: str = AUTO
    form_amount: float | None = None


PAPER = "seed"
PRESETS: dict[str, Shared] = {
    "draft": Settings(
        batch=4,
        steps=2,
        candidates=1,
        views=0,
        direction=0.0,  # as slow as a step, and two steps hardly follow it
        surface_views=12,
        surface_pixels=176,
        limit=40_000,
        refit=0,
        iterations=14,
        geometry_steps=12,
    ),
    "standard": Settings(),
    "high": Settings(steps=150, views=24, rate=0.006, limit=72_000, refit=48, geometry_steps=160),
    PAPER: PaperSettings(),
}

_SHARED = {
    "loss": table.one_of(LOSSES),
    "temperature": table.number(1e-3, 100, 0.07),
    "negatives": table.optional(table.names("cat,concrete")),
    "batch": table.whole(1, 4096, 8),
    "steps": table.optional(table.whole(1, 1_000_000, 300)),
    "regularisation": table.number(0, 1e6, 0.1),
    "regulariser": table.one_of(REGULARISERS),
    "freeze": table.names("opacity,scale", RATES),
    "outliers": table.flag(),
    "model": table.optional(table.text("ViT-B-32")),
    "pretrained": table.optional(table.text("openai")),
}
_KINDS: dict[type, dict[str, table.Kind]] = {
    PaperSettings: {
        **_SHARED,
        "epochs": table.whole(1, 100_000, 20),
        "fade_sh": table.flag(),
        "rates": table.table(RATES, '{"colour": 0.02}'),
        "background": table.numbers(3, "[1, 1, 1]"),
    },
    Settings: {
        **_SHARED,
        "steps": table.whole(0, 1_000_000, 36),
        "start": table.text("auto"),
        "scale": table.optional(table.number(0.01, 100, 1.15)),
        "luminance_keep": table.optional(table.number(0, 1, 0.5)),
        "candidates": table.whole(1, 1000, 12),
        "views": table.whole(0, 1000, 14),
        "scene_camera_share": table.number(0, 1, 0.75),
        "oversample": table.number(0.25, 8, 1.25),
        "crops": table.number(0, 1, 0.5),
        "crop_low": table.number(0.01, 1, 0.25),
        "crop_high": table.number(0.01, 1, 0.5),
        "tilt": table.number(0, 0.9, 0.15),
        "contrast": table.whole(1, 10_000, 10),
        "bank": table.whole(16, 10_000, 512),
        **{
            name: table.number(0, 1e6, 1)
            for name in ("nce", "direction", "patch", "structure", "smooth", "anchor", "style")
        },
        "rate": table.number(0, 1, 0.012),
        "surface_views": table.whole(1, 1000, 16),
        "surface_pixels": table.whole(16, 4096, 208),
        "max_split_scale": table.number(1e-4, 10, 0.006),
        "limit": table.whole(1, 10_000_000, 60_000),
        "refit": table.whole(0, 10_000, 24),
        "iterations": table.whole(1, 10_000, 28),
        "geometry": table.optional(table.number(0, 1, 0.5)),
        "geometry_steps": table.whole(1, 100_000, 60),
        "start_form": table.one_of((AUTO, "none", *FORMS)),
        "form_amount": table.optional(table.number(0.1, 2, 1.0)),
    },
}


def resolve(preset: str, overrides: Mapping[str, object] | None = None) -> Settings | PaperSettings:
    """The preset's settings with some of them changed.

    ``freeze`` and ``negatives`` may be lists or comma-separated text; ``rates`` changes the rates it names.

    Raises
    ------
    RequestError
        If the preset, a setting or one of its values does not exist.
    """
    changes = dict(overrides or {})
    start = PRESETS.get(preset, PRESETS["standard"])
    table.check("CLIP", PRESETS, preset, _KINDS[type(start)], changes)
    if "freeze" in changes:
        changes["freeze"] = frozenset(table.split_names(changes["freeze"]))
    if changes.get("negatives") is not None:
        changes["negatives"] = table.split_names(changes["negatives"])
    if "rates" in changes:
        changes["rates"] = RATES | dict(changes["rates"])
    settings = replace(start, **changes)
    _check(settings)
    return settings


def _check(settings: Settings | PaperSettings) -> None:
    """Refuse settings that contradict one another."""
    if settings.negatives is not None and not settings.negatives:
        raise RequestError("There are no negative texts.", "Name at least one, or leave them to be drawn.")
    if settings.freeze >= RATES.keys():
        raise RequestError("Everything is frozen.", "Leave at least the colour free.")
    if isinstance(settings, Settings):
        if settings.crop_low > settings.crop_high:
            raise RequestError(
                f"crop_low is {settings.crop_low}, more than crop_high.", "Give the smaller area first."
            )
        _check_start(settings.start)


def _check_start(start: str) -> None:
    from ft2os.materials import MATERIALS

    if start not in (AUTO, ORIGINAL) and start not in MATERIALS:
        raise RequestError(
            f'There is no material "{start}" to start from.',
            f"Give auto, original or a material: {', '.join(MATERIALS)}.",
        )
