"""How often a job tells its client, by a clock that the test turns."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.stylize.request import Progress
from ft2os.worker import job


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(job.time, "monotonic", lambda: now[0])
    return now


def test_messages_and_pictures_come_as_often_as_a_client_can_use(clock, tmp_path):
    sent = []
    report = job.Report(lambda method, params: sent.append(method), 1, tmp_path / "look.npy")
    picture = np.zeros((4, 4, 3), np.uint8)
    for step in range(100):  # 2 seconds
        report(Progress("colours", step, 100, preview=picture))
        clock[0] += 0.02
    assert 2 / job.PROGRESS_S - 4 <= sent.count("progress") <= 2 / job.PROGRESS_S + 1
    assert sent.count("preview") == 2 / job.PREVIEW_S
    report(Progress("colours", 100, 100, preview=picture))
    assert sent[-2:] == ["progress", "preview"]  # the last step is always told
