"""Long stages: somebody looks at cancel meanwhile, and what is abandoned ends by itself."""

from __future__ import annotations

import threading

import pytest

from ft2os.errors import CancelledError
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.patience import patiently, until_cancelled
from tests.scenes import ball


def test_what_work_gives_and_says_arrives() -> None:
    shares: list[float] = []

    def work(on_progress) -> str:
        on_progress(0.5)
        return "done"

    assert patiently(work, shares.append) == "done"
    assert shares[-1] == 0.5
    with pytest.raises(ZeroDivisionError):
        patiently(lambda on_progress: 1 / 0, shares.append)


def test_who_cancels_does_not_wait_and_the_work_is_told() -> None:
    begun, told, go_on = threading.Event(), threading.Event(), threading.Event()

    def work(on_progress) -> None:
        begun.set()
        go_on.wait(10)
        try:
            on_progress(0.1)
        except CancelledError:
            told.set()

    def look(share: float) -> None:
        if begun.is_set():
            raise CancelledError

    with pytest.raises(CancelledError):
        patiently(work, look)
    go_on.set()
    assert told.wait(10)


def test_a_stage_without_an_end_can_be_cancelled(monkeypatch) -> None:
    """The search for what hangs together takes seconds on a million Gaussians; here it takes for ever."""
    from ft2os.stylize import prepare

    asked, never = [], threading.Event()
    monkeypatch.setattr(prepare, "keep_connected", lambda target: never.wait(30))

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 5

    with pytest.raises(CancelledError):
        stylize(StylizeRequest(ball(50), "lava"), cancelled=cancelled)
    never.set()


def test_who_waits_is_asked_again_and_again_and_told_how_far_it_is() -> None:
    shares: list[float] = []
    asked, go_on = threading.Event(), threading.Event()

    def work(on_progress) -> str:
        on_progress(0.25)
        asked.set()
        assert go_on.wait(10)
        return "done"

    def look(share: float) -> None:
        shares.append(share)
        if asked.is_set() and share == 0.25 and shares.count(0.25) > 1:
            go_on.set()

    assert patiently(work, look) == "done"
    assert shares == sorted(shares)


def test_before_a_run_begins_a_cancel_is_heeded_too() -> None:
    assert until_cancelled(lambda: 5, None) == 5
    assert until_cancelled(lambda: 5, lambda: False) == 5
    with pytest.raises(CancelledError):
        until_cancelled(lambda: threading.Event().wait(20), lambda: True)
