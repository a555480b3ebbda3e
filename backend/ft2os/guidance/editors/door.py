"""What an editor is asked and what is done with its answer, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Tick = Callable[[float], None]
"""Called with the share 0..1 of a task that is done, at least between two steps; raises to stop."""

GREY = 0.5  # what stands behind the object


@dataclass(frozen=True)
class Flags:
    """What an editor can do.

    Parameters
    ----------
    strength : bool
        Whether it may start from the picture as it is, so that less than everything changes.
    mask : bool
        Whether it leaves what is outside a mask alone.
    references : int
        How many other pictures it can look at: edited views that the others should agree with.
    batch : bool
        Whether one call edits several different pictures.
    """

    strength: bool = False
    mask: bool = False
    references: int = 0
    batch: bool = False


@dataclass(frozen=True)
class Task:
    """Views to edit. All lists have V entries, one a view, and all pictures have one size.

    Parameters
    ----------
    prompt : str
        The instruction: "Turn the truck into lava".
    names : sequence of str
        The views' names, as files are called: "view_000".
    pictures : sequence of ndarray, [H, W, 3]
        The views as they are now.
    originals : sequence of ndarray, [H, W, 3]
        The views before the first edit, which the instruction is about.
    masks : sequence of ndarray, float32, [H, W]
        The object's alpha.
    seeds : sequence of int
        A view keeps its noise whatever else is edited beside it.
    strength : float
        1 edits freely; less keeps that much of ``pictures``. Only for editors with the flag.
    round : int
        0 is the first.
    anchor : ndarray, [H, W, 3], optional
        An edited view that the others should agree with. Only for editors with references.
    points : sequence of ndarray, [H, W, 3], optional
        World points that the pixels show, NaN beside the object; for noise that sticks to the surface.
    """

    prompt: str
    names: Sequence[str]
    pictures: Sequence[np.ndarray]
    originals: Sequence[np.ndarray]
    masks: Sequence[np.ndarray]
    seeds: Sequence[int]
    strength: float = 1.0
    round: int = 0
    anchor: np.ndarray | None = None
    points: Sequence[np.ndarray] | None = None


class Editor(Protocol):
    """Changes pictures by an instruction."""

    name: str
    title: str
    flags: Flags

    def edit(self, task: Task, tick: Tick) -> list[np.ndarray | None]:
        """V pictures of any size, float [h, w, 3 or 4]; None for a view that did not come back."""

    def close(self) -> None:
        """Give memory and connections back."""


def edit(editor: Editor, task: Task, tick: Tick) -> list[np.ndarray | None]:
    """The views edited, each of the task's own size over grey; None where nothing usable came back.

    Raises
    ------
    CancelledError
        From ``tick``.
    RequestError, MissingError, FileError
        If the editor cannot do it, with what can be done instead.
    """
    raise NotImplementedError
