"""The rows of the table: each fit through the rounds of each preset, with the same editor and seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.edit.filters import FilterEditor
from benchmarks.edit.judge import Judge
from benchmarks.edit.oracle import MaterialOracle
from benchmarks.edit.subject import Subject
from ft2os.errors import MissingError
from ft2os.stylize.edit.consensus import Fit, fit
from ft2os.stylize.edit.paper_fit import paper
from ft2os.stylize.edit.register import keep_outside
from ft2os.stylize.edit.views import EditViews
from ft2os.tiles.solve import solve_colours

Editor = MaterialOracle | FilterEditor
Solver = Callable[[EditViews, Sequence[np.ndarray], np.ndarray, int, float], tuple[np.ndarray, float]]
"""From views, edits, colours to start from, the round's number and the last one's disagreement to colours
[M, 3] and this round's disagreement."""
ROUNDS = {  # views, strengths of the rounds
    "draft": (8, (1.0,)),
    "one round": (20, (1.0,)),
    "standard": (20, (1.0, 0.5)),
    "high": (32, (1.0, 0.6, 0.3)),
}


def plain(
    views: EditViews, edited: Sequence[np.ndarray], start: np.ndarray, round: int, last: float
) -> tuple[np.ndarray, float]:
    """The linear solve that the method ``material`` paints with."""
    targets = [np.clip(e, 0, 1) * a[..., None] for e, a in zip(edited, views.alpha)]
    colours = solve_colours(
        views.linear, targets, start, prior_weight=0.01, iterations=28, weights=views.weights
    )
    return colours, last


def ours(
    views: EditViews, edited: Sequence[np.ndarray], start: np.ndarray, round: int, last: float
) -> tuple[np.ndarray, float]:
    """What the method ``edit`` does with the edits of a round."""
    inside = [keep_outside(e, o, a) for e, o, a in zip(edited, views.originals, views.alpha)]
    found = fit(views, inside, start, Fit(disagreement=last))
    return found.colours, found.disagreement


def as_the_paper(
    views: EditViews, edited: Sequence[np.ndarray], start: np.ndarray, round: int, last: float
) -> tuple[np.ndarray, float]:
    """Adam on L1 and LPIPS."""
    return paper(views, edited, start, seed=round), last


SOLVERS: dict[str, Solver] = {"paper": as_the_paper, "plain": plain, "ours": ours}


@dataclass(frozen=True)
class Case:
    """A subject, an editor of it, and who judges."""

    subject: Subject
    views: EditViews
    editor: Editor
    judge: Judge

    @classmethod
    def of(cls, subject: Subject, editor: Editor) -> Case:
        """With the editor's right answers for the views that nobody edits."""
        judge = Judge(subject.held, [editor.truth(s) for s in subject.held])
        return cls(subject, EditViews.of(subject.prepared), editor, judge)

    def agreeing(self) -> list[np.ndarray]:
        """The right answers for the views that are edited, over grey."""
        surface_views = self.subject.prepared.surface_views
        return [
            self.editor.truth(s) + 0.5 * (1 - a[..., None]) for s, a in zip(surface_views, self.views.alpha)
        ]

    def rounds(self, solver: Solver, strengths: Sequence[float]) -> tuple[np.ndarray, float]:
        """Colours [M, 3] after these rounds, and the seconds that the fits took."""
        colours, rows = self.subject.prepared.neutral, range(len(self.views))
        seconds = last = 0.0
        pictures = self.views.originals
        for i, strength in enumerate(strengths):
            if i:
                pictures = [self.views.on_grey(row, colours) for row in rows]
            edited = self.editor.edit(pictures, rows, strength, i)
            began = time.perf_counter()
            colours, last = solver(self.views, edited, colours, i, last)
            seconds += time.perf_counter() - began
        return colours, seconds


def table(case: Case, preset: str, solvers: Sequence[str]) -> Iterator[dict]:
    """Rows of one preset: as many edits in as many rounds for every solver, agreeing edits first."""
    _, strengths = ROUNDS[preset]
    about = {"preset": preset, "edits": len(case.views) * len(strengths), "rounds": len(strengths)}
    start = case.subject.prepared.neutral
    for name in [name for name in ("plain", "ours") if name in solvers]:
        began = time.perf_counter()
        colours, _ = SOLVERS[name](case.views, case.agreeing(), start, 0, 0.0)
        yield (
            about
            | {"fit": f"{name}, agreeing edits", "rounds": 1, "edits": len(case.views)}
            | case.judge(colours)
            | {"seconds": time.perf_counter() - began}
        )
    for name in solvers:
        try:
            colours, seconds = case.rounds(SOLVERS[name], strengths)
        except MissingError as error:
            yield about | {"fit": name, "skipped": str(error)}
            continue
        yield about | {"fit": name} | case.judge(colours) | {"seconds": seconds}
