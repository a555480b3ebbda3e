"""What a run tells as it goes, and how it stops."""

import numpy as np
import pytest

from ft2os.errors import CancelledError
from ft2os.stylize.report import Reporter

SHARES = {"look": 1, "paint": 3}
PICTURE = np.zeros((2, 2, 3), np.uint8)


def test_the_bar_follows_the_stages_shares_and_ends():
    seen = []
    report = Reporter(SHARES, seen.append, None)
    for stage, share in (("look", 0.0), ("look", 1.0), ("paint", 1 / 3), ("paint", 1.0)):
        report(stage, share)
    assert [(p.stage, p.step, p.total) for p in seen] == [
        ("look", 0, 100), ("look", 25, 100), ("paint", 50, 100), ("paint", 100, 100),
    ]  # fmt: skip
    assert seen[0].eta_s is None  # too early to say
    assert seen[-1].eta_s == 0


def test_a_picture_is_made_when_it_is_due_or_wanted_at_once_and_only_for_somebody():
    made, seen = [], []

    def preview():
        made.append(1)
        return PICTURE

    report = Reporter(SHARES, seen.append, None)
    report("look", 0.1, preview=preview)
    report("look", 0.2, preview=preview)
    report("look", 0.3, preview=preview, at_once=True)
    assert [p.preview is not None for p in seen] == [True, False, True]
    Reporter(SHARES, None, None)("look", 0.1, preview=preview, at_once=True)
    assert len(made) == 2


def test_a_cancel_stops_with_what_there_is():
    cancel, stopped = [], []
    report = Reporter(SHARES, None, lambda: bool(cancel), lambda: stopped.append(1))
    report("look", 0.5)
    cancel.append(1)
    with pytest.raises(CancelledError) as caught:
        report("look", 0.6)
    assert caught.value.partial is None
    report.result = lambda: "so far"
    with pytest.raises(CancelledError) as caught:
        report("paint", 0.0)
    assert caught.value.partial == "so far"
    assert stopped == [1, 1]


def test_the_stages_seconds_make_up_the_whole(monkeypatch):
    clock = [10.0]
    monkeypatch.setattr("ft2os.stylize.report.time.perf_counter", lambda: clock[0])
    report = Reporter(SHARES, None, None)
    for stage, seconds in (("look", 0.5), ("look", 1.5), ("paint", 3.0), ("look", 0.25)):
        report(stage, 0.1)
        clock[0] += seconds
    assert report.times() == {"seconds": 5.25, "stages": {"look": 2.25, "paint": 3.0}}


def test_asking_for_the_times_in_the_middle_of_a_stage_loses_none_of_it():
    report = Reporter(SHARES, None, None)
    report("look", 0.0)
    first = report.times()
    report("look", 1.0)
    report("paint", 1.0)
    last = report.times()
    assert set(last["stages"]) == {"look", "paint"}
    assert last["stages"]["look"] >= first["stages"]["look"]
    assert sum(last["stages"].values()) <= last["seconds"] + 0.002  # each is rounded


@pytest.fixture
def clock(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("ft2os.stylize.report.time.perf_counter", lambda: now[0])
    return now


def test_the_remaining_time_goes_by_what_is_done_so_far(clock):
    seen = []
    report = Reporter(SHARES, seen.append, None)
    for stage, share, at in (
        ("look", 0.19, 11.0),
        ("look", 0.2, 11.0),
        ("look", 1.0, 12.0),
        ("paint", 0.5, 16.0),
    ):
        clock[0] = at
        report(stage, share)
    assert seen[0].eta_s is None  # less than a twentieth is done: too early to say
    assert [p.eta_s for p in seen[1:]] == pytest.approx([19.0, 6.0, 3.6])


def test_a_picture_is_due_nine_tenths_of_a_second_after_the_last(clock):
    seen = []
    report = Reporter(SHARES, seen.append, None)
    for at in (10.0, 10.85, 10.95, 11.8, 11.9):
        clock[0] = at
        report("look", 0.1, preview=lambda: PICTURE)
    assert [p.preview is not None for p in seen] == [True, False, True, False, True]


def test_a_step_tells_its_loss_and_terms_and_counts_up_to_what_it_was_told():
    seen = []
    report = Reporter(SHARES, seen.append, None, steps=8)
    report.result = lambda: "so far"
    report("paint", 1 / 3, loss=0.25, metrics={"nce": 0.5})
    report("done", 1.0)  # a stage of no length ends the run
    assert (seen[0].step, seen[0].total, seen[0].loss, seen[0].metrics) == (4, 8, 0.25, {"nce": 0.5})
    assert seen[0].partial() == "so far"
    assert (seen[1].step, seen[1].loss, seen[1].metrics) == (8, None, {})
