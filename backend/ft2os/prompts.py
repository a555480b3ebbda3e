"""How long a prompt may be and what it may hold: one rule for the command line, the worker and Blender.

Words of any length are matched in no time up to here, and CLIP reads no more than some 300 characters.
The standard library only, since Blender imports it.
"""

from __future__ import annotations

from ft2os.errors import RequestError

MAX_LENGTH = 500  # characters


def checked(text: str, what: str = "prompt") -> str:
    """The text without blanks around it.

    Parameters
    ----------
    text : str
    what : str
        What the sentence calls it.

    Raises
    ------
    RequestError
        If it is too long, or holds what is no character (bytes that were not UTF-8).
    """
    if len(text) > MAX_LENGTH:
        raise RequestError(
            f"The {what} has {len(text):,} characters; {MAX_LENGTH} are the limit.",
            "Say it in fewer words: the first that name a material decide.",
        )
    if plain(text) != text:
        raise RequestError(f"The {what} is no text in UTF-8.", "Type it again, or set the shell to UTF-8.")
    return text.strip()


def plain(text: str) -> str:
    """The text with question marks in place of what is no character."""
    return text.encode("utf-8", "replace").decode("utf-8")
