"""How Blender's panel shows a setting of a method: what an artist turns, and what the method gets from it.

A control only describes; the extension makes Blender properties of it and draws them. Settings of several
methods that mean the same to an artist share one control, by its ``id``, which is also what a .blend stores:
it never changes. The standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

UNCHANGED = object()
"""The value of a control that leaves the setting to the preset."""
Read = Callable[[str], Any]
"""Returns the present value of the property of that name."""


@dataclass(frozen=True)
class Control:
    """A value, which counts where it is not the default.

    Parameters
    ----------
    id : str
        Names the property.
    title, doc : str
        What stands beside it, and what its tooltip says.
    default : bool, int or float
        What is shown until the artist turns it.
    low, high : float
        Its limits.
    soft_high : float, optional
        Up to where dragging goes.
    heading : str
        What stands in front of a control of two parts.
    place : int
        Controls of a lower place come first.
    """

    id: str
    title: str
    doc: str
    default: bool | int | float = 0.0
    low: float = 0.0
    high: float = 1.0
    soft_high: float | None = None
    heading: str = ""
    place: int = 0

    def value(self, read: Read) -> object:
        """What the method's setting becomes, or `UNCHANGED`."""
        shown = read(self.id)
        return UNCHANGED if shown == self.default else shown


@dataclass(frozen=True)
class Ticked(Control):
    """A share that counts where the box ``use_<id>`` in front of it is ticked."""

    def value(self, read: Read) -> object:
        return read(self.id) if read(f"use_{self.id}") else UNCHANGED


@dataclass(frozen=True)
class Factor(Control):
    """A size relative to ``tuned``, what the method has by itself: 1 leaves it there."""

    tuned: float = 1.0

    def value(self, read: Read) -> object:
        factor = read(self.id)
        return UNCHANGED if factor == 1.0 else factor * self.tuned


@dataclass(frozen=True)
class Switch(Control):
    """Automatic, off (0) or on, and then by an amount, the property ``<id>_amount``.

    ``choices`` are (identifier, title, what it means) for AUTO, OFF and ON.
    """

    choices: tuple[tuple[str, str, str], ...] = ()

    def value(self, read: Read) -> object:
        choice = read(self.id)
        return UNCHANGED if choice == "AUTO" else read(f"{self.id}_amount") if choice == "ON" else 0.0


@dataclass(frozen=True)
class Named(Control):
    """One of some words, the first of which leaves it to the method, or a name that is typed.

    ``choices`` as in `Switch`; the one called "named" opens the property ``<id>_material``.
    """

    choices: tuple[tuple[str, str, str], ...] = ()

    def value(self, read: Read) -> object:
        choice = read(self.id)
        if choice == self.choices[0][0]:
            return UNCHANGED
        return str(read(f"{self.id}_material")).strip() if choice == "named" else choice


LIGHT_AND_DARK = Ticked(
    "keep",
    "Keep",
    "0: the look's own light only; 1: all of the object's light and dark",
    default=0.7,
    heading="Light and Dark",
)
PATTERN_SCALE = 1.15
"""The pattern's size that the materials are tuned for."""
PATTERN_SIZE = Factor(
    "size",
    "Pattern Size",
    "Size of the material's pattern or of the picture's strokes; 1 is as tuned",
    default=1.0,
    low=0.1,
    high=10.0,
    soft_high=4.0,
    tuned=PATTERN_SCALE,
)
