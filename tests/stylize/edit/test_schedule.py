"""When the paper's loop edits and trains: every view as often as it should be, in its turn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ft2os.stylize.edit.schedule import plan

VIEWS = 10


def steps(schedule: str, *, batch: int = 4, epochs: int = 8, renewals: int = 4):
    return list(plan(schedule, VIEWS, batch, epochs, renewals, np.random.default_rng(0)))


@pytest.mark.parametrize("schedule", ["paper", "one_view", "all_views"])
def test_every_view_is_edited_in_every_renewal_and_trained_on_in_every_epoch(schedule):
    done = steps(schedule)
    edited = Counter((row, step.renewal) for step in done for row in step.edited)
    assert edited == {(row, renewal): 1 for row in range(VIEWS) for renewal in range(4)}
    assert Counter(row for step in done for row in step.trained) == dict.fromkeys(range(VIEWS), 8)


@pytest.mark.parametrize("schedule", ["paper", "one_view", "all_views"])
def test_more_renewals_than_epochs_edit_once_an_epoch_at_most(schedule):
    done = steps(schedule, epochs=2, renewals=2, batch=64)
    assert Counter(row for step in done for row in step.edited) == dict.fromkeys(range(VIEWS), 2)


def test_the_paper_edits_the_batch_that_it_trains_on_in_every_second_epoch():
    done = steps("paper")
    epochs = [done[i : i + 3] for i in range(0, 24, 3)]
    for i, epoch in enumerate(epochs):
        for step in epoch:
            assert step.edited == (step.trained if i % 2 == 0 else [])


def test_one_view_at_a_time_is_spread_evenly():
    done = steps("one_view")
    assert max(len(step.edited) for step in done) == 1
    before = np.cumsum([len(step.edited) for step in done])
    trained = np.cumsum([bool(step.trained) for step in done])
    assert np.abs(before / before[-1] - trained / trained[-1]).max() < 0.1


def test_all_views_are_edited_before_the_first_step_of_their_epoch():
    done = steps("all_views")
    assert [i for i, step in enumerate(done) if step.edited] == [0, 6, 12, 18]
    assert all(sorted(step.edited) == list(range(VIEWS)) for step in done if step.edited)
