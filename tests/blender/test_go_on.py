"""Runs that broke off go on: a CLIP of random weights in the real worker, cancelled, killed, finished."""

from __future__ import annotations

import os
import subprocess

import bpy
import pytest

from tests.blender.conftest import ROOT
from tests.blender.helpers import make_active, room
from tests.blender.test_queue import begin, drive, manager, names

pytestmark = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A tiny CLIP, made by the backend's Python: this one has no torch."""
    folder = tmp_path_factory.mktemp("clip") / "tiny"
    code = f"from pathlib import Path; from tests import tiny_clip; tiny_clip.write(Path({str(folder)!r}))"
    done = subprocess.run([os.environ["FT2OS_PYTHON"], "-c", code], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the backend has no open_clip: {done.stderr[-200:]}")
    return folder


@pytest.fixture
def clip(clip_folder, monkeypatch):
    """The method CLIP, with its tiny judge."""
    monkeypatch.setenv("FT2OS_CLIP", str(clip_folder))
    manager().close_client()
    bpy.context.scene.ft2os.method = "clip"


def offered() -> bool:
    return bpy.ops.ft2os.go_on.poll()


def test_a_run_goes_on_after_a_cancel_and_after_a_crash(pair, clip):
    ball, checkpoints = pair["ball"], room("jobs.checkpoints")
    [job] = begin(ball, preset="seed")  # long enough to be cancelled in the middle
    drive([job], until=lambda: job._params and entry_factor() > 0.02)
    job.cancel()
    drive([job])
    assert names(ball) == ["lava (cancelled)"]
    name = ball.ft2os.unfinished
    assert checkpoints.exists(name)
    assert offered()

    [job] = go_on(ball)
    assert job._params["resume"] is True
    assert job._params["checkpoint"] == str(checkpoints.path(name))
    assert not offered()  # it goes on already
    drive([job], until=lambda: entry_factor() > 0.02)
    manager().client()._process.kill()
    drive([job])
    assert "stopped" in job.error.message
    assert ball.ft2os.unfinished == name
    assert offered()

    bpy.ops.ft2os.drop_run()
    assert not offered()
    assert not checkpoints.exists(name)
    assert not list(checkpoints.path(name).parent.glob(f"{name}*"))


def test_a_finished_run_leaves_no_checkpoint(pair, clip):
    ball = pair["ball"]
    [job] = begin(ball, preset="draft")
    name = job.checkpoint
    assert name
    drive([job])
    assert job.error is None
    assert names(ball) == ["lava"]
    assert not ball.ft2os.unfinished
    assert not list(room("jobs.checkpoints").path(name).parent.glob(f"{name}*"))


def test_going_on_to_the_end_gives_the_look(pair, clip):
    ball = pair["ball"]
    [job] = begin(ball, preset="standard")
    drive([job], until=lambda: entry_factor() > 0.7)
    job.cancel()
    drive([job])
    if not ball.ft2os.unfinished:
        pytest.skip("it was over before it was cancelled")
    [job] = go_on(ball)
    drive([job])
    assert job.error is None
    assert names(ball)[-1] == "lava"
    assert not ball.ft2os.unfinished
    assert not offered()


def test_only_methods_with_checkpoints_are_given_one(pair):
    request = room("ops.request")
    make_active(pair["ball"])
    wanted = bpy.context.scene.ft2os
    wanted.prompt = "lava"
    for method, has in (("material", False), ("clip", True)):
        wanted.method = method
        assert ("checkpoint" in request.new(bpy.context, pair["ball"])) == has


def test_stale_checkpoints_go(pair):
    checkpoints = room("jobs.checkpoints")
    old, young = checkpoints.path("old"), checkpoints.path("young")
    for path in (old, young):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    checkpoints.new()
    assert not old.exists()
    assert young.exists()
    checkpoints.drop("young")
    assert not young.exists()


def entry_factor() -> float:
    jobs = bpy.context.window_manager.ft2os.jobs
    return jobs[0].factor if len(jobs) else 0.0


def go_on(obj) -> list:
    """What the operator does in a window."""
    make_active(obj)
    assert offered()
    job = room("ops.job").StylizeJob(bpy.context, obj, checkpoint=obj.ft2os.unfinished)
    room("ops.stylize").jobs[:] = [job]
    return [job]
