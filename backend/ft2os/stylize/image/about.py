"""The method ``image`` described: see `ft2os.stylize.about`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ft2os.stylize.about import Method, Needs, Takes, draft, high, standard
from ft2os.stylize.controls import LIGHT_AND_DARK, PATTERN_SIZE
from ft2os.stylize.preparation import Preparation
from ft2os.stylize.settings import number, whole


@dataclass(frozen=True)
class Settings(Preparation):
    """The numbers of a run."""

    views: int = whole(14, 1, 1000, "Pictures that the object is looked at with.")
    pixels: int = whole(208, 32, 4096, "Side of a picture.")  # matching sees half of it
    stroke: float = number(
        1.0, 0.1, 10, "Size of the strokes.", control=replace(PATTERN_SIZE, title="Stroke Size", tuned=1.0)
    )
    luminance_keep: float = number(
        0.8,
        0,
        1,
        "How much of the object's light and dark stays.",
        formerly="keep",
        control=LIGHT_AND_DARK,
    )
    steps: int = whole(60, 0, 100_000, "Of feature matching; 0 leaves it out, and VGG16's weights with it.")
    rate: float = number(0.03, 1e-4, 1, "Learning rate of feature matching.")
    match: float = number(1.0, 0, 1e3, "Weight of the likeness to the picture's features.")
    content: float = number(0.05, 0, 1e3, "Weight of the likeness to the object's features.")
    statistics: float = number(2.0, 0, 1e3, "Weight of the likeness to the picture's colours.")
    smooth: float = number(1.0, 0, 1e3, "Weight of neighbours' likeness to each other.")


_NEEDS = Needs(modules=("numba", "scipy", "PIL"))
_MATCHING = Needs(modules=(*_NEEDS.modules, "torch"), weights=("VGG16",))
IMAGE = Method(
    name="image",
    title="Image",
    line="Palette and strokes of a picture: seconds to a minute",
    number=2,
    takes=Takes(words="optional", picture="needed"),
    prompt_hint="optional: its name or a material",
    presets=(
        draft(
            seconds=3,
            settings=Settings(views=10, pixels=176, limit=40_000, refit=0, steps=0),
            needs=_NEEDS,
        ),
        standard(
            doc="Draws the picture's strokes along the form; needs VGG16's weights",
            seconds=12,
            settings=Settings(),
            needs=_MATCHING,
        ),
        high(
            doc="Finer, and some times as long; needs VGG16's weights",
            seconds=45,
            settings=Settings(
                views=18, pixels=256, max_split_scale=0.0045, limit=140_000, refit=96, steps=110
            ),
            needs=_MATCHING,
        ),
    ),
)
