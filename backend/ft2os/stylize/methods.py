"""The methods, a line each, in the order of the menus. A new one is a folder beside this file and its line.

The standard library only; what a method needs is imported when it runs.
"""

from __future__ import annotations

from ft2os.errors import RequestError
from ft2os.stylize.about import Method
from ft2os.stylize.clip.about import CLIP
from ft2os.stylize.edit.about import EDIT
from ft2os.stylize.image.about import IMAGE
from ft2os.stylize.material.about import MATERIAL

METHODS: dict[str, Method] = {method.name: method for method in (MATERIAL, IMAGE, CLIP, EDIT)}


def find(name: str) -> Method:
    """The method of that name.

    Raises
    ------
    RequestError
        If there is none.
    """
    if name not in METHODS:
        raise RequestError(f"There is no method {name!r}.", f"Choose one of {', '.join(METHODS)}.")
    return METHODS[name]


def default(picture: bool) -> Method:
    """The method that is meant where none is named: the first that needs a picture, or none."""
    return next(method for method in METHODS.values() if (method.takes.picture == "needed") == picture)


def presets() -> list[str]:
    """The names of all presets, in order, without repeats."""
    return list(dict.fromkeys(preset.name for method in METHODS.values() for preset in method.presets))


def presets_of_before() -> dict[str, str]:
    """Today's names of the presets that were renamed, by their names in the version before."""
    every = (preset for method in METHODS.values() for preset in method.presets)
    return {preset.formerly: preset.name for preset in every if preset.formerly}
