"""Words that ask for another shape: the form that each names, and how far an optimiser may go for it.

``form.words`` reads from them what grows without a judge, ``geometry.words`` how strong the geometry stage is
under one. A list of words, not a model: a wrong "no" costs the artist one setting, a wrong "yes" costs her
the shape of her object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ft2os.materials.words import NEGATIONS, tokens


class ShapeWord(NamedTuple):
    """What a word asks for.

    Parameters
    ----------
    form : str, optional
        The form that it names, None where there is none for it.
    amount : float
        How much of the form, 1 the usual.
    strength : float
        How far the geometry stage may go: 0.4 (bumpy), 0.6 (furry), 0.8 (melting) to 1 (spiky).
    """

    form: str | None
    amount: float
    strength: float


# (form, amount, strength): words, in the singular as `tokens` makes them. The words of a form that an
# optimiser can hardly show better than the form itself does have the least strength.
_WORDS = {
    ("spikes", 1.3, 1.0): "urchin hedgehog porcupine",
    ("spikes", 1.0, 1.0): "spike spiky spiked spine spiny quill quilled barbed",
    ("spikes", 1.0, 0.4): "spikey",
    ("spikes", 0.75, 1.0): "thorn thorny thorned prickly prickle bristly bristle bristling",
    ("fur", 1.3, 0.6): "shaggy wooly woolly",
    ("fur", 1.0, 0.6): "fur furry hair hairy haired",
    ("fur", 0.6, 0.6): "fuzzy",
    ("fur", 0.6, 0.4): "downy",
    ("melting", 1.0, 0.8): "melting melted collapsing dripping",
    ("melting", 1.0, 0.4): "molten melt",
    ("melting", 0.7, 0.8): "drippy oozing drooping sagging",
    ("melting", 0.7, 0.4): "runny",
    ("inflated", 1.0, 0.8): "inflated inflatable ballooned swollen bloated",
    ("inflated", 0.6, 0.8): "swelling puffed puffy bulging",
    ("inflated", 0.6, 0.4): "plump chubby",
    (None, 0.0, 1.0): """
        jagged cactus exploded exploding explosion shattered shattering tentacle tentacled horned antlered
    """,
    (None, 0.0, 0.8): """
        collapsed slimy balloon bulbous fat obese exaggerated deflated shrivelled shriveled withered crumpled
        crushed twisted warped deformed mangled
    """,
    (None, 0.0, 0.6): """
        fluffy feathered feathery feather fleecy bearded mane maned faceted cratered broken crumbling eroded
    """,
    (None, 0.0, 0.4): """
        bumpy lumpy knobbly knobby bubbly bubbling blistered wrinkled wrinkly ridged craggy gnarled leafy
        overgrown skinny thin slim
    """,
}
_INDEX = {word: ShapeWord(*asks) for asks, text in _WORDS.items() for word in tokens(text)}


def read(prompt: str, object_name: str | None = None) -> Iterator[tuple[str, ShapeWord | None, bool]]:
    """Each word of a prompt, what shape it asks for if any, and whether "no", "not" or "without" denies it.

    The object's own noun asks for nothing: a hedgehog of gold keeps its form.
    """
    object_words = set(tokens(object_name or ""))
    words = tokens(prompt)
    for before, word in zip(("", *words), words):
        yield word, None if word in object_words else _INDEX.get(word), before in NEGATIONS
