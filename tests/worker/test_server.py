"""The worker as a process: what goes in, what comes out, and what cannot break it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import ft2os
from ft2os import looks, protocol, tiles, transforms
from ft2os.gaussians import concatenate
from ft2os.looks import Look
from tests.scenes import ball
from tests.worker.conftest import TIMEOUT, instance, pictures, view


def drawn(gaussians, parameters: dict, background=(0.0, 0.0, 0.0), antialiased: bool = False):
    viewmats = np.reshape(parameters["viewmats"], (-1, 4, 4)).astype(np.float32)
    Ks = np.reshape(parameters["Ks"], (-1, 3, 3)).astype(np.float32)
    return tiles.render(
        gaussians, viewmats, Ks, *parameters["size"], background=background, antialiased=antialiased
    )


def turned() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = 0.5 * np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    matrix[:3, 3] = [0.3, 0.2, -1.0]
    return matrix


def test_it_says_what_it_is_and_that_it_lives(peer):
    server = peer.initialize()
    assert server["protocol"] == protocol.PROTOCOL
    assert server["version"] == ft2os.__version__
    assert server["rasterizer"] in ("tiles", "gsplat")
    assert "material" in server["guidance"]
    beats = [peer.until(lambda m: m.get("method") == "heartbeat") for _ in range(2)]
    assert all(beat["params"]["state"] in protocol.STATES for beat in beats)


def test_it_starts_without_importing_what_is_heavy():
    code = (
        "import sys; sys.modules.update(torch=None, numba=None, scipy=None, plyfile=None);"
        "from ft2os.worker import main; main()"
    )
    hello = json.dumps(protocol.request(1, "initialize", {"protocol": "1.0"})).encode() + b"\n"
    done = subprocess.run([sys.executable, "-c", code], input=hello, capture_output=True, timeout=TIMEOUT)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["result"]["device"] for a in answers if a.get("id") == 1] == ["cpu"]


def test_words_and_pictures_style_without_torch(start):
    code = "import sys; sys.modules['torch'] = None; from ft2os.worker import main; main()"
    assert start((sys.executable, "-c", code)).initialize()["guidance"] == ["material", "image", "edit"]


def test_without_its_extra_it_names_the_extra(tmp_path, start):
    code = "import sys; sys.modules['numba'] = None; from ft2os.worker import main; main()"
    peer = start((sys.executable, "-c", code))
    peer.initialize()
    key = peer.put(tmp_path / "a.npy", ball(5))
    pictures(tmp_path / "out")
    error = peer.call("render", instances=[instance(key)], out=str(tmp_path / "out"), **view())["error"]
    assert error["data"]["kind"] == "missing"
    assert "numba" in error["message"]
    assert "lite" in error["hint"]


def test_another_protocol_is_refused_and_nothing_works_before_the_greeting(start):
    peer = start()
    assert "initialize" in peer.call("render")["error"]["hint"]
    error = peer.call("initialize", protocol="2.0")["error"]
    assert error["data"]["kind"] == "backend"
    assert "Install backend" in error["hint"]
    assert peer.initialize()["protocol"] == protocol.PROTOCOL


def test_a_picture_is_the_rasterizers_own(tmp_path, peer):
    one, two = ball(120, 2), ball(80, 1, seed=5, centre=(0.5, 0, 0.5))
    keys = [peer.put(tmp_path / f"{i}.npy", g) for i, g in enumerate((one, two))]
    parameters = view()
    parameters["viewmats"] += view(5.0)["viewmats"]
    parameters["Ks"] *= 2
    out = pictures(tmp_path / "out", views=2)
    answer = peer.call(
        "render",
        instances=[instance(keys[0]), instance(keys[1], turned())],
        background=[0.1, 0.2, 0.3],
        out=str(tmp_path / "out"),
        **parameters,
    )
    assert answer["result"] == {"path": str(tmp_path / "out")}
    scene = concatenate([one, transforms.apply(two, turned())])
    expected = drawn(scene, parameters, (0.1, 0.2, 0.3))
    np.testing.assert_allclose(out[..., :3], expected.rgb, atol=1e-5)
    np.testing.assert_allclose(out[..., 3], 1, atol=1e-5)
    solid = expected.alpha >= 0.5
    assert 0.05 < solid.mean() < 0.9
    np.testing.assert_allclose(out[..., 4][solid], expected.depth[solid], rtol=1e-4)
    assert (out[..., 4][~solid] == 1e10).all()


def test_no_instances_are_a_picture_of_the_background(tmp_path, peer):
    out = pictures(tmp_path / "out")
    peer.call("render", instances=[], background=[0.5, 0.25, 1], out=str(tmp_path / "out"), **view())
    assert (out == np.float32([0.5, 0.25, 1, 1, 1e10])).all()
    peer.call("render", instances=[], out=str(tmp_path / "out"), **view())
    assert (out == np.float32([0, 0, 0, 0, 1e10])).all()


def test_a_holdout_cuts_a_hole_into_what_lies_behind(tmp_path, peer):
    back, front = ball(150, 1), ball(150, 2, seed=9, centre=(0, 0, -1.5), radius=0.5)
    keys = [peer.put(tmp_path / f"{i}.npy", g) for i, g in enumerate((back, front))]
    out = pictures(tmp_path / "out")
    instances = [instance(keys[0]), instance(keys[1], holdout=True)]
    ask = {"instances": instances, "out": str(tmp_path / "out"), **view()}
    assert "result" in peer.call("render", **ask)
    both = drawn(concatenate([back, front]), view())
    alone = drawn(front, view())
    # In front of everything, a holdout removes exactly its own share of the light.
    np.testing.assert_allclose(out[..., 3], both.alpha - alone.alpha, atol=1e-4)
    assert alone.alpha.max() > 0.5
    assert out[..., 3].max() > 0.5
    transparent = out[..., :3].copy()
    peer.call("render", background=[1.0, 0.5, 0.25], **ask)
    np.testing.assert_allclose(out[..., 3], 1 - alone.alpha, atol=1e-4)
    rest = (1 - both.alpha)[..., None] * np.float32([1, 0.5, 0.25])
    np.testing.assert_allclose(out[..., :3], transparent + rest, atol=1e-5)


def test_a_look_is_drawn_at_its_strength(tmp_path, peer):
    own = ball(120, 2)
    rows = np.arange(0, 120, 2, dtype=np.int32)
    part = own.subset(rows)
    geometry = {name: getattr(part, name) for name in ("means", "quats", "scales", "opacities")}
    look = Look(parent=rows, dc=np.full((60, 3), 1.5, np.float32), dc0=None, **geometry)
    look.save(tmp_path / "look.npy")
    key = peer.put(tmp_path / "a.npy", own)
    out = pictures(tmp_path / "out")
    for strength in (0.0, 0.4, 1.0):
        item = instance(key, turned(), look=str(tmp_path / "look.npy"), strength=strength)
        assert "result" in peer.call("render", instances=[item], out=str(tmp_path / "out"), **view())
        expected = drawn(transforms.apply(looks.apply(own, look, strength), turned()), view())
        np.testing.assert_allclose(out[..., :3], expected.rgb, atol=1e-5)


def test_antialiased_is_the_rasterizers(tmp_path, peer):
    small = ball(100)
    small = small.replace(scales=small.scales * np.float32(0.05))  # less than a pixel
    key = peer.put(tmp_path / "a.npy", small)
    out = pictures(tmp_path / "out")
    seen = {}
    for antialiased in (False, True):
        ask = {"antialiased": antialiased, "out": str(tmp_path / "out")}
        assert "result" in peer.call("render", instances=[instance(key)], **ask, **view())
        expected = drawn(small, view(), antialiased=antialiased)
        np.testing.assert_allclose(out[..., :3], expected.rgb, atol=1e-5)
        seen[antialiased] = out[..., 3].sum()
    assert seen[True] < 0.7 * seen[False]


def test_only_the_newest_revision_is_drawn(tmp_path, peer):
    key = peer.put(tmp_path / "a.npy", ball(100))
    for name in ("busy", "out"):
        pictures(tmp_path / name)

    def picture(name: str, revision: int) -> dict:
        out = str(tmp_path / name)
        return peer.message("render", instances=[instance(key)], out=out, revision=revision, **view())

    # One write: while the first is drawn, the others are already there.
    asked = [picture("busy", 1), picture("out", 1), picture("out", 2), picture("out", 3)]
    peer.send(*asked)
    answers = [peer.answer(message) for message in asked]
    kinds = [a.get("error", {}).get("data", {}).get("kind", "drawn") for a in answers]
    assert kinds == ["drawn", "superseded", "superseded", "drawn"]


def test_data_dropped_for_space_comes_back_from_its_file(tmp_path, start):
    peer = start(FT2OS_CACHE_BYTES="1")
    peer.initialize()
    keys = [peer.put(tmp_path / f"{i}.npy", ball(20, seed=i)) for i in range(2)]
    pictures(tmp_path / "out")
    ask = {"out": str(tmp_path / "out"), **view()}
    assert "result" in peer.call("render", instances=[instance(key) for key in keys], **ask)
    for i in range(2):
        (tmp_path / f"{i}.npy").unlink()
    error = peer.call("render", instances=[instance(key, turned()) for key in keys], **ask)["error"]
    assert error["data"]["kind"] == "unknown-data"


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"\x00\xff\xfe\n",
        b'{"jsonrpc": "2.0", "id": 1, "method": "render", "params": {"size": NaN}}\n',
        b'{"id": 1}\n',
        b"[]\n",
        b"x" * (protocol.MAX_LINE + 100) + b"\n",
        b"[" * 100_000 + b"\n",
    ],
    ids=["text", "bytes", "nan", "no-version", "array", "huge", "deep"],
)
def test_garbage_is_answered_once_and_forgotten(peer, line):
    peer.send(line)
    error = peer.until(lambda m: "error" in m)
    assert error["id"] is None
    assert error["error"]["code"] == -32700
    assert peer.initialize()
    assert sum("error" in m for m in peer.seen) == 1


@pytest.mark.parametrize(
    ("method", "params", "word"),
    [
        ("dance", {}, "dance"),
        ("render", {}, "out"),
        ("render", {"out": "x", "instances": []} | {"viewmats": [1], "Ks": [1], "size": [4, 4]}, "viewmats"),
        ("render", view() | {"out": "/absent/x", "instances": []}, "/absent/x"),
        ("data.put", {"key": "k", "path": "/absent.npy"}, "/absent.npy"),
        ("stylize", {"out": "/absent/look.npy", "target": {"data": "k"}}, "/absent"),
        ("select", {}, "not available"),
    ],
)
def test_a_mistake_is_explained(peer, method, params, word):
    error = peer.call(method, **params)["error"]
    assert word in error["message"]
    assert error["hint"]
    assert error["data"]["kind"] != "bug"
    assert peer.initialize()


def test_parameters_that_are_no_object_are_refused(peer):
    peer.send({"jsonrpc": "2.0", "id": 7, "method": "render", "params": [1]})
    assert "object" in peer.until(lambda m: m.get("id") == 7)["error"]["message"]


def test_a_file_too_small_and_a_sheared_object_change_nothing(tmp_path, peer):
    key = peer.put(tmp_path / "a.npy", ball(20))
    (tmp_path / "small").write_bytes(b"1234")
    small = peer.call("render", instances=[instance(key)], out=str(tmp_path / "small"), **view())
    assert "too small" in small["error"]["message"]
    assert (tmp_path / "small").read_bytes() == b"1234"
    out = pictures(tmp_path / "out")
    sheared = np.diag([1.0, 2.0, 1.0, 1.0])
    error = peer.call("render", instances=[instance(key, sheared)], out=str(tmp_path / "out"), **view())
    assert "stretched" in error["error"]["message"]
    assert (np.asarray(out) == 0).all()


def test_what_prints_does_not_come_between_messages(start):
    code = """
import os, sys, threading
from ft2os.worker import main

def noise():
    while sys.stdout is not sys.stderr:  # until the worker has taken its streams
        pass
    for _ in range(500):
        print("noise")
        os.write(1, b"noise\\n")

threading.Thread(target=noise, daemon=True).start()
main()
"""
    peer = start((sys.executable, "-c", code))
    for _ in range(20):
        assert peer.initialize()
    assert peer.end() == 0
    assert not any(b"noise" in line for line in peer.lines)


def test_end_of_input_ends_it(peer):
    assert peer.end() == 0


def test_what_was_asked_before_the_end_is_answered():
    lines = [protocol.request(1, "initialize", {"protocol": "1.0"}), protocol.request(2, "select", {})]
    done = subprocess.run(
        [sys.executable, "-m", "ft2os.worker"],
        input=b"".join(map(protocol.encode, lines)),
        capture_output=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0
    assert {m["id"] for m in map(json.loads, done.stdout.splitlines()) if "id" in m} == {1, 2}


def test_shutdown_is_answered_and_ends_it(peer):
    assert peer.call("shutdown")["result"] is None
    assert peer.process.wait(TIMEOUT) == 0
