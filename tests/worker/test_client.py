"""The client outlives any worker: wrong executables, other versions, deaths, silence, cancelled requests."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ft2os_jobs import client as client_module
from ft2os_jobs import process
from ft2os_jobs.client import Client

from ft2os import gaussians_npy
from ft2os.errors import BackendError, RequestError
from tests.scenes import ball
from tests.worker.conftest import TIMEOUT, instance, pictures, view

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals or shell scripts")


@pytest.fixture
def connect(tmp_path):
    """Make clients that end with the test."""
    clients = []

    def make(python: str = sys.executable, **env: str) -> Client:
        clients.append(Client(python, env, tmp_path / "log" / "worker.log"))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def script(path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def python_script(path, code: str) -> str:
    return script(path, f"exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}")


def test_it_greets_and_draws(tmp_path, connect):
    client, gaussians = connect(), ball(50)
    key = gaussians_npy.digest(gaussians)
    client.request("data.put", {"key": key, "path": str(gaussians_npy.write(tmp_path / "a.npy", gaussians))})
    out = pictures(tmp_path / "out")
    client.request("render", {"instances": [instance(key)], "out": str(tmp_path / "out"), **view()}).wait(
        TIMEOUT
    )
    assert out[..., 3].max() > 0.5
    assert client.server["rasterizer"]
    assert client.hello().wait(TIMEOUT) is client.server


def test_polling_ends_with_the_workers_own_error(connect):
    pending = connect().request("render", {})
    while not pending.poll():
        time.sleep(0.01)
    assert isinstance(pending.error, RequestError)
    assert pending.error.hint
    with pytest.raises(RequestError):
        pending.wait()


@posix
@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("exit 0", "is not a Python with ft2os"),
        ("exit 3", "exit code 3"),
        ("while echo hello; do :; done", "is not a Python with ft2os"),
        ("kill -9 $$", "signal 9"),
    ],
    ids=["ends", "fails", "talks", "dies"],
)
def test_an_executable_that_is_no_backend(tmp_path, connect, text, word):
    client = connect(script(tmp_path / "fake", text))
    with pytest.raises(BackendError, match=word) as caught:
        client.request("render", {}).wait(TIMEOUT)
    assert "Install backend" in caught.value.hint
    assert not client.alive


@pytest.mark.parametrize("python", ["/absent/python", "", __file__])
def test_a_file_that_cannot_be_run(connect, python):
    with pytest.raises(BackendError, match="cannot be run") as caught:
        connect(python).request("render", {}).wait(TIMEOUT)
    assert caught.value.hint


@posix
def test_a_python_without_ft2os(tmp_path, connect):
    # -S: without site-packages there is no ft2os, nor anything else.
    bare = script(tmp_path / "bare", f'exec {shlex.quote(sys.executable)} -S "$@"')
    with pytest.raises(BackendError, match="does not have ft2os") as caught:
        connect(bare).hello().wait(TIMEOUT)
    assert "Install backend" in caught.value.hint


@posix
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("import ft2os; ft2os.__version__ = '9.9.9'", "9.9.9"),
        ("import ft2os.protocol; ft2os.protocol.PROTOCOL = '2.0'", "protocol"),
    ],
)
def test_a_backend_of_another_version(tmp_path, connect, change, word):
    old = python_script(tmp_path / "old", f"{change}\nfrom ft2os.worker import main\nmain()")
    client = connect(old)
    with pytest.raises(BackendError, match=word) as caught:
        client.request("render", {}).wait(TIMEOUT)
    assert "Install backend" in caught.value.hint
    assert not client.alive


def test_a_killed_worker_is_reported_and_the_next_request_starts_another(connect):
    client = connect()
    client.hello().wait(TIMEOUT)
    first = client.generation
    client._process.kill()
    pending = client.request("data.put", {"key": "a", "path": "/absent"})
    if client.generation == first:  # it was not yet seen dead: the request went to it and fails
        with pytest.raises(BackendError, match="stopped unexpectedly") as caught:
            pending.wait(TIMEOUT)
        assert "starts anew" in caught.value.hint
    assert client.hello().wait(TIMEOUT)["protocol"]
    assert client.generation == first + 1


@posix
def test_a_silent_worker_is_killed_and_reported(monkeypatch, connect):
    monkeypatch.setattr(client_module, "SILENCE_S", 2.0)
    client = connect()
    client.hello().wait(TIMEOUT)
    os.kill(client._process.pid, signal.SIGSTOP)
    with pytest.raises(BackendError, match="silent") as caught:
        client.request("select", {}).wait(TIMEOUT)
    assert "scene is unchanged" in caught.value.message
    assert not client.alive
    assert client.hello().wait(TIMEOUT)


def test_closing_lets_the_worker_end_by_itself(connect):
    client = connect()
    client.hello().wait(TIMEOUT)
    worker = client._process
    client.close()
    assert worker.poll() == 0
    assert client.state == ""


def test_blenders_own_python_settings_do_not_reach_the_worker(monkeypatch, connect):
    monkeypatch.setenv("PYTHONHOME", "/absent")
    monkeypatch.setenv("PYTHONPATH", "/absent")
    assert connect().hello().wait(TIMEOUT)["protocol"]
    env = process.environment({"PYTHONHOME": "x", "HOME": "h"}, {"FT2OS_DEVICE": "cpu"})
    assert "PYTHONHOME" not in env
    assert env["OMP_WAIT_POLICY"] == "PASSIVE"
    assert (env["HOME"], env["FT2OS_DEVICE"]) == ("h", "cpu")


def test_the_log_is_kept_and_a_large_one_moved_away(tmp_path, connect):
    log = tmp_path / "log" / "worker.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (process.LOG_LIMIT + 1))
    client = connect()
    client.hello().wait(TIMEOUT)
    client.close()
    assert "input ended" in log.read_text()
    assert log.with_name("worker.log.old").stat().st_size > process.LOG_LIMIT


def test_numbers_that_json_does_not_have_are_refused_before_they_are_sent(connect):
    client = connect()
    pending = client.request("render", {"strength": float(np.nan)})
    assert pending.done
    assert isinstance(pending.error, RequestError)
    assert client.hello().wait(TIMEOUT)


@posix
def test_a_dead_worker_is_an_error_also_where_sigpipe_kills(tmp_path):
    """Some builds of Blender leave that signal at its default action, which ends the program."""
    dead = script(tmp_path / "python", "exec 0<&-; sleep 0.2; exit 3")
    code = f"""
import signal, sys
sys.path[:0] = {sys.path!r}
import tests.worker.conftest
from ft2os_jobs.client import Client
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
client = Client({dead!r}, {{}}, {str(tmp_path / "log" / "worker.log")!r})
pendings = [client.request("render", {{"fill": "x" * 100_000}}) for _ in range(20)]
for pending in pendings:
    pending.done_within(30)
    assert pending.error is not None
client.close()
print("alive")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.strip()) == (0, "alive"), ended.stderr


@posix
def test_a_worker_that_does_not_read_holds_nobody_up(tmp_path, connect):
    client = connect(script(tmp_path / "python", "exec sleep 60"))
    begun = time.monotonic()
    for _ in range(20):
        client.request("render", {"fill": "x" * 1_000_000})  # more than any pipe takes
    assert time.monotonic() - begun < 10
    client.kill()


def test_a_message_that_no_worker_takes_is_refused_before_it_is_sent(connect):
    client = connect()
    pending = client.request("render", {"fill": "x" * 9_000_000})
    assert isinstance(pending.error, RequestError)
    assert client.hello().wait(TIMEOUT)
