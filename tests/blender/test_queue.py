"""Several stylizations at once: order, cancelling one or all, live looks, a worker that dies under them."""

from __future__ import annotations

import os
import time

import bpy
import numpy as np
import pytest

from tests.blender.helpers import counted_calls, make_active, red_look, room, splats

pytestmark = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


def begin(*objects, prompt="lava", preset="draft") -> list:
    """Jobs for the objects as Stylize starts them in a window: the test is the timer."""
    make_active(*objects)
    wanted = bpy.context.scene.ft2os
    wanted.prompt, wanted.preset = prompt, preset
    stylize = room("ops.stylize")
    begun = [room("ops.job").StylizeJob(bpy.context, obj) for obj in stylize.targets(bpy.context)]
    room("ops.queue").jobs[:] = begun
    return begun


def drive(jobs, until=lambda: False, limit: float = 120.0) -> None:
    """Poll to the end of all, or until a condition holds."""
    end = time.monotonic() + limit
    while not all(job.poll() for job in jobs) and not until():
        assert time.monotonic() < end, "the jobs do not end"
        jobs[-1]._pending._done.wait(0.02)


def entries() -> list:
    return list(bpy.context.window_manager.ft2os.jobs)


def names(obj) -> list[str]:
    return [item.name for item in obj.ft2os.looks]


def manager():
    return room("jobs.manager").manager


def test_stylize_serves_all_selected_objects_the_active_one_first(pair):
    make_active(pair["small ball"], pair["ball"])
    assert [obj.name for obj in room("ops.stylize").targets(bpy.context)] == ["small ball", "ball"]
    bpy.context.scene.ft2os.prompt = "lava"
    bpy.context.scene.ft2os.preset = "draft"
    assert bpy.ops.ft2os.stylize() == {"FINISHED"}
    assert names(pair["ball"]) == names(pair["small ball"]) == ["lava"]
    assert not names(splats()["Rest"])
    assert not entries()


def test_an_object_that_cannot_be_stylized_does_not_stop_the_others(pair):
    pair["ball"].data = room("scene.attributes").new_cloud("empty", np.zeros((0, 3)))
    for name in ("radiance:base", "scale", "rotation"):
        room("scene.attributes").write(pair["ball"].data, name, np.zeros(0))
    make_active(pair["ball"], pair["small ball"])
    bpy.context.scene.ft2os.prompt = "lava"
    bpy.context.scene.ft2os.preset = "draft"
    with pytest.raises(RuntimeError, match="no points left"):
        bpy.ops.ft2os.stylize()
    assert names(pair["small ball"]) == ["lava"]


def test_a_queue_of_two_with_the_first_cancelled(pair):
    jobs = begin(pair["ball"], pair["small ball"])
    assert [(entry.target, entry.prompt) for entry in entries()] == [("ball", "lava"), ("small ball", "lava")]
    assert bpy.ops.ft2os.stylize.poll()  # more may be asked for
    bpy.ops.ft2os.cancel(number=jobs[0].number)
    assert entries()[0].stage == "Cancelling"
    drive(jobs)
    assert names(pair["ball"]) in ([], ["lava (cancelled)"])
    assert names(pair["small ball"]) == ["lava"]
    assert bpy.context.window_manager.ft2os.error == ""  # who cancels knows it
    assert not bpy.context.window_manager.ft2os.busy
    assert not bpy.ops.ft2os.cancel.poll()


def test_all_can_be_cancelled_at_once(pair):
    jobs = begin(pair["ball"], pair["small ball"], preset="standard")
    bpy.ops.ft2os.cancel()
    drive(jobs)
    assert not entries()
    assert jobs[1].error.code == "cancelled"
    assert not names(pair["small ball"])
    for name in ("ball", "small ball"):
        worn = bool(names(pair[name]))
        assert (room("scene.attributes").read(pair[name].data, "shown") is not None) == worn


def test_a_job_that_waits_does_not_fall_with_the_one_that_killed_the_worker(pair):
    jobs = begin(pair["ball"], pair["small ball"], preset="standard")
    drive(jobs, until=lambda: jobs[0]._begun)
    manager().client()._process.kill()
    drive(jobs)
    assert "stopped" in jobs[0].error.message
    assert "stopped" in bpy.context.window_manager.ft2os.error
    assert jobs[1].error is None
    assert names(pair["small ball"]) == ["lava"]
    assert not names(pair["ball"])


@pytest.fixture
def truck(tmp_path):
    """An object that takes long enough to be looked at meanwhile."""
    from tests import scenes

    path = tmp_path / "truck.ply"
    scenes.write_ply(path, scenes.ball(6000, 1))
    bpy.ops.ft2os.import_scene(filepath=str(path))
    return bpy.context.object


def shown(obj):
    return room("scene.attributes").read(obj.data, "shown")


def test_live_looks_arrive_and_leave_nothing(truck, tmp_path):
    uid, name = truck.session_uid, truck.name
    bpy.ops.ed.undo_push(message="import")
    jobs = begin(truck, preset="standard")
    drive(jobs, until=lambda: shown(truck) is not None)
    assert not jobs[0].finished, "no look came while the job ran"
    assert shown(truck)[:, 3].max() == 1
    assert not names(truck)
    truck.location.x = 1
    bpy.ops.ed.undo_push(message="move")  # an artist goes on working
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "meanwhile.blend"), copy=True)
    bpy.data.objects.remove(splats()[name])
    jobs[0].cancel()
    drive(jobs)
    assert "removed" in jobs[0].error.message
    bpy.ops.ed.undo()
    truck = next((obj for obj in splats().values() if obj.session_uid == uid), None)
    assert truck is not None
    assert shown(truck) is None
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "meanwhile.blend"))
    assert shown(splats()[name]) is None


def test_without_live_nothing_is_shown_before_the_end(truck):
    bpy.context.scene.ft2os.live = False
    jobs = begin(truck)
    drive(jobs, until=lambda: shown(truck) is not None)
    assert jobs[0].finished
    assert names(truck) == ["lava"]


def test_showing_a_partial_look_of_70_000_gaussians_is_no_loop_over_them(truck, tmp_path):
    from dataclasses import replace

    look = red_look(truck)
    rows = np.sort(np.random.default_rng(0).integers(0, 6000, 70_000)).astype(np.int32)
    arrays = {name: getattr(look, name)[rows] for name in ("dc", "means", "quats", "scales", "opacities")}
    replace(look, parent=rows, **arrays).save(tmp_path / "live.npy")
    [job] = begin(truck)
    job._grown = str(tmp_path / "live.npy")
    with counted_calls() as calls:
        job._show_grown()
    assert shown(truck) is not None
    job.cancel()
    drive([job])
    assert sum(calls.values()) < 7000  # a tenth of a call for each


def test_a_file_that_is_opened_again_meanwhile_gets_its_look(pair, tmp_path):
    """Reverting gives every object a new identity; the job finds its own by name and points."""
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    [job] = begin(pair["ball"])
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not entries()
    drive([job])
    assert job.error is None
    assert names(splats()["ball"]) == ["lava"]
    assert not entries()


def test_another_file_that_is_opened_meanwhile_gets_nothing(pair, tmp_path):
    from tests import scenes

    [job] = begin(pair["ball"])
    scenes.write_ply(tmp_path / "ball.ply", scenes.ball(150, seed=7))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "ball.ply"))
    drive([job])
    assert "removed meanwhile" in job.error.message
    assert not names(splats()["ball"])
