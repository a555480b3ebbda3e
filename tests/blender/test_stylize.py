"""Stylize with the real backend process: the artist's way, and everything that may go wrong on it."""

from __future__ import annotations

import os
import time

import bpy
import numpy as np
import pytest

from tests.blender.helpers import make_active, room, splats

pytestmark = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


def ask(obj, prompt="lava"):
    make_active(obj)
    wanted = bpy.context.scene.ft2os
    wanted.prompt = prompt
    wanted.preset = "draft"


def begin(obj, prompt="lava"):
    """A job that runs, as in a window: the test is the timer."""
    ask(obj, prompt)
    return room("ops.job").StylizeJob(bpy.context, obj)


def drive(job, until=lambda: False, limit: float = 120.0) -> None:
    """Poll ``job`` to its end, or until a condition holds."""
    end = time.monotonic() + limit
    while not job.poll() and not until():
        assert time.monotonic() < end, "the job does not end"
        job._pending._done.wait(0.02)


def bits(obj) -> bytes:
    own = room("scene.objects").read_gaussians(obj)
    fields = ("means", "quats", "scales", "opacities", "sh", "group", "row")
    return b"".join(getattr(own, name).tobytes() for name in fields)


def test_a_prompt_becomes_a_look_and_the_object_keeps_its_own_bits(pair):
    before = {name: bits(obj) for name, obj in pair.items()}
    ask(pair["ball"])
    assert bpy.ops.ft2os.stylize() == {"FINISHED"}
    assert {name: bits(obj) for name, obj in splats().items()} == before
    item = room("scene.looks").active_look(pair["ball"])
    assert (item.prompt, item.method, item.strength) == ("lava", "material", 1.0)
    look = room("scene.looks").read_look(item)
    assert len(look) >= 1
    assert look.parent.max() < 150
    assert np.isfinite(look.dc).all()
    session = bpy.context.window_manager.ft2os
    assert not session.busy
    assert session.error == ""
    assert not list(room("jobs.manager").manager.folder().glob("stylize-*"))
    bpy.ops.ft2os.stylize()
    assert [item.name for item in pair["ball"].ft2os.looks] == ["lava", "lava"]


def test_an_object_may_be_renamed_moved_and_cut_meanwhile(pair):
    from tests.blender.helpers import delete_points

    ball = pair["ball"]
    job = begin(ball)
    ball.name = "planet"
    ball.location.x = 3
    delete_points(ball, np.arange(150) < 75)
    drive(job)
    assert job.error is None
    look = room("scene.looks").read_look(splats()["planet"].ft2os.looks[0])
    assert look.parent.max() < 75


def test_an_object_that_was_removed_meanwhile_is_named(pair):
    job = begin(pair["ball"])
    bpy.data.objects.remove(pair["ball"])
    drive(job)
    assert "ball was removed" in job.error.message
    assert "ball was removed" in bpy.context.window_manager.ft2os.error
    assert len(splats()) == 2


@pytest.mark.parametrize(("prompt", "message"), [("", "empty"), ("   ", "empty"), ("qwzzkx", "qwzzkx")])
def test_a_prompt_that_says_nothing_is_refused_and_changes_nothing(pair, prompt, message):
    before = bits(pair["ball"])
    ask(pair["ball"], prompt)
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.ft2os.stylize()
    session = bpy.context.window_manager.ft2os
    assert session.error
    assert session.hint
    assert not session.busy
    assert bits(pair["ball"]) == before
    assert not len(pair["ball"].ft2os.looks)


def test_a_full_disk_is_reported_and_changes_nothing(pair, full_disk):
    before = bits(pair["ball"])
    ask(pair["ball"])
    with pytest.raises(RuntimeError, match="Cannot write"), full_disk(4096):
        bpy.ops.ft2os.stylize()
    session = bpy.context.window_manager.ft2os
    assert "Cannot write" in session.error
    assert "requested" not in session.error  # numpy's own words
    assert session.hint
    assert not session.busy
    assert bits(pair["ball"]) == before
    assert not len(pair["ball"].ft2os.looks)


def test_a_cancelled_job_leaves_the_object_or_a_partial_look(pair):
    job = begin(pair["ball"])
    job.cancel()
    drive(job)
    assert not bpy.context.window_manager.ft2os.busy
    names = [item.name for item in pair["ball"].ft2os.looks]
    assert names in ([], ["lava (cancelled)"])
    assert (job.error is None) == bool(names)


def test_a_killed_backend_is_reported_and_starts_again(pair):
    before = bits(pair["ball"])
    job = begin(pair["ball"])
    client = room("jobs.manager").manager.client()
    drive(job, until=lambda: job._begun)  # one that still waited would be sent again
    client._process.kill()
    drive(job)
    assert "stopped" in job.error.message
    assert bpy.context.window_manager.ft2os.hint
    assert bits(pair["ball"]) == before
    again = begin(pair["ball"])
    drive(again)
    assert again.error is None
    assert len(pair["ball"].ft2os.looks) == 1


def test_opening_another_file_ends_the_job_quietly(pair):
    job = begin(pair["ball"])
    bpy.ops.wm.read_homefile(use_empty=True)
    drive(job)
    assert "was removed" in job.error.message
    assert not bpy.context.window_manager.ft2os.busy
