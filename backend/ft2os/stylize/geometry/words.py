"""How much a prompt asks for another shape. A prompt of colours and materials asks for none."""

from __future__ import annotations

from ft2os.stylize import shape_words


def wanted(prompt: str, object_name: str | None = None) -> float:
    """How far the geometry stage may go.

    Parameters
    ----------
    prompt : str
    object_name : str, optional
        The object's own noun, which asks for nothing.

    Returns
    -------
    float
        0 where the prompt asks for no other shape, so that the stage can be left out; else the strength of
        its strongest word, see ``shape_words.ShapeWord``. A word behind "no", "not" or "without" does not
        count.
    """
    words = shape_words.read(prompt, object_name)
    return max((asks.strength for _, asks, denied in words if asks and not denied), default=0.0)
