"""Stylizing through the worker: progress, pictures meanwhile, cancelling, dying; the real material method."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from ft2os_jobs.client import Client

from ft2os import gaussians_npy, looks, tiles, transforms
from ft2os.errors import BackendError
from ft2os.formats import load_scene
from ft2os.gaussians import concatenate
from ft2os.protocol import STATES
from ft2os.stylize import stylize
from ft2os.worker import job as worker_job
from ft2os.worker import params
from ft2os.worker.compose import Composer
from ft2os.worker.job import read_request
from ft2os.worker.store import Store
from tests.scenes import ball, write_ply
from tests.worker.conftest import TIMEOUT, Peer, instance, pictures, view


def job(tmp_path, key: str, **more) -> dict:
    out = str(tmp_path / "look.npy")
    return {"target": instance(key), "context": [], "prompt": "lava", "preset": "draft", "out": out} | more


def begin(peer: Peer, tmp_path, **more) -> dict:
    """Send a stylization and wait for its first progress; the request."""
    key = peer.put(tmp_path / "target.npy", ball(1500, 1))
    message = peer.message("stylize", **job(tmp_path, key, **more))
    peer.send(message)
    peer.until(lambda m: m.get("method") == "progress")
    return message


def test_a_look_comes_back_with_its_figures(tmp_path, peer):
    gaussians = ball(600, 1)
    key = peer.put(tmp_path / "target.npy", gaussians)
    answer = peer.call("stylize", **job(tmp_path, key))
    assert answer["result"]["path"] == str(tmp_path / "look.npy")
    look = looks.Look.load(tmp_path / "look.npy")
    assert 0 <= look.parent.min() <= look.parent.max() < len(gaussians)
    assert isinstance(answer["result"]["stats"], dict)
    steps = [m["params"] for m in peer.seen if m.get("method") == "progress"]
    assert steps
    assert all(0 <= step["step"] <= step["total"] and step["stage"] for step in steps)
    assert {m["params"]["state"] for m in peer.seen if m.get("method") == "heartbeat"} <= set(STATES)


def test_cameras_and_context_come_along_into_the_objects_own_coordinates(tmp_path):
    own, other = ball(80, 2), ball(40, 1, seed=3, centre=(1.5, 0, 0))
    placed, beside = np.eye(4), np.eye(4)
    placed[:3, :3] = 2 * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    placed[:3, 3] = 0.3, -0.2, 4
    beside[:3, 3] = 0.5, 0.5, 4
    store = Store()
    store.add("own", own)
    store.add("other", other)
    asked = job(
        tmp_path,
        "own",
        target=instance("own", placed),
        context=[instance("other", beside)],
        cameras=[view(3.0)],
    )
    request = read_request(Composer(store), params.check("stylize", asked))
    assert request.target is own
    camera = request.cameras[0]
    there = concatenate([transforms.apply(own, placed), transforms.apply(other, beside)])
    here = concatenate([request.target, request.context])
    world = np.reshape(view(3.0)["viewmats"], (1, 4, 4)).astype(np.float32)
    expected = tiles.render(there, world, camera.K[None], 48, 48)
    seen = tiles.render(here, camera.viewmat[None], camera.K[None], 48, 48)
    assert expected.alpha.max() > 0.5
    np.testing.assert_allclose(seen.rgb, expected.rgb, atol=1e-4)
    np.testing.assert_allclose(2 * seen.depth, expected.depth, atol=1e-3)


def test_pictures_are_drawn_while_a_job_runs(tmp_path, peer):
    message = begin(peer, tmp_path)
    out = pictures(tmp_path / "out")
    key = peer.put(tmp_path / "other.npy", ball(50))
    assert "result" in peer.call("render", instances=[instance(key)], out=str(tmp_path / "out"), **view())
    assert out[..., 3].max() > 0.5
    assert not any(m.get("id") == message["id"] for m in peer.seen), "the job ended before the picture"
    assert "result" in peer.answer(message)


def test_a_file_is_converted_while_a_job_runs(tmp_path, peer):
    """Blender waits for it: an import must not wait for a job of minutes."""
    write_ply(tmp_path / "a.ply", ball(300, 1))
    message = begin(peer, tmp_path)
    answer = peer.call("scene.convert", path=str(tmp_path / "a.ply"), out=str(tmp_path / "b.spz"))
    assert answer["result"]["count"] == 300
    assert not any(m.get("id") == message["id"] for m in peer.seen), "the job ended before the file"
    assert "result" in peer.answer(message)


def test_cancelling_ends_the_job_and_not_the_worker(tmp_path, peer):
    message = begin(peer, tmp_path)
    peer.send({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": message["id"]}})
    error = peer.answer(message)["error"]
    assert error["data"]["kind"] == "cancelled"
    partial = error["data"].get("partial")
    if partial is not None:
        assert len(looks.Look.load(tmp_path / "look.npy"))
    assert peer.initialize()


def test_a_job_that_waits_can_be_cancelled_before_it_begins(tmp_path, peer):
    first = begin(peer, tmp_path)
    key = gaussians_npy.digest(ball(1500, 1))
    second = peer.message("stylize", **job(tmp_path, key, out=str(tmp_path / "second.npy")))
    peer.send(second, {"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": second["id"]}})
    assert "result" in peer.answer(first)
    assert peer.answer(second)["error"]["data"]["kind"] == "cancelled"
    assert not (tmp_path / "second.npy").exists()


def test_a_live_job_shows_the_look_as_it_grows(tmp_path, monkeypatch):
    """Each look that is sent meanwhile is whole; the last is nearer to the result than to the object."""
    monkeypatch.setattr(worker_job, "LIVE_S", 0.0)
    monkeypatch.setattr(worker_job, "LIVE_SHARE", 0.0)
    g = ball(1500, 1)
    store = Store()
    store.add("own", g)
    request = read_request(Composer(store), params.check("stylize", job(tmp_path, "own")))
    grown = []

    def notify(method, params):
        if params.get("colours"):
            grown.append(looks.Look.load(params["colours"]))

    result = stylize(request, progress=worker_job.Report(notify, 1, tmp_path / "look.npy", live=True))
    assert grown
    shown = [looks.apply(g, look, 1.0) for look in (*grown, result.look)]
    assert all(not one.invalid().any() for one in shown)
    mean = [one.base_colours.mean(axis=0) for one in (g, *shown)]
    assert np.abs(mean[-1] - mean[-2]).max() < 0.5 * np.abs(mean[-1] - mean[0]).max()
    quiet = worker_job.Report(lambda method, params: grown.append(params), 1, tmp_path / "look.npy")
    grown.clear()
    stylize(request, progress=quiet)
    assert not any(params.get("colours") for params in grown)


def test_a_preview_that_cannot_be_written_does_not_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_job, "LIVE_S", 0.0)
    monkeypatch.setattr(worker_job, "LIVE_SHARE", 0.0)
    store = Store()
    store.add("own", ball(300))
    request = read_request(Composer(store), params.check("stylize", job(tmp_path, "own")))
    (tmp_path / "look.live.npy").mkdir()
    (tmp_path / "look.preview.png").mkdir()
    seen = []
    out = tmp_path / "look.npy"
    report = worker_job.Report(lambda *message: seen.append(message), 1, out, live=True)
    assert len(stylize(request, progress=report).look)
    assert not [params for method, params in seen if method == "preview"]


def test_a_file_is_converted_for_a_client_that_cannot_read_it(tmp_path, peer):
    write_ply(tmp_path / "a.ply", ball(300, 1))
    answer = peer.call("scene.convert", path=str(tmp_path / "a.ply"), out=str(tmp_path / "b.sog"))
    assert answer["result"] == {"path": str(tmp_path / "b.sog"), "format": "sog", "count": 300}
    back = peer.call("scene.convert", path=str(tmp_path / "b.sog"), out=str(tmp_path / "c.ply"))
    assert back["result"]["count"] == 300
    assert len(load_scene(tmp_path / "c.ply").gaussians) == 300
    wrong = peer.call("scene.convert", path=str(tmp_path / "a.ply"), out=str(tmp_path / "b.xyz"))
    assert "Cannot write" in wrong["error"]["message"]


def test_a_long_conversion_leaves_the_worker_alive_and_can_be_cancelled(tmp_path, peer):
    """The library that packs a .sog holds its interpreter for as long as that takes."""
    pytest.importorskip("gaussforge")
    write_ply(tmp_path / "a.ply", ball(60_000, 3))
    message = peer.message("scene.convert", path=str(tmp_path / "a.ply"), out=str(tmp_path / "b.sog"))
    peer.send(message)
    peer.until(lambda m: m.get("method") == "progress" and m["params"]["stage"] == "packing")
    for _ in range(3):
        peer.until(lambda m: m.get("method") == "heartbeat")
    assert peer.initialize()  # other requests are served meanwhile
    assert not any(m.get("id") == message["id"] for m in peer.seen), "it was too short to tell"
    peer.send({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": message["id"]}})
    assert peer.answer(message)["error"]["data"]["kind"] == "cancelled"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ply"]


def test_end_of_input_ends_it_in_the_middle_of_a_job(tmp_path, peer):
    begin(peer, tmp_path)
    assert peer.end() == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "tax return"}, "tax"),
        ({"method": "magic"}, "magic"),
        ({"method": "image", "style_image": "/no/such/a.png"}, "a.png"),
        ({"style_image": 7}, "style_image"),
        ({"resume": "yes"}, "resume"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_a_wrong_request_is_explained_and_leaves_no_file(tmp_path, peer, change, word):
    key = peer.put(tmp_path / "target.npy", ball(60))
    message = peer.message("stylize")
    message["params"] = job(tmp_path, key, **change)
    peer.send(message)
    error = peer.answer(message)["error"]
    assert word in error["message"]
    assert error["hint"]
    assert not (tmp_path / "look.npy").exists()


def test_a_worker_killed_in_the_middle_is_reported_and_replaced(tmp_path):
    client = Client(sys.executable, log_path=tmp_path / "log" / "worker.log")
    try:
        gaussians = ball(1500, 1)
        key = gaussians_npy.digest(gaussians)
        put = {"key": key, "path": str(gaussians_npy.write(tmp_path / "a.npy", gaussians))}
        client.request("data.put", put)
        seen = []
        pending = client.request("stylize", job(tmp_path, key), on_progress=seen.append)
        while not seen:
            pending._done.wait(0.02)
            assert not pending.poll()
        client._process.kill()
        with pytest.raises(BackendError, match="scene is unchanged"):
            pending.wait(TIMEOUT)
        assert not (tmp_path / "look.npy").exists()
        client.request("data.put", put).wait(TIMEOUT)
    finally:
        client.close()
