"""Messages that hold anything at all: refusals in words, never a bug, and nothing is lost by them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from ft2os import gaussians_npy, protocol
from ft2os.looks import Look
from ft2os.worker import compose, server
from ft2os.worker.channel import Channel
from ft2os.worker.params import METHODS
from ft2os.worker.store import Cache, Store
from tests.scenes import ball, write_ply
from tests.worker.conftest import TIMEOUT, instance, pictures, view

BIG = 10**400
ANYTHING = [
    None, True, 0, -1, 1.5, 1e300, BIG, "", "x", "a\0b", "\udcff", "x" * 100_000, [], [5], [[]], [None], {},
    {"x": 1}, [[[[1]]]], ["1"] * 16, [1e39] * 16, [0] * 16, [1] * 16, [0] * 9, [0, 0], [1e9, 1e9], [4.5, 4],
    [10**30, 4], [{}], [{"data": "k", "matrix": [0] * 16}], [{"data": 5}], ["nan"] * 3,
]  # fmt: skip


ANSWERS = {
    "views": ("file",),  # the folder is there by then
    "editors.fetch": ("request",),
    "editors.remove": ("request",),
}  # of good requests that end otherwise


class Ear(io.RawIOBase):
    """Where a channel writes; keeps the last message."""

    def write(self, line) -> int:
        self.last = json.loads(bytes(line))
        return len(line)


class Here:
    """A server without a process."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.server = server.Server(Channel(io.BytesIO(), self.ear))
        self.ask("initialize", {"protocol": protocol.PROTOCOL})

    def ask(self, method: str, params: dict) -> dict:
        self.server._run({"id": 1, "method": method, "params": params})
        return self.ear.last


@pytest.fixture(scope="module")
def here() -> Here:
    return Here()


@pytest.fixture
def asked(tmp_path, here, monkeypatch) -> dict[str, dict]:
    """A good request of each method."""
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))  # those of this machine are not to be removed
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    gaussians = ball(20)
    gaussians_npy.write(tmp_path / "a.npy", gaussians)
    write_ply(tmp_path / "a.ply", gaussians)
    pictures(tmp_path / "out", size=8)
    here.ask("data.put", {"key": "k", "path": str(tmp_path / "a.npy")})
    out = str(tmp_path / "out")
    return {
        "initialize": {"protocol": protocol.PROTOCOL},
        "data.put": {"key": "k", "path": str(tmp_path / "a.npy")},
        "scene.convert": {"path": str(tmp_path / "a.ply"), "out": str(tmp_path / "b.splat")},
        "render": {"instances": [instance("k")], "out": out, **view(size=8)},
        # The prompt names nothing, so that a request which is right but for that costs no run.
        "stylize": {"target": instance("k"), "prompt": "tax return", "out": str(tmp_path / "look.npy")},
        "views": {"target": instance("k"), "out": str(tmp_path / "views"), "views": 3, "pixels": 64},
        # Nothing is downloaded: the licence is not accepted.
        "editors.fetch": {"name": "ip2p"},
        "editors.remove": {"name": "ip2p"},
        "select": {},
    }


def kind(answer: dict) -> str:
    error = answer.get("error")
    assert error is None or (error["message"] and error["hint"])
    return "" if error is None else error["data"]["kind"]


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"shutdown"}))
def test_whatever_a_parameter_is_the_answer_is_no_bug(here, asked, method):
    good = asked[method]
    names = [*METHODS[method], *(("viewmats", "Ks", "size") if method == "render" else ())]
    for name in names:
        for value in ANYTHING:
            answer = here.ask(method, good | {name: value})
            assert kind(answer) != "bug", (name, value, answer)
    assert kind(here.ask(method, good)) in ANSWERS.get(method, ("", "unknown-prompt", "missing"))


@pytest.mark.parametrize("place", ["target", "context", "instances", "cameras"])
def test_nor_whatever_is_inside_a_list_or_an_object(here, asked, place):
    method = "render" if place == "instances" else "stylize"
    whole = view() if place == "cameras" else instance("k")
    for name in whole:
        for value in ANYTHING:
            inside = whole | {name: value}
            answer = here.ask(method, asked[method] | {place: inside if place == "target" else [inside]})
            assert kind(answer) != "bug", (name, value, answer)


@pytest.mark.parametrize(
    ("method", "change", "word"),
    [
        ("render", {"viewmats": [0] * 16}, "viewmats"),
        ("render", {"viewmats": [1] * 16}, "viewmats"),
        ("render", {"Ks": [0] * 9}, "focal"),
        ("render", {"size": [0, 10]}, "0×10"),
        ("render", {"size": [10**9, 10]}, "1e+09×10"),
        ("render", {"size": [8.5, 8]}, "8.5×8"),
        ("render", {"out": ""}, "'out' is empty"),
        ("render", {"out": "a\0b"}, "NUL"),
        ("render", {"instances": [{"data": "k"}] * 10_001}, "10,000"),
        ("render", {"instances": [instance("k") | {"matrix": [0] * 16}]}, "last row"),
        ("render", {"instances": [instance("k") | {"strength": "much"}]}, "instances[0].strength"),
        ("render", {"out": "/dev/null"}, "device"),
        ("data.put", {"path": "/dev/zero"}, "device"),
        ("stylize", {"target": instance("k", np.diag([1.0, 1, 0, 1]))}, "scale"),
        ("stylize", {"cameras": [5]}, "cameras[0]"),
        ("stylize", {"prompt": "x" * (1 << 21)}, "prompt"),
    ],
)
def test_a_refusal_names_what_is_wrong(here, asked, method, change, word):
    answer = here.ask(method, asked[method] | change)
    assert word in answer["error"]["message"]
    assert kind(answer) in ("request", "file")


def test_instances_of_the_same_data_have_a_budget(here, asked, monkeypatch):
    monkeypatch.setattr(compose, "_SMALL", 0)
    monkeypatch.setenv("FT2OS_MEMORY", str(20 * gaussians_npy.read(asked["data.put"]["path"]).sh.nbytes))
    many = asked["render"] | {"instances": [instance("k")] * 100}
    assert "memory" in here.ask("render", many)["error"]["message"]
    assert not kind(here.ask("render", asked["render"]))


def test_no_memory_is_a_sentence(here, asked, monkeypatch):
    def fail(*given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(compose.Composer, "scene", fail)
    assert "memory" in here.ask("render", asked["render"])["error"]["message"]


def test_a_name_of_other_data_is_drawn_anew(tmp_path, here, asked):
    out = np.memmap(tmp_path / "out", np.float32, "r", shape=(8, 8, 5))
    here.ask("render", asked["render"])
    before = out.copy()
    gaussians_npy.write(tmp_path / "b.npy", ball(20, seed=7, centre=(0.5, 0, 0)))
    here.ask("data.put", {"key": "k", "path": str(tmp_path / "b.npy")})
    here.ask("render", asked["render"])
    assert not np.array_equal(before, out)


def test_a_file_that_shrinks_does_not_take_the_worker_along(tmp_path, here, asked, monkeypatch):
    """A mapped file that is cut while it is used ends the process with a signal."""

    def cut() -> None:
        os.truncate(tmp_path / "out", 0)

    made = compose.Composer.scene
    monkeypatch.setattr(compose.Composer, "scene", lambda *given: (cut(), made(*given))[1])
    assert not kind(here.ask("render", asked["render"]))  # what was cut off is written again
    assert (tmp_path / "out").stat().st_size == 8 * 8 * 5 * 4


def test_all_that_is_kept_counts_in_bytes(tmp_path):
    """Gaussians, looks and anything else share one number; the newest stays whatever its size."""
    gaussians = ball(1000)
    size = Store(1 << 30)
    size.add("a", gaussians)
    one = size.cache.size
    store = Store(capacity=3 * one)
    for i in range(10):
        store.add(str(i), gaussians)
        rows = np.arange(1000, dtype=np.int32)
        geometry = {name: getattr(gaussians, name) for name in ("means", "quats", "scales", "opacities")}
        Look(parent=rows, dc=gaussians.sh[:, 0], dc0=None, **geometry).save(tmp_path / f"{i}.npy")
        store.look(str(tmp_path / f"{i}.npy"))
        assert store.cache.size <= 3 * one
    cache = Cache(10)
    cache.add("large", np.zeros(100))
    assert cache.get("large") is not None
    cache.add("other", np.zeros(100))
    assert cache.get("large") is None
    assert cache.size == 800


@pytest.mark.parametrize(("told", "bytes_"), [("lots", 4 * 2**30), ("-1", 4 * 2**30), ("1000", 1000)])
def test_a_capacity_that_is_no_number_is_not_one(monkeypatch, told, bytes_):
    monkeypatch.setenv("FT2OS_CACHE_BYTES", told)
    assert Store().cache.capacity == bytes_


def test_a_flood_of_requests_is_refused_and_the_rest_is_answered(peer):
    filler = {"filler": "x" * (4 << 20)}
    flood = [peer.message("select", **filler) for _ in range(20)]
    peer.send(*flood)
    kinds = {peer.answer(message)["error"]["data"]["kind"] for message in flood}
    assert kinds <= {"missing", "request"}
    assert peer.initialize()


HANGS = {
    "a loop": "while True: pass",
    "a sleep": "time.sleep(1000)",
    "a library": """
    try:
        while True:
            look()  # raises once the input has ended
            time.sleep(0.2)
    except Exception:
        time.sleep(0.2)
        ctypes.PyDLL(None).sleep(1000)  # holds the interpreter
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="asks the C library to sleep")
@pytest.mark.parametrize("what", HANGS)
def test_the_end_of_input_ends_it_whatever_a_job_does(start, tmp_path, what):
    code = f"""
import ctypes, time
from ft2os.worker import channel, job, main
channel.EXIT_GRACE_S = 0.5

def hang(composer, params, look):
    {HANGS[what]}

job.read_request = hang
main()
"""
    peer = start((sys.executable, "-c", code))
    peer.initialize()
    key = peer.put(tmp_path / "a.npy", ball(5))
    peer.send(peer.message("stylize", target=instance(key), prompt="lava", out=str(tmp_path / "look.npy")))
    peer.until(lambda m: m.get("method") == "heartbeat" and m["params"]["state"] == "loading")
    began = time.monotonic()
    assert peer.end() != 0  # it did not end by itself
    assert time.monotonic() - began < 15


def test_a_client_that_does_not_read_can_still_end_it():
    """Its answers fill the pipe; what it closes is seen all the same."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from ft2os.worker import channel, main; channel.EXIT_GRACE_S = 0.5; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdin.write(b"garbage\n" * 10_000)
        process.stdin.close()
        assert process.wait(TIMEOUT) is not None
    finally:
        process.kill()
        process.stdout.close()


def test_a_picture_that_takes_long_looks_at_cancel_and_at_newer_ones(tmp_path, peer):
    """One of many seconds: cancelled, and overtaken."""
    cover = ball(20_000).replace(scales=np.full((20_000, 3), 1e3, np.float32))
    key = peer.put(tmp_path / "a.npy", cover.replace(opacities=np.full(20_000, 0.004, np.float32)))
    pictures(tmp_path / "out", size=4096)
    small = peer.message("render", instances=[instance(key)], out=str(tmp_path / "out"), **view())
    peer.send(small)
    peer.answer(small)  # the kernels are compiled

    def picture(revision: int, **more) -> dict:
        out = str(tmp_path / "out")
        return peer.message("render", instances=[instance(key)], out=out, revision=revision, **more)

    slow = picture(1, **view(size=4096))
    peer.send(slow)
    peer.until(lambda m: m.get("method") == "heartbeat" and m["params"]["id"] == slow["id"])
    peer.send({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": slow["id"]}})
    assert peer.answer(slow)["error"]["data"]["kind"] == "cancelled"
    slow, quick = picture(2, **view(size=4096)), picture(3, **view())
    peer.send(slow)
    peer.until(lambda m: m.get("method") == "heartbeat" and m["params"]["id"] == slow["id"])
    peer.send(quick)
    assert peer.answer(slow)["error"]["data"]["kind"] == "superseded"
    assert "result" in peer.answer(quick)
