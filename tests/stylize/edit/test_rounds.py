"""A round of edits: which view is whose anchor, and that a run that goes on asks what it would have asked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ft2os.errors import CancelledError
from ft2os.guidance.editors import Flags, Task
from ft2os.stylize.edit.kept import Edits
from ft2os.stylize.edit.rounds import Scene, edit_round

VIEWS, SIZE = 10, (40, 40)


class Noted:
    """An editor that looks at references: it notes its tasks, and an edit tells the view and the anchor."""

    name, title, flags = "noted", "Noted", Flags(strength=True, references=1)

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def edit(self, task: Task, tick) -> list[np.ndarray | None]:
        self.tasks.append(task)
        edited = []
        for seed in task.seeds:
            picture = np.random.default_rng(seed).random((*SIZE, 3), np.float32)
            edited.append(picture if task.anchor is None else (picture + task.anchor) / 2)
        return edited

    def close(self) -> None:
        """Nothing is held."""


def scene() -> Scene:
    pictures = [np.full((*SIZE, 3), 0.5, np.float32)] * VIEWS

    class Views(SimpleNamespace):
        def __len__(self) -> int:
            return VIEWS

    views = Views(originals=pictures, alpha=[np.ones(SIZE, np.float32)] * VIEWS, size=SIZE)
    return Scene(views, [f"view_{i:03d}" for i in range(VIEWS)], [np.zeros((*SIZE, 3))] * VIEWS, "lava", 0)


def edited(editor: Noted, edits: Edits, tick=lambda share, so_far: None) -> list[np.ndarray | None]:
    made = scene()
    return edit_round(made, editor, edits, made.views.originals, 1.0, 0, 3, tick)


def test_the_first_view_is_the_anchor_of_all_others():
    editor = Noted()
    done = edited(editor, Edits(None, "run", resume=False))
    first, *others = editor.tasks
    assert first.anchor is None
    assert len(first.names) == 1
    anchor = done[int(first.names[0][-3:])]
    assert len(others) == 3
    for task in others:
        np.testing.assert_array_equal(task.anchor, anchor)


def test_a_round_that_was_stopped_goes_on_to_the_same_bits(tmp_path):
    whole = edited(Noted(), Edits(None, "run", resume=False))

    def stop(share: float, so_far) -> None:
        if share > 0.6:
            raise CancelledError

    with pytest.raises(CancelledError):
        edited(Noted(), Edits(tmp_path, "run", resume=True), stop)
    editor = Noted()
    resumed = edited(editor, Edits(tmp_path, "run", resume=True))
    assert sum(len(task.names) for task in editor.tasks) == 3
    np.testing.assert_array_equal(resumed, whole)
