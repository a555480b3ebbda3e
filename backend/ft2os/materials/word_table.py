"""Word vectors distilled from a sentence model, and the one question asked of them: is this word a material?

The table holds int8 vectors of some 30,000 English words (``word_table.npz``; made by
``scripts/distil_words.py``, licences in ``word_table.LICENSE.txt``). A cosine alone cannot tell "cinder"
from "mountain": both are near to something in the lists. So a word counts only if a material's word is
near to it, nearer than everyday words are, and nearer than the words of other materials.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ft2os.errors import FileError
from ft2os.materials.material import MATERIALS

_PATH = Path(__file__).with_name("word_table.npz")

# Chosen so that 1.5 % of everyday words pass, on words that no test uses: every fourth word of SCOWL's
# levels 10 and 20 (crc32 % 4 == 3; the tests draw from crc32 % 4 == 1, the bank below is the even half).
_THRESHOLD = 0.6
_LEAD = 0.3  # weight of the lead over the next material

# Listed words with another, commoner meaning: they name their material, but nothing near them does.
_AMBIGUOUS_TEXT = """
    masonry mirror space jewel bullion radioactive suede paper bubble psychedelic reef toxic hairy
"""
_AMBIGUOUS = frozenset(_AMBIGUOUS_TEXT.split())


class _Table(NamedTuple):
    rows: dict[str, int]
    vectors: np.ndarray  # [V, D] unit rows
    words: list[str]  # the anchors: listed words that the table knows
    names: np.ndarray  # the material of each anchor
    anchors: np.ndarray  # [A, D]
    everyday: np.ndarray  # [E, D]


def _is_bank(word: str) -> bool:
    """Whether a common word stands for all of them; the other half is left for choosing and measuring."""
    return zlib.crc32(word.encode()) % 2 == 0


@lru_cache(maxsize=1)
def _table() -> _Table:
    try:
        with np.load(_PATH, allow_pickle=False) as data:
            words = data["words"].tobytes().decode("ascii").split("\n")
            vectors = data["vectors"].astype(np.float32)
            common = data["common"]
    except (OSError, KeyError, ValueError) as error:
        raise FileError(f"The word table {_PATH.name} cannot be read.", "Install ft2os again.") from error
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = {word: k for k, word in enumerate(words)}
    listed = {w: m.name for m in MATERIALS.values() for w in (*m.words, m.name) if w in rows}
    anchors = [w for w in listed if w not in _AMBIGUOUS]
    bank = [k for k, w in enumerate(words) if common[k] and _is_bank(w) and w not in listed]
    names = np.array([listed[w] for w in anchors])
    return _Table(rows, vectors, anchors, names, vectors[[rows[w] for w in anchors]], vectors[bank])


def _row(word: str) -> int | None:
    """Row of a word, or of its base form: the table leaves regular inflections out."""
    rows = _table().rows
    for ending, base in (("", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", "")):
        if word.endswith(ending) and (known := word[: len(word) - len(ending)] + base) in rows:
            return rows[known]
    return None


def similar(word: str) -> tuple[str, float, str] | None:
    """The material whose words are near `word`: (name, score 0.5..0.9, word), or None if none is."""
    table, row = _table(), _row(word)
    if row is None:
        return None
    vector = table.vectors[row]
    cosines = table.anchors @ vector
    # Shared letters make shared word pieces: "lavatory" is not lava, nor "board" a blackboard.
    cosines[[a in word or word in a for a in table.words]] = -1
    best = int(cosines.argmax())
    others = cosines[table.names != table.names[best]].max()
    everyday = (table.everyday @ vector).max()
    score = float(2 * cosines[best] - everyday + _LEAD * (cosines[best] - others))
    if score < _THRESHOLD:
        return None
    return str(table.names[best]), float(np.clip(0.5 + 0.5 * (score - _THRESHOLD), 0.5, 0.9)), word


def ranked(words: list[str]) -> list[str]:
    """Materials by falling similarity to the nearest of some words; empty if the table knows none."""
    table = _table()
    known = [row for w in words if (row := _row(w)) is not None]
    if not known:
        return []
    cosines = (table.anchors @ table.vectors[known].T).max(1)
    return list(dict.fromkeys(str(table.names[k]) for k in np.argsort(-cosines, kind="stable")))
