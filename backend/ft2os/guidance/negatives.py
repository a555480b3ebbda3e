"""Words that have nothing to do with the prompt, against which the contrastive loss measures it.

``words.txt`` holds 10,000 common English words, one a line; lines that begin with # are its notice. The
paper draws ten of them once a run (``draw``); the fast method draws anew at every step, from a bank that is
encoded once (``Bank``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

COUNT = 10  # Algorithm 2; the paper's text counts 10 with the prompt
BANK = 512  # of 10,000: enough never to repeat itself, and encoded in seconds
NEAREST = 0.05  # share of the bank, the nearest to the prompt, that is left out: it may mean the same


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


@dataclass(frozen=True)
class Bank:
    """Encoded words.

    Parameters
    ----------
    texts : tuple of str
    embeddings : Tensor [V, D]
        Of unit length.
    """

    texts: tuple[str, ...]
    embeddings: Tensor

    @staticmethod
    def of(judge, size: int = BANK, tick: Callable[[float], None] | None = None) -> Bank:
        """The judge's bank, encoded once on this machine; ``tick(share)`` while it is."""
        from ft2os.guidance import text_cache

        chosen = Bank.words(size)
        return Bank(chosen, text_cache.embed_all(judge, list(chosen), tick))

    @staticmethod
    def words(size: int = BANK) -> tuple[str, ...]:
        """Words of the list at even distances, as many as are asked for."""
        every = max(1, len(words()) // size)
        return words()[::every][:size]

    def without(self, prompt: Tensor, share: float = NEAREST) -> Bank:
        """The bank less the ``share`` of it that lies nearest to a prompt's embedding [D]."""
        near = int(np.ceil(share * len(self.texts)))
        order = (self.embeddings @ prompt).argsort(stable=True)
        kept = sorted(order[: len(self.texts) - near].tolist())
        return Bank(tuple(self.texts[i] for i in kept), self.embeddings[kept])

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:  # [count, D]
        """Different words of the bank."""
        picked = rng.choice(len(self.texts), size=min(count, len(self.texts)), replace=False)
        return self.embeddings[picked.tolist()]
