"""From a prompt to a material, or to a clear refusal: never a silent guess.

First the hand-written names and synonyms that the materials carry, as whole phrases, longest first. Then,
for words in no list, a small table of word vectors (`word_table`): a word is taken for a material only if
one of the material's own words is near it and nearer than everyday words are. The object's own noun names
the object, not its material, and is left out; so is what a negation is about ("ice, no snow").
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ft2os.errors import RequestError, UnknownPromptError
from ft2os.materials import word_table
from ft2os.materials.material import MATERIALS, Material

# Words that say how, not what. Colours are here because every material has its own.
_FILLER_TEXT = """
    a an the this that it its is are be as at by for from in into of on onto to with and or but not no all
    made make making cover covered covering coated coat wrapped turn turned turning become becoming built
    build carved painted paint filled full out like looking look style styled themed theme texture
    textured material surface finish effect kind type piece please very really some more my our your me i
    we you give want red orange yellow green blue purple violet pink brown black white grey gray cyan
    magenta teal turquoise dark light bright pale deep shiny glossy matte dull old new ancient fresh
    beautiful pretty nice realistic photorealistic detailed hot cold warm wet dry raw pure solid real fake
    big small little huge tiny giant entirely completely partially object thing scene
"""
_FILLER = frozenset(_FILLER_TEXT.split())

# Phrases in which a material's word means something else.
_TRAPS = """
    fire truck, fire engine, fire hydrant, fire extinguisher, fire alarm, fire fighter, fire department,
    water bottle, water tower, water gun, water colour, water color, snow man, snowman, snow white, ice
    age, stone age, iron age, bronze age, ice hockey, ice skate, gold fish, goldfish, silver fish, silver
    screen, paper clip, paper plane, rock band, rock star, rock music, rock and roll, rock n roll, movie
    star, pop star, star wars, hot dog, tree house, glass house, candy bar, cloud computing, sweet heart,
    sweet dream, wave length, energy drink, peat bog, grass hopper, lady bug, honey moon, honey badger,
    heavy metal, chain mail, steel drum, rust belt, green house, log in, log book, space bar, space ship,
    space station, river bank, lake house, army ant, paper back, magazine rack, brick lane, jewel thief,
    bubble sort, shell script, python script, python code, jade plant, rubber plant
"""

NEGATIONS = frozenset(("no", "not", "without", "never"))
_EMPHASIS = frozenset(("only", "just", "merely", "simply", "too", "very", "so", "doubt", "less"))
"""Behind a negation these take it back, or keep it to themselves: "not only lava", "not too shiny gold"."""
_TURNS = frozenset(("but", "with", "instead", "rather", "except"))  # a negation reaches no farther
_ANEW = frozenset(
    ("made", "built", "carved", "turned", "covered", "wrapped", "painted", "in", "from", "into")
)
"""These too, once it has a word to be about: "without wheels, made of gold", with or without the comma."""
_REACH = 4  # words between a negation and what it is about: "not made of any lava"
_SUGGESTED_FOR = 12  # words of a prompt that suggestions are looked for

_CUES = frozenset(("of", "in", "with", "from", "into", "by", "like", "as"))


@dataclass(frozen=True)
class Match:
    """What `match` found.

    Parameters
    ----------
    material : Material
    score : float
        How sure, 0..1: 1 for a name, 0.95 for a listed synonym, below 0.9 for a similar word; a fifth less
        where the prompt names other materials too.
    how : str
        ``'name'``, ``'synonym'`` or ``'similar'``.
    word : str
        The word or phrase of the prompt that decided.
    """

    material: Material
    score: float
    how: str
    word: str


class _Hit(NamedTuple):
    start: int
    size: int
    name: str
    how: str
    cued: bool


def singular(word: str) -> str:
    """Cut a regular English plural ending; wrong for some words, but alike for prompt and list."""
    if word == "leaves":
        return "leaf"
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def filler(word: str) -> bool:
    """Whether a word, as `tokens` gives it, says how and not what."""
    return word in _FILLER


def tokens(text: str) -> tuple[str, ...]:
    """Lower-case singular words of a text; hyphens and underscores part words, apostrophes do not."""
    return tuple(singular(w) for w in re.findall(r"[a-z]+", text.lower().replace("'", "").replace("’", "")))


@lru_cache(maxsize=1)
def _phrases() -> dict[tuple[str, ...], tuple[str | None, str]]:
    """Every listed phrase with its material (None for a trap) and whether it is a name or a synonym."""
    index: dict[tuple[str, ...], tuple[str | None, str]] = {}
    for trap in _TRAPS.split(","):
        index[tokens(trap)] = (None, "trap")
    for material in MATERIALS.values():
        for word in material.words:
            index.setdefault(tokens(word), (material.name, "synonym"))
    for material in MATERIALS.values():
        index[tokens(material.name)] = index[tokens(material.title)] = (material.name, "name")
    return index


def _phrase_at(words: tuple[str, ...], at: int) -> int:
    """Number of words in the longest listed phrase that begins at ``at``, traps included; 0 if none does."""
    index = _phrases()
    sizes = range(min(_longest(), len(words) - at), 0, -1)
    return next((size for size in sizes if words[at : at + size] in index), 0)


@lru_cache(maxsize=1)
def _longest() -> int:
    return max(map(len, _phrases()))


def affirmed(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a text that no negation rules out, and those that one does.

    A negation is about the next listed phrase of its clause, over a few words between, and about what "or"
    and "nor" join to it; where none is listed, about the next word that says anything. "Not only" is none.
    """
    kept: list[str] = []
    denied: list[str] = []
    for clause in re.split(r"[,.;:!?()\n]+", text):
        words, at = tokens(clause), 0
        while at < len(words):
            end = _denied_until(words, at + 1) if words[at] in NEGATIONS else at
            (denied if end > at else kept).extend(words[at : max(end, at + 1)])
            at = max(end, at + 1)
    return tuple(kept), tuple(denied)


def _denied_until(words: tuple[str, ...], at: int) -> int:
    """End of the words that a negation before ``at`` is about; 0 if it is about none."""
    if at < len(words) and words[at] in _EMPHASIS:
        return 0
    end = 0
    for start in range(at, min(at + _REACH, len(words))):
        if words[start] in _TURNS or (end and words[start] in _ANEW):
            break
        if size := _phrase_at(words, start):
            end = start + size
            break
        if not end and words[start] not in _FILLER:
            end = -(start + 1)  # nothing listed yet
    if end < 0:
        return -end
    while end and end < len(words) and words[end] in ("or", "nor") and (size := _phrase_at(words, end + 1)):
        end += 1 + size
    return end


def _listed(words: tuple[str, ...]) -> list[_Hit]:
    """Listed phrases in a prompt, longest first at each place; traps are stepped over."""
    index, hits, at, cued = _phrases(), [], 0, False
    while at < len(words):
        size = _phrase_at(words, at)
        if size:
            name, how = index[words[at : at + size]]
            if name:
                hits.append(_Hit(at, size, name, how, cued))
        step = max(size, 1)
        cued = cued or any(word in _CUES for word in words[at : at + step])
        at += step
    return hits


def _without_object(words: tuple[str, ...], object_name: str | None) -> tuple[str, ...]:
    nouns = set(tokens(object_name or ""))
    kept = tuple(w for w in words if w not in nouns)
    # A "gold bar" that is asked to be gold is meant to be gold.
    return kept if any(w not in _FILLER for w in kept) else words


def _nearest(words: tuple[str, ...], without: set[str], count: int = 3) -> list[str]:
    """Names of the materials nearest to a prompt, but for some: by spelling first, then by meaning."""
    by_word = {w: name for phrase, (name, _) in _phrases().items() if name for w in [" ".join(phrase)]}
    telling = [w for w in dict.fromkeys(words) if w not in _FILLER][:_SUGGESTED_FOR]
    names: list[str] = []
    for word in telling:
        names += [by_word[w] for w in difflib.get_close_matches(word, by_word, 2, 0.78)]
    names += [*word_table.ranked(telling), "lava", "ice", "gold", "moss"]
    return [name for name in dict.fromkeys(names) if name not in without][:count]


def match(prompt: str, *, object_name: str | None = None) -> Match:
    """Find the material that a prompt names.

    Parameters
    ----------
    prompt : str
        Free English, such as ``"a robot covered in green moss"``.
    object_name : str, optional
        What the object is called; its words do not name a material.

    Returns
    -------
    Match

    Raises
    ------
    RequestError
        If the prompt holds no words.
    UnknownPromptError
        If it names no material; ``nearest`` lists three that come close.
    """
    words, denied = affirmed(prompt)
    if not words and not denied:
        foreign = any(map(str.isalpha, prompt))
        what = f"“{prompt.strip()[:60]}” holds no English word." if foreign else "The prompt is empty."
        raise RequestError(what, "Name a material, such as “lava” or “carved wood”.")
    kept = _without_object(words, object_name)
    hits = _listed(kept)
    if hits:
        # What stands behind "of" or "in" is the material; what stands before may be the object.
        best = min(hits, key=lambda h: (not h.cued, h.how != "name", h.start))
        score = 1.0 if best.how == "name" else 0.95
        if any(h.name != best.name for h in hits):
            score *= 0.8
        word = " ".join(kept[best.start : best.start + best.size])
        return Match(MATERIALS[best.name], score, best.how, word)
    trapped = {w for phrase, (name, _) in _phrases().items() if name is None for w in _inside(phrase, kept)}
    unknown = [w for w in dict.fromkeys(kept) if w not in _FILLER and w not in trapped]
    similar = [found for w in unknown if (found := word_table.similar(w))]
    if similar:
        name, score, word = max(similar, key=lambda s: s[1])
        return Match(MATERIALS[name], score, "similar", word)
    nearest = _nearest(kept, {hit.name for hit in _listed(denied)})
    if denied and not unknown:
        raise UnknownPromptError(
            f"“{prompt.strip()[:60]}” says only what it should not be.",
            f"Name a material that it should be, such as {', '.join(nearest)}.",
            nearest,
        )
    raise UnknownPromptError(
        f"No material goes by “{prompt.strip()[:60]}”.",
        f"Use a material such as {', '.join(nearest)}, or the method 'clip' with CLIP weights installed, "
        "which understands any words.",
        nearest,
    )


def _inside(phrase: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """The phrase if it stands in the words, else nothing."""
    size = len(phrase)
    return phrase if any(words[k : k + size] == phrase for k in range(len(words) - size + 1)) else ()
