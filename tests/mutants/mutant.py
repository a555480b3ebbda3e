"""A mistake: where it is made, and which tests must notice it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Protocol


class Mistake(Protocol):
    """What the judge needs to know of a mistake."""

    file: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The file's text with the mistake in it."""


@dataclass(frozen=True)
class Mutant:
    """A mistake written by hand.

    Parameters
    ----------
    file : str
        Path in the repository.
    old : str
        Text that occurs exactly once in the file.
    new : str
        What stands there instead.
    tests : tuple of str
        Test files, or tests as pytest names them; one of them must fail.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The file's text with the mistake in it.

        Raises
        ------
        ValueError
            If the old text does not occur exactly once: the entry no longer fits the tree.
        """
        count = source.count(self.old)
        if count != 1:
            raise ValueError(f"{self.file} holds {self.old!r} {count} times, not once")
        return source.replace(self.old, self.new)


def diff(mistake: Mistake, source: str) -> str:
    """The mistake as a unified diff of its file."""
    lines = (text.splitlines() for text in (source, mistake.applied(source)))
    return "\n".join(difflib.unified_diff(*lines, mistake.file, mistake.file, lineterm="", n=1))
