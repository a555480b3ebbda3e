"""A round of edits: the editor gets the views group by group, and what comes back is put in its place.

Groups are drawn anew each round, so that views that looked at each other once look at others next time. Where
an editor looks at references, the first view that it edited becomes the anchor of all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ft2os.guidance import editors
from ft2os.guidance.editors import Editor, Task
from ft2os.stylize.edit.kept import Edits
from ft2os.stylize.edit.register import keep_outside, register
from ft2os.stylize.edit.views import EditViews


@dataclass(frozen=True)
class Scene:
    """What stays the same in all rounds of a run.

    Parameters
    ----------
    views : EditViews
    names : list of str
        Of the views, as files are called.
    points : list of ndarray, [H, W, 3]
        World points that the pixels show, NaN beside the object.
    instruction : str
    seed : int
    """

    views: EditViews
    names: list[str]
    points: list[np.ndarray]
    instruction: str
    seed: int


@dataclass(frozen=True)
class Placed:
    """The edits that show the object: ``rows`` of the views, ``pictures`` [H, W, 3], and who is left out."""

    rows: list[int]
    pictures: list[np.ndarray]
    missing: list[str]
    foreign: list[str]


def edit_round(
    scene: Scene,
    editor: Editor,
    edits: Edits,
    pictures: Sequence[np.ndarray],  # [H, W, 3] each
    strengths: Sequence[float],
    round: int,
    group: int,
    tick: Callable[[float, Sequence[np.ndarray | None]], None],
    chosen: Sequence[int] | None = None,
) -> list[np.ndarray | None]:
    """The views edited, [H, W, 3] each; None where nothing usable came back, or one was not ``chosen``.

    Parameters
    ----------
    pictures : sequence of ndarray
        The views as they are now.
    strengths : sequence of float
        How freely each is edited.
    round : int
    group : int
        Views that are edited together.
    tick : callable
        Called as ``tick(share, edits so far)``; raises to stop. What was edited until then is kept.
    chosen : sequence of int, optional
        Rows of the views to edit; all if left out.
    """
    views, count = scene.views, len(scene.views)
    rows = list(range(count)) if chosen is None else list(chosen)
    done: list[np.ndarray | None] = [edits.get(round, name, views.size) for name in scene.names]
    order = np.random.default_rng([scene.seed, round]).permutation(rows).tolist()
    left = [row for row in order if done[row] is None]
    anchor = next((done[row] for row in order if done[row] is not None), None)
    while left:
        # Where there is an anchor to make, the first view is edited alone.
        size = 1 if editor.flags.references and anchor is None else group
        some, left = left[:size], left[size:]
        share = 1 - (len(left) + len(some)) / len(rows)
        task = Task(
            prompt=scene.instruction,
            names=[scene.names[row] for row in some],
            pictures=[pictures[row] for row in some],
            originals=[views.originals[row] for row in some],
            masks=[views.alpha[row] for row in some],
            seeds=[view_seed(scene.seed, scene.names[row], round) for row in some],
            strength=float(np.mean([strengths[row] for row in some])),
            round=round,
            anchor=anchor if editor.flags.references else None,
            points=[scene.points[row] for row in some],
        )
        part = len(some) / len(rows)
        answers = editors.edit(editor, task, lambda of: tick(share + part * of, done))
        for row, answer in zip(some, answers):
            if answer is not None:
                done[row] = edits.put(round, scene.names[row], answer)
        anchor = next((done[row] for row in some if done[row] is not None), anchor)
        tick(share + part, done)
    return done


def place(
    scene: Scene, edited: Sequence[np.ndarray | None], registered: bool, tick: Callable[[float], None]
) -> Placed:
    """Put every edit where the object is, leave out what shows something else, keep what is beside it."""
    rows, pictures, missing, foreign = [], [], [], []
    for row, picture in enumerate(edited):
        tick(row / len(edited))
        if picture is None:
            missing.append(scene.names[row])
            continue
        original, alpha = scene.views.originals[row], scene.views.alpha[row]
        if registered:
            found = register(original, picture, alpha)
            if not found.placed:
                foreign.append(scene.names[row])
                continue
            picture = found.picture
        rows.append(row)
        pictures.append(keep_outside(picture, original, alpha))
    return Placed(rows, pictures, missing, foreign)


def view_seed(seed: int, name: str, round: int) -> int:
    """A view's own seed, the same whatever else is edited or was cancelled."""
    digest = hashlib.sha256(f"{seed}/{name}/{round}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF
