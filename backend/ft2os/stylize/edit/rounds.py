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
from ft2os.stylize.prepare import PreparedObject


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

    @classmethod
    def of(cls, prepared: PreparedObject, instruction: str, seed: int, given: bool = False) -> Scene:
        """A prepared object's views, by their cameras' own names where those are ``given``."""
        seen = prepared.surface_views
        names = [s.view.camera.name if given else f"view_{i:03d}" for i, s in enumerate(seen)]
        return cls(EditViews.of(prepared), names, [s.on_surface() for s in seen], instruction, seed)


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
    strength: float,
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
    strength : float
        How freely they are edited.
    round : int
    group : int
        Views that are edited together.
    tick : callable
        Called as ``tick(share, edits so far)``; raises to stop. What was edited until then is kept.
    chosen : sequence of int, optional
        Rows of the views to edit; all if left out.
    """
    rows = list(range(len(scene.views))) if chosen is None else list(chosen)
    done: list[np.ndarray | None] = [None] * len(scene.views)
    for row in rows:
        done[row] = edits.get(round, scene.names[row], scene.views.size)
    order = np.random.default_rng([scene.seed, round]).permutation(rows).tolist()
    left = [row for row in order if done[row] is None]
    anchor = next((done[row] for row in order if done[row] is not None), None)
    while left:
        # Where there is an anchor to make, the first view is edited alone.
        some = left[: 1 if editor.flags.references and anchor is None else group]
        before, left = len(rows) - len(left), left[len(some) :]
        task = _task(scene, some, pictures, strength, round, anchor if editor.flags.references else None)
        answers = editors.edit(editor, task, _within(tick, before, len(some), len(rows), done))
        for row, answer in zip(some, answers):
            if answer is not None:
                done[row] = edits.put(round, scene.names[row], answer)
        if anchor is None:
            anchor = next((done[row] for row in some if done[row] is not None), None)
        tick((before + len(some)) / len(rows), done)
    return done


def _within(
    tick: Callable[[float, Sequence[np.ndarray | None]], None],
    before: int,
    some: int,
    whole: int,
    done: Sequence[np.ndarray | None],
) -> Callable[[float], None]:
    """``tick`` for a task of ``some`` views, with so many of the ``whole`` edited ``before``."""
    return lambda share: tick((before + share * some) / whole, done)


def _task(
    scene: Scene,
    rows: Sequence[int],
    pictures: Sequence[np.ndarray],
    strength: float,
    round: int,
    anchor: np.ndarray | None,
) -> Task:
    """What the editor is asked for these rows of the views."""
    return Task(
        prompt=scene.instruction,
        names=[scene.names[row] for row in rows],
        pictures=[pictures[row] for row in rows],
        originals=[scene.views.originals[row] for row in rows],
        masks=[scene.views.alpha[row] for row in rows],
        seeds=[view_seed(scene.seed, scene.names[row], round) for row in rows],
        strength=strength,
        round=round,
        seed=scene.seed,
        anchor=anchor,
        points=[scene.points[row] for row in rows],
    )


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
