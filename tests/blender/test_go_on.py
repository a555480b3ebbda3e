"""Runs that broke off go on: a CLIP of random weights in the real worker, cancelled, killed, finished."""

from __future__ import annotations

import json
import os
import subprocess

import bpy
import pytest

from ft2os.errors import FileError
from tests.blender.conftest import ROOT
from tests.blender.helpers import make_active, room
from tests.blender.test_queue import begin, drive, manager, names

pytestmark = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


REQUEST = {"prompt": "lava", "method": "clip", "preset": "draft", "seed": 0}


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
    [job] = begin(ball, preset="paper")  # long enough to be cancelled in the middle
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
    begun: list[float] = []

    def is_moving_colours() -> bool:
        if stage() == "Colours":
            begun.append(entry_factor())
        return len(begun) > 0 and entry_factor() > begun[0]

    drive([job], until=is_moving_colours)  # with most of 36 steps before it
    job.cancel()
    drive([job])
    assert ball.ft2os.unfinished
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
    old, young = checkpoints.path("0" * 32), checkpoints.path("1" * 32)
    edits = [path.with_name(f"{path.name}.edits") for path in (old, young)]  # of the method edit
    for path, beside in zip((old, young), edits):
        path.write_bytes(b"")
        (beside / "round_0").mkdir(parents=True)
    for path in (old, edits[0]):
        os.utime(path, (1, 1))
    checkpoints.new()
    assert not old.exists()
    assert not edits[0].exists()
    assert young.exists()
    assert edits[1].exists()
    checkpoints.drop("1" * 32)
    assert not young.exists()
    assert not edits[1].exists()


def stage() -> str:
    jobs = bpy.context.window_manager.ft2os.jobs
    return jobs[0].stage if len(jobs) else ""


def entry_factor() -> float:
    jobs = bpy.context.window_manager.ft2os.jobs
    return jobs[0].factor if len(jobs) else 0.0


def go_on(obj) -> list:
    """What the operator does in a window."""
    make_active(obj)
    assert offered()
    job = room("ops.job").StylizeJob(bpy.context, obj, checkpoint=obj.ft2os.unfinished)
    room("ops.queue").jobs[:] = [job]
    return [job]


@pytest.mark.parametrize("evil", ["{victim}", "../../{name}", "..", "", "A" * 32, "0" * 31, "0" * 32 + "\n"])
def test_a_file_cannot_name_what_is_deleted_or_gone_on_with(pair, tmp_path, evil):
    """`unfinished` comes from the .blend: only names of ours become paths."""
    victim = tmp_path / "model"
    for suffix in (".safetensors", ".json"):
        victim.with_suffix(suffix).write_text(json.dumps(REQUEST))
    ball = pair["ball"]
    ball.ft2os.unfinished = evil.format(victim=victim, name="log/worker")
    make_active(ball)
    assert not offered()
    for operator in (bpy.ops.ft2os.drop_run, bpy.ops.ft2os.go_on):
        with pytest.raises(RuntimeError, match="poll"):
            operator()
    room("jobs.checkpoints").drop(ball.ft2os.unfinished)
    with pytest.raises(FileError):
        room("jobs.checkpoints").request(ball.ft2os.unfinished)
    assert victim.with_suffix(".safetensors").exists()
    assert victim.with_suffix(".json").exists()


@pytest.mark.parametrize(
    "kept",
    ["[1]", "5", "null", '{"prompt": 5}', json.dumps(REQUEST | {"style_image": 5}), "[" * 100_000, "{"],
)
def test_a_request_of_another_shape_cannot_go_on(pair, kept):
    checkpoints = room("jobs.checkpoints")
    name = checkpoints.new()
    checkpoints.path(name).write_bytes(b"state")
    checkpoints.path(name).with_suffix(".json").write_text(kept)
    pair["ball"].ft2os.unfinished = name
    make_active(pair["ball"])
    with pytest.raises(RuntimeError, match="can no longer go on"):
        bpy.ops.ft2os.go_on()
    assert bpy.ops.ft2os.drop_run() == {"FINISHED"}
    assert not checkpoints.exists(name)


def test_the_path_of_a_checkpoint_is_derived_and_never_read(pair):
    checkpoints = room("jobs.checkpoints")
    name = checkpoints.new()
    checkpoints.path(name).write_bytes(b"state")
    checkpoints.keep(name, REQUEST | {"checkpoint": "/etc/passwd"})
    params = room("ops.request").again(bpy.context, pair["ball"], name)
    assert params["checkpoint"] == str(checkpoints.path(name))
    assert "checkpoint" not in room("ops.request").kept_part(params)
    checkpoints.drop(name)
