"""The method ``material`` described: see `ft2os.stylize.about`."""

from __future__ import annotations

from dataclasses import dataclass

from ft2os.stylize.about import Method, Needs, Takes, draft, high, standard
from ft2os.stylize.controls import LIGHT_AND_DARK, PATTERN_SCALE, PATTERN_SIZE
from ft2os.stylize.form_names import FORMS
from ft2os.stylize.preparation import Preparation
from ft2os.stylize.settings import flag, number, one_of, whole


@dataclass(frozen=True)
class Settings(Preparation):
    """The numbers of a run."""

    scale: float = number(PATTERN_SCALE, 0.01, 100, "Size of the pattern.", control=PATTERN_SIZE)
    luminance_keep: float | None = number(
        None,
        0,
        1,
        "How much of the object's light and dark stays; as the material has it where null.",
        optional=True,
        example="0.6",
        formerly="keep",
        control=LIGHT_AND_DARK,
    )
    prior_weight: float = number(
        0.01, 0, 1e6, "How strongly colours that few pixels see stay near the texture's.", formerly="pull"
    )
    iterations: int = whole(28, 1, 10_000, "Of the solve for the colours.")
    refine: bool = flag(False, "Sharpen by feature matching, which wants torch and VGG16's weights.")
    refine_steps: int = whole(40, 1, 100_000, "Of feature matching.")
    form: str = one_of("auto", ("auto", "none", *FORMS), "The shape: the prompt's, none, or the one named.")
    form_amount: float | None = number(
        None,
        0.1,
        2,
        "How much of the form, 1 the usual; as the prompt says where null.",
        optional=True,
        example="1.0",
    )


def _check_words(prompt: str, object_name: str | None) -> None:
    """Refuse a prompt that names neither a material nor a form."""
    from ft2os.materials import match
    from ft2os.stylize import form

    wanted = form.parse_form(prompt, object_name)
    if wanted.coloured:  # a form alone keeps the object's own colours
        match(wanted.rest, object_name=object_name)


_NEEDS = Needs(modules=("numba", "scipy"))
MATERIAL = Method(
    name="material",
    title="Material",
    line="Solid materials matched to the words of the prompt: seconds, no network",
    number=0,
    takes=Takes(words="needed"),
    prompt_hint="lava, old gold, ice …",
    check_words=_check_words,
    presets=(
        draft(
            seconds=2,
            settings=Settings(views=12, pixels=176, limit=40_000, iterations=14, refit=0),
            needs=_NEEDS,
        ),
        standard(
            doc="The quality that the method was tuned for",
            seconds=6,
            settings=Settings(),
            needs=_NEEDS,
        ),
        high(
            doc="Crisper, some seconds more; needs the full backend and VGG16's weights",
            seconds=12,
            settings=Settings(refine=True, refit=48),
            needs=Needs(modules=("numba", "scipy", "torch"), weights=("VGG16",)),
        ),
    ),
)
