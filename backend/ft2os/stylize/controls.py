"""How Blender's panel shows a setting of a method: what an artist turns, and what the method gets from it.

A control only describes; the extension makes Blender properties of it and draws them. Settings of several
methods that mean the same to an artist share one control, by its ``id``, which is also what a .blend stores:
it never changes. The standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ft2os.errors import RequestError

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
    default : bool, int, float or str
        What is shown until the artist turns it.
    low, high : float
        Its limits.
    soft_high : float, optional
        Up to where dragging goes.
    heading : str
        What stands in front of a control of two parts.
    place : int
        Controls of a lower place come first.
    stands : str
        "panel" is the main panel, "advanced" the one below it. "preferences" are Blender's Preferences: a
        .blend, which may be a stranger's, does not hold the value then.
    """

    id: str
    title: str
    doc: str
    default: bool | int | float | str = 0.0
    low: float = 0.0
    high: float = 1.0
    soft_high: float | None = None
    heading: str = ""
    place: int = 0
    stands: Literal["panel", "advanced", "preferences"] = "advanced"

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


@dataclass(frozen=True)
class Box(Control):
    """A box that is ticked for the value ``on``."""

    default: bool | int | float | str = False
    on: object = True

    def value(self, read: Read) -> object:
        return self.on if read(self.id) else UNCHANGED


@dataclass(frozen=True)
class Text(Control):
    """A text, or the path of a "file" or a "folder"; empty, it leaves the setting to the preset.

    ``hint(prompt, object_name)`` is what counts while it is empty, shown in its place.
    """

    default: bool | int | float | str = ""
    path: Literal["", "file", "folder"] = ""
    hint: Callable[[str, str | None], str] | None = None

    def value(self, read: Read) -> object:
        text = str(read(self.id)).strip()
        return UNCHANGED if text in ("", self.default) else text


@dataclass(frozen=True)
class Entry:
    """One entry of a `Menu`.

    Parameters
    ----------
    name, title, doc : str
        The value, what is shown, and what its tooltip says.
    number : int
        What a .blend stores: never changed, never given again.
    opens : str
        "folder" opens the property ``<id>_<name>``, and the value is the path in it.
    """

    name: str
    title: str
    doc: str
    number: int
    opens: Literal["", "folder"] = ""


@dataclass(frozen=True)
class Menu(Control):
    """One of some entries, the first of which leaves it to the preset.

    ``facts`` names the part of the worker's greeting that tells of each entry, and what it lacks.
    """

    entries: tuple[Entry, ...] = ()
    facts: str = ""

    def chosen(self, read: Read) -> Entry:
        """The entry that is chosen; the first where a .blend chose one that is no more."""
        name = read(self.id)
        return next((entry for entry in self.entries if entry.name == name), self.entries[0])

    def path(self, entry: Entry) -> str:
        """The name of the property that an entry opens."""
        return f"{self.id}_{entry.name}"

    def value(self, read: Read) -> object:
        entry = self.chosen(read)
        if entry == self.entries[0]:
            return UNCHANGED
        if not entry.opens:
            return entry.name
        path = str(read(self.path(entry))).strip()
        if not path:
            title = entry.title.rstrip("…")
            raise RequestError(f"{self.title} is set to {title}, and none is named.", "Choose the folder.")
        return path


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
