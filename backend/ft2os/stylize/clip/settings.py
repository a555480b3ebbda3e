"""The numbers of the CLIP method: the paper's in `PaperSettings`, ours in `Settings`, with their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ft2os.errors import RequestError
from ft2os.stylize import preparation
from ft2os.stylize.controls import LIGHT_AND_DARK, PATTERN_SIZE, Control, Named, Switch
from ft2os.stylize.form_names import FORMS
from ft2os.stylize.settings import flag, names, number, numbers, one_of, split_names, table, text, whole

RATES = {
    "colour": 0.1,
    "sh": 0.005,
    "opacity": 0.005,
    "scale": 0.005,
    "rotation": 0.001,
    "position": 1.6e-4,
}
"""What can be optimised, with Adam's learning rates in the published code.

``position`` is times the extent of the scene. The keys are also the names of the freeze flags.
"""
LOSSES = ("contrastive", "similarity")
REGULARISERS = ("vgg", "lpips")
_FINISHING_SHARE = 0.25  # of the colour stage's steps, for the colours after the geometry
AUTO, ORIGINAL = "auto", "original"  # where to start; any other name is a material's

START = Named(
    "start",
    "Start From",
    "Which colours the run begins with",
    choices=(
        ("auto", "Automatic", "The material that the model likes best for the prompt, or the object itself"),
        ("original", "Object", "The object's own colours"),
        ("named", "Material", "The material named below"),
    ),
)
GEOMETRY = Switch(
    "geometry",
    "Form",
    "Whether the form changes, and how far",
    default=0.5,
    choices=(
        ("AUTO", "Automatic", "The form changes where the prompt asks for it: spiky, melting, furry"),
        ("OFF", "Off", "Colours only"),
        ("ON", "On", "The form changes whatever the prompt says"),
    ),
)
HOLD_ORIGINAL = Control(
    "regularisation",
    "Hold Original",
    "Weight of the likeness to the original pictures; needs VGG16's weights above 0",
    default=0.0,
    high=10.0,
    place=1,
)


def _freeze(*default: str) -> Any:
    """What does not move."""
    return names(
        frozenset(default),
        "What keeps its values to the bit.",
        RATES,
        example="opacity,scale",
        convert=lambda value: frozenset(split_names(value)),
    )


@dataclass(frozen=True)
class Shared:
    """What both ways of running have.

    Raises
    ------
    RequestError
        If two settings contradict each other, or one names a material that does not exist.
    """

    loss: str = one_of("contrastive", LOSSES, "Algorithm 2 or Algorithm 1 of the paper.")
    temperature: float = number(1.0, 1e-3, 100, "Of the contrastive loss.")
    negatives: tuple[str, ...] | None = names(
        None,
        "Texts to contrast the prompt with; drawn from the word list where null.",
        optional=True,
        example="cat,concrete",
    )
    batch: int = whole(16, 1, 4096, "Pictures judged a step.")
    steps: int | None = whole(
        None,
        1,
        1_000_000,
        "How many; the paper's loop counts epochs where null.",
        optional=True,
        example="300",
    )
    regularisation: float = number(
        0.0,
        0,
        1e6,
        "Factor of the perceptual loss against the original renders; 0 needs no further weights. The paper "
        "tries 0.01, 0.1, 0.4 and 1.",
        control=HOLD_ORIGINAL,
    )
    regulariser: str = one_of("vgg", REGULARISERS, "VGG16's relu3_3, as the paper, or LPIPS on AlexNet.")
    freeze: frozenset[str] = _freeze()
    outliers: bool = flag(
        False,
        "Leave statistical outliers of the object alone; specks are left alone by the fast method anyway.",
    )
    model: str | None = text(
        None, "The judge, a name of open_clip's or a folder.", optional=True, example="ViT-B-32"
    )
    pretrained: str | None = text(
        None, "The judge's weights, a tag or a file.", optional=True, example="openai"
    )

    def __post_init__(self) -> None:
        if self.negatives is not None and not self.negatives:
            raise RequestError(
                "There are no negative texts.", "Name at least one, or leave them to be drawn."
            )
        if self.freeze >= RATES.keys():
            raise RequestError("Everything is frozen.", "Leave at least the colour free.")


@dataclass(frozen=True)
class PaperSettings(Shared):
    """The paper's loop."""

    freeze: frozenset[str] = _freeze("opacity")
    outliers: bool = flag(True, "Leave statistical outliers of the object alone.")
    epochs: int = whole(20, 1, 100_000, "Passes over all views.")
    fade_sh: bool = flag(
        False, "Drop the bands above degree 0, as looks do by default, instead of training or keeping them."
    )
    rates: Mapping[str, float] = table(
        RATES, "Learning rates; those that are not named stay.", example='{"colour": 0.02}'
    )
    background: tuple[float, float, float] = numbers(
        (0.0, 0.0, 0.0), "Behind the object; the paper's masked render has black.", example="[1, 1, 1]"
    )


@dataclass(frozen=True)
class Settings(Shared):
    """The fast method."""

    temperature: float = number(0.07, 1e-3, 100, "Of the contrastive loss.")
    batch: int = whole(8, 1, 4096, "Pictures judged a step.")
    steps: int = whole(36, 0, 1_000_000, "Of the colour stage.")
    start: str = text(
        AUTO, 'Colours to start from: "auto", "original" or the name of a material.', control=START
    )
    scale: float | None = number(
        None,
        0.01,
        100,
        "Size of the material's pattern; ranked by the judge where null.",
        optional=True,
        example="1.15",
        control=PATTERN_SIZE,
    )
    luminance_keep: float | None = number(
        None,
        0,
        1,
        "How much of the object's light and dark the material leaves; ranked by the judge where null.",
        optional=True,
        example="0.5",
        formerly="keep",
        control=LIGHT_AND_DARK,
    )
    candidates: int = whole(
        12,
        1,
        1000,
        "Most materials, sizes and strengths to rank when choosing a start; a material that the prompt names "
        "is taken as it is where there is but one.",
    )
    views: int = whole(
        14,
        0,
        1000,
        "Views that the judge sees; each is built once and judged many times. 0 judges the views that the "
        "object is prepared with: coarser, but they are there.",
    )
    scene_camera_share: float = number(
        0.75,
        0,
        1,
        "Share of the views that comes from the scene's own cameras, where it has some.",
        formerly="given",
    )
    oversample: float = number(
        1.25, 0.25, 8, "Side of a view over the judge's, so that crops have pixels of their own."
    )
    crops: float = number(0.5, 0, 1, "Share of the batch that are crops.")
    crop_low: float = number(0.25, 0.01, 1, "Least area of a crop over the view's.")
    crop_high: float = number(0.5, 0.01, 1, "Largest area of a crop over the view's.")
    tilt: float = number(0.15, 0, 0.9, "Perspective of the crops.")
    contrast: int = whole(10, 1, 10_000, "Negatives a step, the source's description among them.")
    bank: int = whole(512, 16, 10_000, "Words to draw them from.")
    nce: float = number(1.0, 0, 1e6, "Weight of the contrastive term on whole pictures.")
    direction: float = number(0.5, 0, 1e6, "Weight of the direction term.")
    patch: float = number(2.0, 0, 1e6, "Weight of the contrastive term on crops.")
    structure: float = number(
        1.0, 0, 1e6, "Weight of the likeness to the start's light and dark.", formerly="form"
    )
    smooth: float = number(200.0, 0, 1e6, "Weight of neighbours' likeness to each other.")
    anchor: float = number(
        16.0,
        0,
        1e6,
        "Weight of the likeness to the start's colours; less where the start is the original, which is meant "
        "to be left behind.",
    )
    style: float = number(2.0, 0, 1e6, "Weight of the likeness to the style picture, where there is one.")
    rate: float = number(
        0.008,
        0,
        1,
        "Learning rate of the display-referred colours at the first step; it falls along a cosine to a "
        "tenth.",
    )
    surface_views: int = whole(
        16, 1, 1000, "Pictures that the object is prepared with.", formerly="survey_views"
    )
    surface_pixels: int = whole(208, 16, 4096, "Side of those pictures.", formerly="survey_pixels")
    max_split_scale: float = preparation.max_split_scale()
    limit: int = preparation.limit(60_000)
    refit: int = preparation.refit()
    iterations: int = whole(28, 1, 10_000, "Of the solve for the material's colours.")
    geometry: float | None = number(
        None,
        0,
        1,
        "How far the geometry stage goes; as the prompt asks where null.",
        optional=True,
        example="0.5",
        control=GEOMETRY,
    )
    geometry_steps: int = whole(60, 1, 100_000, "Of the geometry stage at a strength of 1.")
    start_form: str = one_of(
        AUTO,
        (AUTO, "none", *FORMS),
        "The form that is given before anything is judged, where geometry is not 0: the prompt's, none, or "
        "the one named.",
    )
    form_amount: float | None = number(
        None,
        0.1,
        2,
        "How much of the form, 1 the usual; as the prompt says where null.",
        optional=True,
        example="1.0",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_low > self.crop_high:
            raise RequestError(
                f"crop_low is {self.crop_low}, more than crop_high.", "Give the smaller area first."
            )
        if self.start not in (AUTO, ORIGINAL):
            _check_material(self.start)

    def steps_of_geometry(self, strength: float) -> int:
        """Steps of the geometry stage at some strength."""
        return max(1, round(self.geometry_steps * strength))

    @property
    def finishing_steps(self) -> int:
        """Steps of the colours after the geometry stage."""
        return max(1, round(_FINISHING_SHARE * self.steps))


def _check_material(name: str) -> None:
    """Refuse to start from a material that does not exist."""
    from ft2os.materials import MATERIALS

    if name not in MATERIALS:
        raise RequestError(
            f'There is no material "{name}" to start from.',
            f"Give auto, original or a material: {', '.join(MATERIALS)}.",
        )
