"""From a prompt to a material, or to a clear refusal.

Names come first, then the hand-written synonyms that each material carries. A prompt that names no
material is refused with the nearest ones.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from ft2os.errors import RequestError, UnknownPromptError
from ft2os.materials.material import MATERIALS, Material


@dataclass(frozen=True)
class Match:
    """What `match` found: the material, how sure it is (0..1), by what means and by which word."""

    material: Material
    score: float
    how: str
    word: str


def tokens(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation."""
    return re.findall(r"[a-z]+", text.lower())


def match(prompt: str, *, object_name: str | None = None) -> Match:
    """Find the material that a prompt names."""
    words = [w for w in tokens(prompt) if w not in set(tokens(object_name or ""))]
    if not tokens(prompt):
        raise RequestError("The prompt is empty.", "Name a material, such as “lava” or “ice”.")
    for how, score in (("name", 1.0), ("synonym", 0.95)):
        for material in MATERIALS.values():
            for name in (material.name,) if how == "name" else material.words:
                if name in words:
                    return Match(material, score, how, name)
    nearest = difflib.get_close_matches(" ".join(words), MATERIALS, 3, 0.0)
    raise UnknownPromptError(
        f"No material is called “{prompt}”.", f"Use one of: {', '.join(nearest)}.", nearest
    )
