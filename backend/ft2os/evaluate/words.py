"""Words from files and users, made safe to show: no control characters, and escaped for a page."""

from __future__ import annotations

from html import escape


def printable(value: object) -> str:
    """Without what moves a terminal's cursor, turns the writing around, or may not stand in XML."""
    return "".join(c for c in str(value) if c.isprintable() or c in "\n\t")


def markup(value: object) -> str:
    """`printable`, escaped for the text and the attributes of HTML and XML."""
    return escape(printable(value), quote=True)
