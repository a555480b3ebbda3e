"""When the paper's loop edits and trains on which views: Algorithm 4, and the two that it descends from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Step:
    """A step of the loop: the rows of the views that are edited before it, and of those that it trains on."""

    edited: list[int]
    trained: list[int]
    renewal: int  # of the edited views: 0 is the first


def plan(
    schedule: str, views: int, batch: int, epochs: int, renewals: int, rng: np.random.Generator
) -> Iterator[Step]:
    """The steps of a run.

    Parameters
    ----------
    schedule : str
        "paper": each batch is edited before it is trained on, in so many of the epochs (Algorithm 4).
        "one_view": views are edited one after the other, evenly over all steps (InstructNeRF2NeRF).
        "all_views": all views are edited at once, evenly over all steps (InstructGS2GS).
    views : int
    batch : int
        Views a step.
    epochs : int
        Passes over all views.
    renewals : int
        How many times each view is edited.
    rng : Generator
        Of the order of the views.
    """
    batches = -(-views // min(batch, views))
    steps, done = epochs * batches, 0
    turns = [rng.permutation(views).tolist() for _ in range(renewals)]
    for epoch in range(epochs):
        order = rng.permutation(views).tolist()
        renewal = epoch * renewals // epochs
        due = epoch == 0 or renewal != (epoch - 1) * renewals // epochs
        for i in range(batches):
            rows = order[i * batch : (i + 1) * batch]
            step = epoch * batches + i
            if schedule == "paper":
                yield Step(rows if due else [], rows, renewal)
            elif schedule == "all_views":
                yield Step(turns[renewal] if due and i == 0 else [], rows, renewal)
            else:
                until = -(-(step + 1) * renewals * views // steps)
                for edit in range(done, until):
                    yield Step([turns[edit // views][edit % views]], [], edit // views)
                done = until
                yield Step([], rows, 0)
