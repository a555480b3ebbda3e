"""Long work on rows in pieces that fit a cache, with a call between them that may stop it.

Unpacked as a whole, what only passes by would take more memory than what is kept. And whoever waits may want
to stop: a reader calls its ``beat`` many times a second, and what that raises ends the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Beat = Callable[[], None]
ROWS = 16384


def no_beat() -> None:
    """The beat of work that nobody will stop."""


def pieces(count: int, beat: Beat = no_beat) -> Iterator[slice]:
    """Slices of so many rows, a beat before each."""
    for start in range(0, count, ROWS):
        beat()
        yield slice(start, start + ROWS)
