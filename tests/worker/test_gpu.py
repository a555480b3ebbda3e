"""A worker whose GPU draws: what it says of itself, its pictures, a run of the judge beside them."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os import looks, tiles  # noqa: E402
from ft2os.cameras.camera import Camera  # noqa: E402
from ft2os.gaussians import concatenate  # noqa: E402
from ft2os.render import rasterize  # noqa: E402
from ft2os.worker import drawing, server  # noqa: E402
from tests import tiny_clip  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.scenes import ball  # noqa: E402
from tests.worker.conftest import instance, pictures, view  # noqa: E402

PRETENDED = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pytest
from ft2os import device
from tests import gsplat_standin
from tests.gpu import pretended_cuda
gsplat_standin.install(pytest.MonkeyPatch())
device.has_driver = device.has_gsplat = lambda: True
from ft2os.worker import main
with pretended_cuda.present():
    main()
"""


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.gpu)])
def command(request) -> tuple[str, ...]:
    """Starts a worker with a GPU."""
    return (sys.executable, *(("-c", PRETENDED) if request.param == "pretended" else ("-m", "ft2os.worker")))


def drawn(gaussians, background=(0.0, 0.0, 0.0)):
    parameters = view()
    viewmats = np.reshape(parameters["viewmats"], (-1, 4, 4)).astype(np.float32)
    Ks = np.reshape(parameters["Ks"], (-1, 3, 3)).astype(np.float32)
    return tiles.render(gaussians, viewmats, Ks, *parameters["size"], background=background)


def alike(a, b) -> bool:
    return (np.abs(a - b) > 1e-3).mean() < 2e-3


def test_it_draws_on_the_gpu_what_the_cpu_draws(tmp_path, start, command):
    peer = start(command)
    hello = peer.initialize()
    assert (hello["device"], hello["rasterizer"]) == ("cuda", "gsplat")
    back, front = ball(150, 1), ball(150, 2, seed=9, centre=(0, 0, -1.5), radius=0.5)
    keys = [peer.put(tmp_path / f"{i}.npy", g) for i, g in enumerate((back, front))]
    out = pictures(tmp_path / "out")
    ask = {"out": str(tmp_path / "out"), "background": [0.1, 0.2, 0.3], **view()}
    assert "result" in peer.call("render", instances=[instance(key) for key in keys], **ask)
    both, alone = drawn(concatenate([back, front]), (0.1, 0.2, 0.3)), drawn(front)
    assert alike(out[..., :3], both.rgb)
    solid = both.alpha > 0.51
    np.testing.assert_allclose(out[..., 4][solid], both.depth[solid], rtol=1e-3)
    instances = [instance(keys[0]), instance(keys[1], holdout=True)]
    assert "result" in peer.call("render", instances=instances, **ask)
    assert alike(out[..., 3], 1 - alone.alpha)


def test_told_to_leave_the_gpu_alone_it_does(start, command):
    hello = start(command, FT2OS_DEVICE="cpu").initialize()
    assert (hello["device"], hello["rasterizer"]) == ("cpu", "tiles")


def test_it_draws_while_a_judge_works_on_the_same_gpu(tmp_path, start, command):
    peer = start(command, FT2OS_CACHE=str(tmp_path / "cache"))
    peer.initialize()
    target = ball(80, 1, seed=2)
    key = peer.put(tmp_path / "target.npy", target)
    judge = str(tiny_clip.write(tmp_path / "judge"))
    overrides = {
        "model": judge, "surface_views": 4, "surface_pixels": 48, "limit": 200, "refit": 0, "views": 4,
        "batch": 2, "steps": 6, "bank": 16, "contrast": 4, "candidates": 2, "geometry": 0.0,
    }  # fmt: skip
    message = peer.message("stylize")
    message["params"] = {
        "target": instance(key), "context": [], "prompt": "lava", "method": "clip", "preset": "standard",
        "overrides": overrides, "out": str(tmp_path / "look.npy"),
    }  # fmt: skip
    peer.send(message)
    peer.until(lambda m: m.get("method") == "progress")
    out = pictures(tmp_path / "out")
    ask = peer.message("render", instances=[instance(key)], out=str(tmp_path / "out"), **view())
    peer.send(ask)
    answers = {}
    while len(answers) < 2:
        said = peer.until(lambda m: m.get("id") in (message["id"], ask["id"]) and "method" not in m)
        answers[said["id"]] = said
    assert "result" in answers[ask["id"]], answers[ask["id"]]
    assert "result" in answers[message["id"]], answers[message["id"]]
    assert alike(out[..., :3], drawn(target).rgb)
    look = looks.Look.load(tmp_path / "look.npy")
    assert np.isfinite(look.dc).all()
    assert np.abs(look.dc - look.dc0).max() > 0


def test_what_does_not_fit_into_the_gpus_memory_is_drawn_on_the_cpu(pretended_gpu, monkeypatch, caplog):
    scene, camera = ball(60), Camera(np.eye(4, dtype=np.float32), np.eye(3, dtype=np.float32) * 20, 32, 24)
    (on_gpu,) = drawing._on_gpu([scene], camera, False)
    assert on_gpu[0].shape == (24, 32, 3)
    freed = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(True))

    def full(*_, **__):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    drawing._cuda_rasterizer.cache_clear()
    monkeypatch.setattr("ft2os.render.rasterize", full)
    with caplog.at_level(logging.WARNING):
        assert drawing._on_gpu([scene], camera, False) is None
    assert freed
    assert "drawn on the CPU" in caplog.text
    assert rasterize is not full


def test_without_kernels_pictures_are_drawn_on_the_cpu(pretended_gpu, monkeypatch, caplog):
    monkeypatch.setattr("ft2os.render.cuda._lacking", lambda: "no nvcc")
    scene, camera = ball(60), Camera(np.eye(4, dtype=np.float32), np.eye(3, dtype=np.float32) * 20, 32, 24)
    assert drawing._on_gpu([scene], camera, False) is None
    assert "no nvcc" in caplog.text


def test_a_job_that_runs_out_of_the_gpus_memory_is_told_so():
    told = server._explained(torch.cuda.OutOfMemoryError("CUDA out of memory."))
    assert "memory" in told.message
    assert told.hint
