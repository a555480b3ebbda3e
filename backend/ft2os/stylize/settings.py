"""Settings of a method, each described once: default, limits, what it does, how the panel shows it.

A method's settings are a frozen dataclass. Its fields are made by the functions here, so that one line says
everything::

    @dataclass(frozen=True)
    class Settings:
        views: int = whole(16, 1, 1000, "Pictures that the object is looked at with.")

Overrides come from a shell or over the protocol, so a value may be of any type. What does not fit is refused,
and the message says what would. The standard library only: Blender reads the descriptions too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from ft2os.errors import RequestError
from ft2os.stylize.controls import Control

S = TypeVar("S")
_KEY = "ft2os"  # of a field's metadata


@dataclass(frozen=True)
class Kind:
    """What a setting may be: ``fits`` checks a value, ``words`` describe it, ``example`` is typed as is."""

    fits: Callable[[object], bool]
    words: str
    example: str


@dataclass(frozen=True)
class Setting:
    """One setting of a method.

    Parameters
    ----------
    name : str
    default : object
    kind : Kind
    doc : str
        What it does, a sentence.
    control : Control, optional
        How the panel shows it; not at all where there is none.
    formerly : str, optional
        Its name in the version before, which is still understood.
    convert : callable, optional
        Makes what the method works with out of what was given.
    option : str
        Where the command line has an option of the setting's name: what its help calls the value.
    """

    name: str
    default: object
    kind: Kind
    doc: str
    control: Control | None = None
    formerly: str | None = None
    convert: Callable[[Any], object] | None = None
    option: str = ""


def whole(default: int | None, low: int, high: int, doc: str, **more: Any) -> Any:
    """A whole number between two limits, both allowed."""

    def fits(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return _field(default, fits, f"a whole number from {low} to {high}", doc, **more)


def number(default: float | None, low: float, high: float, doc: str, **more: Any) -> Any:
    """A number between two limits, both allowed."""

    def fits(value: Any) -> bool:
        return is_number(value) and low <= value <= high

    return _field(default, fits, f"a number from {low:g} to {high:g}", doc, **more)


def flag(default: bool, doc: str, **more: Any) -> Any:
    """Yes or no."""
    return _field(default, lambda value: type(value) is bool, "true or false", doc, **more)


def text(default: str | None, doc: str, **more: Any) -> Any:
    """Any text."""
    return _field(default, lambda value: isinstance(value, str), "a text", doc, **more)


def one_of(default: str, choices: Sequence[str], doc: str, **more: Any) -> Any:
    """One of some words."""

    def fits(value: object) -> bool:
        return isinstance(value, str) and value in choices

    return _field(default, fits, f"one of {_list(choices)}", doc, **more)


def names(default: object, doc: str, choices: Iterable[str] | None = None, **more: Any) -> Any:
    """Words, as a list or as one text with commas, perhaps only certain ones; the method gets a tuple."""
    allowed = None if choices is None else tuple(choices)

    def fits(value: object) -> bool:
        if not isinstance(value, str) and not (
            isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value)
        ):
            return False
        return allowed is None or all(name in allowed for name in split_names(value))

    words = "names with commas between" if allowed is None else f"any of {_list(allowed)}, commas between"
    return _field(default, fits, words, doc, **{"convert": split_names, **more})


def numbers(default: Sequence[float], doc: str, **more: Any) -> Any:
    """As many numbers as the default has, such as a colour; the method gets a tuple."""
    count = len(default)

    def fits(value: object) -> bool:
        return isinstance(value, (list, tuple)) and len(value) == count and all(map(is_number, value))

    return _field(tuple(default), fits, f"a list of {count} numbers", doc, **{"convert": tuple, **more})


def several(default: Sequence[float], low: float, high: float, most: int, doc: str, **more: Any) -> Any:
    """One number or more, each between two limits; the method gets a tuple."""

    def fits(value: object) -> bool:
        return (
            isinstance(value, (list, tuple))
            and 0 < len(value) <= most
            and all(is_number(v) and low <= v <= high for v in value)
        )

    words = f"a list of 1 to {most} numbers from {low:g} to {high:g}"
    return _field(tuple(default), fits, words, doc, **{"convert": tuple, **more})


def table(default: Mapping[str, float], doc: str, **more: Any) -> Any:
    """Numbers by name; what is not named keeps its default."""

    def fits(value: object) -> bool:
        return (
            isinstance(value, Mapping) and set(value) <= set(default) and all(map(is_number, value.values()))
        )

    def completed(value: Mapping[str, float]) -> Mapping[str, float]:
        return {**default, **value}

    return _field(default, fits, f"numbers by name, of {_list(default)}", doc, convert=completed, **more)


def _field(
    default: object,
    fits: Callable[[object], bool],
    words: str,
    doc: str,
    *,
    optional: bool = False,
    example: str | None = None,
    control: Control | None = None,
    formerly: str | None = None,
    convert: Callable[[Any], object] | None = None,
    option: str = "",
) -> Any:
    """The dataclass field of a setting; where it is ``optional``, None says that the method chooses."""
    if optional:
        words = f"{words}, or null"
    kind = Kind(lambda value: (optional and value is None) or fits(value), words, example or typed(default))
    setting = Setting("", default, kind, doc, control, formerly, convert, option)
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata={_KEY: setting})
    return field(default=default, metadata={_KEY: setting})


def described(settings: Any) -> dict[str, Setting]:
    """The settings of a settings class by name, in their order."""
    return {
        f.name: replace(f.metadata[_KEY], name=f.name, default=_default_of(f.metadata[_KEY], f.default))
        for f in fields(settings)
        if _KEY in f.metadata
    }


def _default_of(setting: Setting, default: object) -> object:
    """A mapping is made anew for every instance, so the field itself has no default."""
    return setting.default if isinstance(setting.default, Mapping) else default


def changed(settings: S, method: str, overrides: Mapping[str, object]) -> S:
    """The settings with some of them changed.

    Parameters
    ----------
    settings : dataclass
        As the preset has them.
    method : str
        What the message calls the method: "Material", "CLIP".
    overrides : mapping
        What was asked for, by the present names or by those of the version before.

    Raises
    ------
    RequestError
        If a setting or its value does not exist; the hint says what does.
    """
    known = described(settings)
    former = {setting.formerly: name for name, setting in known.items() if setting.formerly}
    changes = {}
    for given, value in overrides.items():
        name = given if given in known else former.get(given, given)
        if name not in known:
            raise RequestError(f'The method {method} has no setting "{name}".', f"It has {_list(known)}.")
        setting = known[name]
        if not setting.kind.fits(value):
            raise RequestError(
                f"The setting {name} cannot be {value!r}.",
                f"Give it {setting.kind.words}, for example {setting.kind.example}.",
            )
        changes[name] = setting.convert(value) if setting.convert and value is not None else value
    return replace(settings, **changes)  # pyright: ignore[reportArgumentType]  settings are dataclasses


def split_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Words out of a list, or out of one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())


def is_number(value: object) -> bool:
    """Whether it is a finite number, and not a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def typed(value: object) -> str:
    """A value as one types it behind ``--set NAME=``."""
    return value if isinstance(value, str) else json.dumps(value, default=list)


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
