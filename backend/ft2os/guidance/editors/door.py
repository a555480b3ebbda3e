"""What an editor is asked and what is done with its answer, whichever it is."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ft2os.errors import RequestError

log = logging.getLogger(__name__)

Tick = Callable[[float], None]
"""Called with the share 0..1 of a task that is done, at least between two steps; raises to stop."""

GREY = 0.5  # what stands behind the object
_FLAT = 2 / 255  # what varies less all over shows nothing: black pictures of safety checkers and overflows
_REASONS = {
    "nothing": "did not come back",
    "no picture": "are no pictures",
    "NaN": "hold values that are not finite",
    "flat": "are black or of one colour",
}


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
    seed : int
        Of the run: for noise that views have in common.
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
    seed: int = 0


class Editor(Protocol):
    """Changes pictures by an instruction."""

    name: str
    title: str
    flags: Flags

    def edit(self, task: Task, tick: Tick) -> list[np.ndarray | None]:
        """V pictures of any size, float [h, w, 3 or 4]; None for a view that did not come back."""
        ...

    def close(self) -> None:
        """Give memory and connections back."""
        ...


def edit(editor: Editor, task: Task, tick: Tick) -> list[np.ndarray | None]:
    """The views edited, each of the task's own size over grey; None where nothing usable came back.

    Raises
    ------
    CancelledError
        From ``tick``.
    RequestError, MissingError, FileError
        If the editor cannot do it, or of several views nothing that came back can be used, with what can be
        done instead.
    """
    answers = editor.edit(task, tick)
    if len(answers) != len(task.pictures):
        raise RequestError(
            f"{editor.title} was given {len(task.pictures)} views and gave back {len(answers)}.",
            "Choose another editor.",
        )
    pictures: list[np.ndarray | None] = []
    faults: Counter[str] = Counter()
    for name, answer, own in zip(task.names, answers, task.pictures):
        picture, fault = _checked(answer, own.shape[:2])
        if fault:
            faults[fault] += 1
            log.info("%s: the edit of %s is left out: %s", editor.title, name, fault)
        pictures.append(picture)
    # Views that an artist did not edit are no fault, and one broken edit is a gap: the caller counts them.
    if faults.total() == len(pictures) > max(1, faults["nothing"]):
        told = "; ".join(f"{count} {_REASONS[fault]}" for fault, count in faults.items())
        raise RequestError(
            f"{editor.title} gave no usable picture: {told}.",
            "Change the words or the settings, or choose another editor.",
        )
    return pictures


def _checked(answer: np.ndarray | None, size: tuple[int, int]) -> tuple[np.ndarray | None, str]:
    """The answer over grey in that size, or None and why it cannot be used: a key of `_REASONS`."""
    if answer is None:
        return None, "nothing"
    if answer.ndim != 3 or answer.shape[2] not in (3, 4) or answer.size == 0:
        return None, "no picture"
    if not np.isfinite(answer).all():
        return None, "NaN"
    picture = _over_grey(np.clip(answer, 0, 1).astype(np.float32))
    if float(np.ptp(picture, axis=(0, 1)).max()) < _FLAT:
        return None, "flat"
    return resized(picture, size), ""


def _over_grey(picture: np.ndarray) -> np.ndarray:  # [h, w, 3]
    if picture.shape[2] == 3:
        return picture
    return GREY + picture[..., 3:] * (picture[..., :3] - GREY)


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture [h, w, C] brought to [H, W, C], float32; as it is where it has that size."""
    from ft2os.guidance import picture_file  # wants Pillow, which an editor may do without

    return picture_file.resized(picture, size[1], size[0])
