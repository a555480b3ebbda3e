"""What the settings of a method may be changed to: one table a method, one check for all.

Overrides come from a shell or over the protocol, so a value may be of any type. What does not fit is refused
with the words that say what would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ft2os.errors import RequestError


@dataclass(frozen=True)
class Kind:
    """What a setting may be: ``fits`` tells, ``words`` say it, ``example`` shows it as one types it."""

    fits: Callable[[object], bool]
    words: str
    example: str


def whole(low: int, high: int, example: int) -> Kind:
    """A whole number between two limits, both allowed."""

    def fits(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return Kind(fits, f"a whole number from {low} to {high}", str(example))


def number(low: float, high: float, example: float) -> Kind:
    """A number between two limits, both allowed."""

    def fits(value: object) -> bool:
        return is_number(value) and low <= value <= high

    return Kind(fits, f"a number from {low:g} to {high:g}", f"{example:g}")


def flag() -> Kind:
    """Yes or no."""
    return Kind(lambda value: type(value) is bool, "true or false", "true")


def text(example: str) -> Kind:
    """Any text."""
    return Kind(lambda value: isinstance(value, str), "a text", example)


def one_of(choices: Sequence[str]) -> Kind:
    """One of some words."""
    return Kind(
        lambda value: isinstance(value, str) and value in choices, f"one of {_list(choices)}", choices[0]
    )


def names(example: str, choices: Iterable[str] | None = None) -> Kind:
    """Words, as a list or as one text with commas (``split_names`` reads both), perhaps only certain ones."""
    allowed = None if choices is None else tuple(choices)

    def fits(value: object) -> bool:
        if not isinstance(value, str) and not (
            isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value)
        ):
            return False
        return allowed is None or all(name in allowed for name in split_names(value))

    words = "names with commas between" if allowed is None else f"any of {_list(allowed)}, commas between"
    return Kind(fits, words, example)


def numbers(count: int, example: str) -> Kind:
    """A list of ``count`` numbers, such as a colour."""

    def fits(value: object) -> bool:
        return isinstance(value, (list, tuple)) and len(value) == count and all(map(is_number, value))

    return Kind(fits, f"a list of {count} numbers", example)


def table(choices: Iterable[str], example: str) -> Kind:
    """Numbers by name."""
    allowed = tuple(choices)

    def fits(value: object) -> bool:
        return (
            isinstance(value, Mapping) and set(value) <= set(allowed) and all(map(is_number, value.values()))
        )

    return Kind(fits, f"numbers by name, of {_list(allowed)}", example)


def optional(kind: Kind) -> Kind:
    """What another kind is, or nothing."""
    return Kind(lambda value: value is None or kind.fits(value), f"{kind.words}, or null", kind.example)


def check(
    method: str,
    presets: Iterable[str],
    preset: str,
    kinds: Mapping[str, Kind],
    overrides: Mapping[str, object],
) -> None:
    """Refuse what a method does not have.

    Parameters
    ----------
    method : str
        What the message calls it: "material", "CLIP".
    presets : iterable of str
        The names it has.
    preset : str
        The one that was asked for.
    kinds : mapping of str to Kind
        Every setting that may be overridden.
    overrides : mapping
        What was asked for.

    Raises
    ------
    RequestError
        If the preset, a setting or its value does not exist; the hint says what does.
    """
    presets = list(presets)
    if preset not in presets:
        raise RequestError(
            f'The {method} method has no preset "{preset}".', f"Choose one of {_list(presets)}."
        )
    for name, value in overrides.items():
        if name not in kinds:
            raise RequestError(f'The {method} method has no setting "{name}".', f"It has {_list(kinds)}.")
        kind = kinds[name]
        if not kind.fits(value):
            raise RequestError(
                f"The setting {name} cannot be {value!r}.",
                f"Give it {kind.words}, for example {kind.example}.",
            )


def split_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Words out of a list, or out of one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())


def is_number(value: object) -> bool:
    """Whether it is a number that one can count with: no truth value, no NaN, not infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
