"""Which form a prompt names, how much of it, and what is left of the prompt when the form is taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ft2os.materials.words import filler, tokens
from ft2os.stylize import shape_words

_NOUNS = frozenset(("fur", "molten"))  # also name a material, and stay in the rest


@dataclass(frozen=True)
class FormRequest:
    """What a prompt asks for.

    Parameters
    ----------
    form : str, optional
        One of ``form.FORMS``; None for the object's own.
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
    forms: list[tuple[str, float]] = []
    rest: list[str] = []
    for word, asks, denied in shape_words.read(prompt, object_name):
        form = None if asks is None else asks.form
        if asks is not None and form is not None and not denied:
            forms.append((form, asks.amount))
        if form is None or word in _NOUNS:
            rest.append(word)
    if not forms:
        return FormRequest(None, 0.0, prompt, True)
    return FormRequest(*forms[0], " ".join(rest), any(w not in own and not filler(w) for w in rest))


def resolve_form(prompt: str, name: str, amount: float | None, object_name: str | None = None) -> FormRequest:
    """What a prompt asks for, unless an artist said otherwise.

    Parameters
    ----------
    prompt : str
    name : str
        ``"auto"`` for the prompt's form, ``"none"``, or one of ``form.FORMS``.
    amount : float, optional
        Instead of the prompt's own.
    object_name : str, optional
    """
    if name == "none":
        return FormRequest(None, 0.0, prompt, True)
    asked = parse_form(prompt, object_name)
    if name not in ("auto", asked.form):
        asked = replace(asked, form=name, amount=1.0)
    return asked if amount is None or not asked.form else replace(asked, amount=amount)
