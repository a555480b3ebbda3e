"""Words that have nothing to do with the prompt, against which the contrastive loss measures it.

``words.txt`` holds 10,000 common English words, one a line; lines that begin with # are its notice.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np

COUNT = 10  # Algorithm 2; the paper's text counts 10 with the prompt


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """The word list, in the file's order."""
    lines = files("ft2os.guidance").joinpath("words.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def draw(prompt: str, seed: int, count: int = COUNT) -> list[str]:
    """``count`` different words, none of them in the prompt; the same for the same prompt and seed.

    A word of the prompt among the negatives would push away what is asked for.
    """
    asked = set(prompt.lower().split())
    pool = [word for word in words() if word.lower() not in asked]
    picked = np.random.default_rng(seed).choice(len(pool), size=count, replace=False)
    return [pool[index] for index in picked]
