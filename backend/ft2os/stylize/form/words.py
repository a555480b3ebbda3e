"""Which form a prompt names, how much of it, and what is left of the prompt when the form is taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ft2os.materials.words import NEGATIONS, filler, tokens

# Words by form, each with how much of it is meant, 1 the usual.
_WORDS = {
    "spikes": {
        1.3: "urchin hedgehog porcupine",
        1.0: "spike spiky spiked spine spiny quill quilled barbed spikey",
        0.75: "thorn thorny thorned prickly prickle bristly bristle bristling",
    },
    "fur": {
        1.3: "shaggy wooly woolly",
        1.0: "fur furry hair hairy haired",
        0.6: "fuzzy downy",
    },
    "melting": {
        1.0: "melting melted molten melt collapsing dripping",
        0.7: "drippy oozing runny drooping sagging",
    },
    "inflated": {
        1.0: "inflated inflatable ballooned swollen bloated",
        0.6: "swelling puffed puffy bulging plump chubby",
    },
}
FORMS = tuple(_WORDS)
_NOUNS = frozenset(("fur", "molten"))  # also name a material, and stay in the rest
_INDEX = {
    word: (form, share)
    for form, groups in _WORDS.items()
    for share, text in groups.items()
    for word in tokens(text)
}


@dataclass(frozen=True)
class FormRequest:
    """What a prompt asks for.

    Parameters
    ----------
    form : str, optional
        One of `FORMS`; None for the object's own.
    amount : float
        How much of it, 1 the usual.
    rest : str
        The prompt without the form, for whoever looks for a material.
    coloured : bool
        Whether the rest says anything; otherwise the object keeps its own colours.
    """

    form: str | None
    amount: float
    rest: str
    coloured: bool


def parse_form(prompt: str, object_name: str | None = None) -> FormRequest:
    """Read a prompt.

    Parameters
    ----------
    prompt : str
    object_name : str, optional
        The object's own noun, which asks for nothing: a hedgehog of gold keeps its form.

    Returns
    -------
    FormRequest
        The first form word counts. One behind "no", "not" or "without" does not, and is taken out.
    """
    own = set(tokens(object_name or ""))
    words = tokens(prompt)
    found: list[tuple[str, float]] = []
    rest: list[str] = []
    for before, word in zip(("", *words), words):
        form = None if word in own else _INDEX.get(word)
        if form and before not in NEGATIONS:
            found.append(form)
        if not form or word in _NOUNS:
            rest.append(word)
    if not found:
        return FormRequest(None, 0.0, prompt, True)
    return FormRequest(*found[0], " ".join(rest), any(w not in own and not filler(w) for w in rest))


def resolve_form(prompt: str, name: str, amount: float | None, object_name: str | None = None) -> FormRequest:
    """What a prompt asks for, unless an artist said otherwise.

    Parameters
    ----------
    prompt : str
    name : str
        ``"auto"`` for the prompt's form, ``"none"``, or one of `FORMS`.
    amount : float, optional
        Instead of the prompt's own.
    object_name : str, optional
    """
    if name == "none":
        return FormRequest(None, 0.0, prompt, True)
    found = parse_form(prompt, object_name)
    if name not in ("auto", found.form):
        found = replace(found, form=name, amount=1.0)
    return found if amount is None or not found.form else replace(found, amount=amount)
