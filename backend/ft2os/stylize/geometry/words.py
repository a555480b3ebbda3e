"""Which prompts ask for another shape, and how much of it. A prompt of colours and materials asks for none.

A list of words, not a model: a wrong "no" costs the artist one override, a wrong "yes" costs her the form of
her object.
"""

from __future__ import annotations

from ft2os.materials.words import NEGATIONS, tokens

# How far the form should go, 1 the farthest. Words are in the singular, as `tokens` makes them.
_STRENGTHS = {
    1.0: """
        spike spiky spiked spine spiny thorn thorny thorned quill quilled prickly prickle bristly bristle
        bristling barbed jagged hedgehog urchin porcupine cactus exploded exploding explosion shattered
        shattering tentacle tentacled horned antlered
    """,
    0.8: """
        melting melted dripping drippy drooping sagging collapsed collapsing oozing slimy inflated
        inflatable swollen swelling bloated puffed puffy ballooned balloon bulging bulbous fat obese
        exaggerated deflated shrivelled shriveled withered crumpled crushed twisted warped deformed mangled
    """,
    0.6: """
        furry fur hairy hair haired shaggy fluffy fuzzy woolly wooly feathered feathery feather fleecy
        bearded mane maned faceted cratered broken crumbling eroded
    """,
    0.4: """
        bumpy lumpy knobbly knobby bubbly bubbling blistered wrinkled wrinkly ridged craggy gnarled
        leafy overgrown chubby skinny thin slim
    """,
}
_WORDS = {word: strength for strength, words in _STRENGTHS.items() for word in tokens(words)}


def wanted(prompt: str, object_name: str | None = None) -> float:
    """How much a prompt asks for another shape.

    Parameters
    ----------
    prompt : str
    object_name : str, optional
        The object's own noun, which asks for nothing: a hedgehog of gold keeps its form.

    Returns
    -------
    float
        0 where it asks for none, so that the geometry stage can be left out; else 0.4 (bumpy, wrinkled), 0.6
        (furry, cracked), 0.8 (melting, inflated) or 1 (spiky, shattered): the strongest word counts. A word
        behind "no", "not" or "without" does not.
    """
    own = set(tokens(object_name or ""))
    words = tokens(prompt)
    before = ("", *words)
    asked = [_WORDS[w] for b, w in zip(before, words) if w in _WORDS and w not in own and b not in NEGATIONS]
    return max(asked, default=0.0)
