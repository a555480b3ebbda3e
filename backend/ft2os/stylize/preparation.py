"""The settings that say how an object is prepared, see `ft2os.stylize.prepare`; most methods have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ft2os.stylize.settings import number, whole


def max_split_scale() -> Any:
    """How finely Gaussians are split."""
    return number(
        0.006,
        1e-4,
        10,
        "Longest axis of a Gaussian after splitting, over the object's extent.",
        formerly="largest",
    )


def limit(default: int) -> Any:
    """How many Gaussians there may be."""
    doc = "Gaussians after splitting, or twice the object's own where that is more."
    return whole(default, 1, 10_000_000, doc)


def refit() -> Any:
    """How long the split set is fitted."""
    return whole(24, 0, 10_000, "Steps that bring the split set nearer to the object.")


@dataclass(frozen=True)
class Preparation:
    """How finely an object is split, and what it is looked at with."""

    views: int = whole(16, 1, 1000, "Pictures that the object is looked at with.")
    pixels: int = whole(208, 16, 4096, "Side of a picture.")
    max_split_scale: float = max_split_scale()
    limit: int = limit(72_000)
    refit: int = refit()
