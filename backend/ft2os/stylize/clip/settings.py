"""The numbers of the CLIP method: the paper's in the preset ``seed``, and what an override may change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from ft2os.errors import RequestError

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


@dataclass(frozen=True)
class Settings:
    """Settings of one run.

    Parameters
    ----------
    loss : str
        "contrastive" (Algorithm 2) or "similarity" (Algorithm 1).
    temperature : float
        Of the contrastive loss.
    negatives : tuple of str, optional
        The texts to contrast the prompt with; drawn from the word list when None.
    epochs : int
        Passes over all views.
    steps : int, optional
        Number of steps, instead of ``epochs``.
    batch : int
        Views a step.
    regularisation : float
        Factor of the VGG16 loss; 0 needs no VGG weights.
    freeze : frozenset of str
        Names of ``RATES`` that keep their values to the bit.
    fade_sh : bool
        Drop the bands above degree 0, as looks do by default, instead of training or keeping them.
    outliers : bool
        Leave statistical outliers of the object alone.
    rates : Mapping of str to float
        Learning rates.
    background : tuple of 3 floats
        Behind the object; the paper's masked render has black.
    model, pretrained : str, optional
        The judge, see ``ft2os.guidance.clip_judge.load``.
    """

    loss: str = "contrastive"
    temperature: float = 1.0
    negatives: tuple[str, ...] | None = None
    epochs: int = 20
    steps: int | None = None
    batch: int = 16
    regularisation: float = 0.0
    freeze: frozenset[str] = frozenset({"opacity"})
    fade_sh: bool = False
    outliers: bool = True
    rates: Mapping[str, float] = field(default_factory=lambda: dict(RATES))
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    model: str | None = None
    pretrained: str | None = None


PRESETS = {
    "seed": Settings(),
    # At a temperature of 1 the gradient is nearly the same whatever the score (p ≈ 0.10); 0.07 is NeRF-Art's.
    "standard": Settings(temperature=0.07, fade_sh=True),
    "draft": Settings(temperature=0.07, fade_sh=True, epochs=4),
    "high": Settings(temperature=0.07, fade_sh=True, epochs=40),
}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _are_names(value: object) -> bool:
    return _is_text(value) or (isinstance(value, (list, tuple, set, frozenset)) and all(map(_is_text, value)))


def _are_rates(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_number, value.values()))


def _is_colour(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(map(_is_number, value))


def _or_none(kind: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or kind(value)


# Overrides come from a shell or over the protocol, so that each may be of any type.
_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {  # what it may be, and an example
    "loss": (_is_text, "contrastive"),
    "temperature": (_is_number, "0.07"),
    "negatives": (_or_none(_are_names), "cat,concrete"),
    "epochs": (_is_whole, "20"),
    "steps": (_or_none(_is_whole), "300"),
    "batch": (_is_whole, "16"),
    "regularisation": (_is_number, "0.1"),
    "freeze": (_are_names, "opacity,scale"),
    "fade_sh": (_is_flag, "true"),
    "outliers": (_is_flag, "true"),
    "rates": (_are_rates, '{"colour": 0.02}'),
    "background": (_is_colour, "[1, 1, 1]"),
    "model": (_or_none(_is_text), "ViT-B-32"),
    "pretrained": (_or_none(_is_text), "openai"),
}


def resolve(preset: str, overrides: Mapping[str, object] | None = None) -> Settings:
    """The preset's settings with some of them changed.

    ``freeze`` and ``negatives`` may be lists or comma-separated text; ``rates`` changes the rates it names.

    Raises
    ------
    RequestError
        If the preset, a setting or one of its values does not exist.
    """
    if preset not in PRESETS:
        raise RequestError(f'The CLIP method has no preset "{preset}".', f"Choose one of {_list(PRESETS)}.")
    changes = dict(overrides or {})
    known = [f.name for f in fields(Settings)]
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise RequestError(f'The CLIP method has no setting "{unknown[0]}".', f"It has {_list(known)}.")
    for name, value in changes.items():
        fits, example = _KINDS[name]
        if not fits(value):
            raise RequestError(f"{name} cannot be {value!r}.", f"Give it like {example}.")
    if "freeze" in changes:
        changes["freeze"] = frozenset(_names(changes["freeze"]))
        _all_known("freeze", changes["freeze"])
    if changes.get("negatives") is not None:
        changes["negatives"] = _names(changes["negatives"])
    if "rates" in changes:
        _all_known("rates", changes["rates"])
        changes["rates"] = RATES | dict(changes["rates"])
    settings = replace(PRESETS[preset], **changes)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if settings.loss not in LOSSES:
        raise RequestError(f'There is no CLIP loss "{settings.loss}".', f"Choose one of {_list(LOSSES)}.")
    if settings.negatives is not None and not settings.negatives:
        raise RequestError("There are no negative texts.", "Name at least one, or leave them to be drawn.")
    for name, least in (("epochs", 1), ("batch", 1), ("regularisation", 0)):
        if getattr(settings, name) < least:
            raise RequestError(f"{name} is {getattr(settings, name)}.", f"Give at least {least}.")
    if settings.steps is not None and settings.steps < 1:
        raise RequestError(f"steps is {settings.steps}.", "Give at least 1.")
    if settings.temperature <= 0:
        raise RequestError(f"The temperature is {settings.temperature}.", "Give a positive number.")
    if settings.freeze >= RATES.keys():
        raise RequestError("Everything is frozen.", "Leave at least the colour free.")


def _names(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else list(value)
    return tuple(part.strip() for part in parts if part.strip())


def _all_known(setting: str, names) -> None:
    for name in names:
        if name not in RATES:
            raise RequestError(f'{setting} names "{name}".', f"It can name {_list(RATES)}.")


def _list(names) -> str:
    return ", ".join(names)
