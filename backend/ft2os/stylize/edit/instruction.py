"""Turns what an artist types into what an editor of pictures is told: "lava" into "Turn the truck into lava".

Editors are trained on sentences that begin with a verb. A prompt that does so already stays as it is; any
other is a material, a quality, or something to add, and becomes the sentence that says so. The result is
shown to the artist, who can change it. The standard library only, since Blender imports it.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERBS = _words(
    "add alter apply change convert decorate delete erase exchange give have keep let make modify put "
    "recolor recolour redraw remove render repaint replace restyle stylise stylize swap take transform "
    "turn use"
)
# Materials and qualities as well ("cast iron", "paint splatter"): a verb has its object beside it.
_VERBS_BEFORE_AN_OBJECT = _words(
    "age bend break burn bury carve cast clad clothe coat color colour cover crack cut draw drench dress "
    "dry fill flood freeze frost heat inflate light melt overgrow paint plate polish rust set shatter "
    "shrink sink soak sprinkle tile wrap"
)
_DETERMINERS = _words("a an all each every her his it its my our the their them these this those")
_ARTICLES = _words("a an the")
_BEING = re.compile(
    r"(?:is|are|becomes?|being|(?:should|could|must|would) (?:be|become))\b\s*", re.IGNORECASE
)
_MADE_OF = re.compile(r"(?:made|built|formed|out)(?: out)? (?:of|from) |of ", re.IGNORECASE)
_COVERED = {  # how a state begins, and the verb that brings it about
    "carved": "Carve",
    "cast": "Cast",
    "clad": "Clad",
    "coated": "Coat",
    "covered": "Cover",
    "decorated": "Decorate",
    "drenched": "Drench",
    "dressed": "Dress",
    "filled": "Fill",
    "overgrown": "Overgrow",
    "painted": "Paint",
    "plated": "Plate",
    "sprinkled": "Sprinkle",
    "wrapped": "Wrap",
}
_PREPOSITIONS = _words("as by from in into of on out with")
_QUALITIES = _words(
    "ancient beige black blue brass-coloured bright bronzed brown burning burnt charred checkered "
    "chequered clean colorful colourful cracked crimson cyan dark dirty dotted dusty fluffy frosted "
    "frozen furry glassy glittering glossy glowing gold-plated golden gray green grey hairy hot icy "
    "iridescent knitted magenta matte melted melting metallic mossy muddy new old orange overgrown pale "
    "patterned pink plaid polished purple rainbow-coloured red rotten rough rusted rusty scaly shining "
    "shiny silvery snowy sparkling spotted striped teal translucent transparent turquoise violet "
    "weathered wet white wooden woolen woollen woven yellow"
)
_WORD = re.compile(r"[^\s,;:.!?]+")
_LONGEST_NAME = 40  # characters; what is longer names a file, not a thing


def instruction(prompt: str, object_name: str | None = None) -> str:
    """What an editor is told to do.

    Parameters
    ----------
    prompt : str
        What the artist typed: "lava", "made of ice", "truck with flames", "paint it red".
    object_name : str, optional
        The object's name in the scene.

    Returns
    -------
    str
        A sentence without its full stop; empty if the prompt is. An instruction stays as it was typed.
    """
    text = " ".join(prompt.split())
    if not text or is_instruction(text, object_name):
        return text
    name = noun(object_name)
    asked = _about(text.rstrip(" .!"), name) or text
    return _sentence(asked, f"the {name}")


def is_instruction(prompt: str, object_name: str | None = None) -> bool:
    """Whether the prompt begins with a verb that says what to do."""
    words = [word.casefold() for word in _WORD.findall(prompt)]
    while words and words[0] in ("please", "now", "then"):
        words = words[1:]
    if not words:
        return False
    if words[0] in _VERBS:
        return True
    named = {*_DETERMINERS, *noun(object_name).split()}
    return words[0] in _VERBS_BEFORE_AN_OBJECT and len(words) > 1 and words[1] in named


def noun(object_name: str | None) -> str:
    """What to call the object: "Truck.001" is a truck, a number or nothing is "object"."""
    words = re.sub(r"[\W_]+", " ", object_name or "").split()
    while words and words[-1].isdecimal():  # Blender's and many tools' counting
        words.pop()
    while words and words[0].casefold() in _ARTICLES:
        words = words[1:]
    name = " ".join(words)
    if not any(letter.isalpha() for letter in name) or len(name) > _LONGEST_NAME:
        return "object"
    return name if name.isupper() else name.lower()


def _about(text: str, name: str) -> str:
    """The prompt without the object that it is about: "made of ice" of "the truck is made of ice"."""
    the_object = rf"(?:(?:a|an|the|this|my) )?(?:{re.escape(name)}|it)\b"
    if begins := re.match(rf"{the_object}(?!-)\s*", text, re.IGNORECASE):
        rest = text[begins.end() :]
        return _BEING.sub("", rest, count=1) if _BEING.match(rest) else rest
    ends = re.fullmatch(rf"(?:(?:a|an|the) )?(.*\S) {re.escape(name)}", text, re.IGNORECASE)
    return ends[1] if ends else text


def _sentence(asked: str, the_object: str) -> str:
    """The instruction for a material, a state, a quality, or something to add or to leave out."""
    begins = re.match(
        r"(?:(?:is|are) )?(?:made|built|formed|out)(?: out)? (?:of|from) |of ", asked, re.IGNORECASE
    )
    if begins:
        return f"Make {the_object} out of {asked[begins.end() :]}"
    first, _, rest = asked.partition(" ")
    second = rest.partition(" ")[0].casefold()
    match first.casefold():
        case "with" if rest:
            return f"Add {rest} to {the_object}"
        case "without" if rest:
            return f"Remove {rest} from {the_object}"
        case "like" if rest:
            return f"Make {the_object} look like {rest}"
        case "look" | "looks" | "looking" if rest:
            return f"Make {the_object} look {rest}"
        case "as" | "into" if rest:
            return f"Turn {the_object} into {rest}"
        case "in" if "style" in asked.casefold():
            return f"Paint {the_object} {asked}"
        case "in" | "on" | "under" if rest:
            return f"Put {the_object} {asked}"
        case begun if second in _PREPOSITIONS and begun in _COVERED:
            return f"{_COVERED[begun]} {the_object} {rest}"
        case begun if second in _PREPOSITIONS and begun.endswith(("ed", "en")):
            return f"Make {the_object} {asked}"
    last = _WORD.findall(asked)[-1].casefold() if _WORD.search(asked) else ""
    if last in _QUALITIES and first.casefold() not in _ARTICLES:
        return f"Make {the_object} {asked}"
    return f"Turn {the_object} into {asked}"
