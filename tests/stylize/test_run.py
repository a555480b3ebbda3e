"""What the runs of all methods share: checkpoints when they are due, figures, partial results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ft2os import process
from ft2os.errors import CancelledError, RequestError
from ft2os.gaussians import concatenate
from ft2os.stylize.memory import Job
from ft2os.stylize.prepare import PreparedObject, prepare
from ft2os.stylize.request import StylizeRequest
from ft2os.stylize.run import Run
from tests.scenes import ball

STAGES = {"look": 1.0, "paint": 1.0}


@pytest.fixture(scope="module")
def target():
    return concatenate([ball(200, 1), ball(3, 1, 9, centre=(4.0, 0.0, 0.0), radius=0.01)])


@pytest.fixture(scope="module")
def made(target) -> PreparedObject:
    return prepare(target, views=3, pixels=48, max_split_scale=0.1, limit=800)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("ft2os.stylize.run.time.monotonic", lambda: now[0])
    return now


def nothing() -> np.ndarray:
    return np.zeros((2, 2, 3), np.uint8)


def test_a_checkpoint_is_due_ten_seconds_after_the_last(clock, tmp_path):
    saved: list[tuple[float, Path]] = []
    place = tmp_path / "run.safetensors"
    run = Run(
        StylizeRequest(ball(5), "lava", checkpoint=place),
        STAGES,
        None,
        None,
        lambda path: saved.append((clock[0], path)),
    )
    for at in (109.9, 110.0, 119.9, 120.5, 130.4):
        clock[0] = at
        run.step("paint", 0.5, 1.0, {}, nothing)
    assert saved == [(110.0, place), (120.5, place)]


def test_a_cancel_keeps_a_checkpoint_too_and_no_place_means_none(tmp_path):
    saved: list[Path] = []
    for checkpoint in (tmp_path / "run.safetensors", None):
        request = StylizeRequest(ball(5), "lava", checkpoint=checkpoint)
        run = Run(request, STAGES, None, lambda: True, saved.append)
        with pytest.raises(CancelledError):
            run.report("look", 0.5)
    assert saved == [tmp_path / "run.safetensors"]
    Run(request, STAGES, None, None).save()  # a method that keeps none


def test_the_checkpoint_of_a_run_that_has_ended_is_gone(tmp_path):
    place = tmp_path / "run.safetensors"
    place.write_bytes(b"something")
    Run(StylizeRequest(ball(5), "lava", checkpoint=place), STAGES, None, None).forget_checkpoint()
    assert not place.exists()
    Run(StylizeRequest(ball(5), "lava", checkpoint=place), STAGES, None, None).forget_checkpoint()


def test_the_figures_say_what_ran_and_what_came_of_it(target, made):
    run = Run(StylizeRequest(target, "lava", preset="high"), STAGES, None, None)
    run.facts |= {"material": "lava"}
    run.figures = lambda: {"judged_views": 7}
    run.step("paint", 0.5, 2.0, {"nce": 0.5}, nothing)
    run.name = "red"
    result = run.result(made, made.neutral)
    stats = result.stats
    assert (stats["method"], stats["preset"], stats["material"], stats["judged_views"]) == (
        "material",
        "high",
        "lava",
        7,
    )
    assert (stats["gaussians"], stats["floaters"]) == (len(made), 3)
    assert (stats["losses"], stats["terms"]) == ([2.0], {"nce": [0.5]})
    assert stats["ssim"] > 0.9
    assert stats["stages"].keys() == {"paint"}
    assert (result.look.name, result.look.sh) == ("red", None)
    run.keeps_bands = True
    np.testing.assert_array_equal(run.result(made, made.neutral).look.sh, made.fine.sh[:, 1:])


def test_a_picture_is_shown_at_once_with_the_result_as_it_is(target, made):
    seen, stopped = [], []
    run = Run(StylizeRequest(target, "lava"), STAGES, seen.append, lambda: bool(stopped))
    assert run.live
    assert not Run(StylizeRequest(target, "lava"), STAGES, None, None).live
    colours = [made.neutral, 1 - made.neutral]
    run.show("look", 0.5, made, lambda: colours[0])
    run.show("look", 1.0, made, lambda: colours[0], lambda: np.zeros((48, 48, 3), np.float32))
    np.testing.assert_array_equal(seen[0].preview, made.picture(colours[0]))
    assert seen[1].preview.max() == 128  # nothing but the grey behind it
    run.step("paint", 0.5, 1.0, {}, nothing)
    run.step("paint", 0.6, 1.0, {"nce": 2.0}, nothing, at_once=True)
    assert [step.preview is None for step in seen[2:]] == [True, False]
    assert (seen[3].step, seen[3].loss, seen[3].metrics) == (80, 1.0, {"nce": 2.0})
    run.offer(made, lambda: colours[1])
    stopped.append(True)
    with pytest.raises(CancelledError) as caught:
        run.report("paint", 0.7)
    np.testing.assert_allclose(
        caught.value.partial.look.dc, -made.look(run.request, colours[0], {}).dc, atol=1e-5
    )


def test_a_job_that_does_not_fit_is_refused_and_one_that_does_is_noted(monkeypatch):
    run, job = Run(StylizeRequest(ball(5), "lava"), STAGES, None, None), Job(1000, 4, 64)
    monkeypatch.setenv(process.MEMORY_ENV, str(job.bytes(1)))
    run.fit_memory(job)
    assert run.facts["memory"] == {
        "batch": 1,
        "wanted": 1,
        "needed": job.bytes(1),
        "available": job.bytes(1),
    }
    monkeypatch.setenv(process.MEMORY_ENV, str(job.bytes(1) - 1))
    with pytest.raises(RequestError, match="memory"):
        run.fit_memory(job)
