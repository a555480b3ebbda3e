"""The client's parts without a worker: requests on their way, writing, starting, what is told of an end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from ft2os_jobs import client as client_module
from ft2os_jobs import process
from ft2os_jobs.client import Client
from ft2os_jobs.pending import Pending
from ft2os_jobs.writer import Writer

import ft2os
from ft2os import protocol
from ft2os.errors import BackendError, RequestError

HELLO = {"protocol": protocol.PROTOCOL, "version": ft2os.__version__, "device": "cpu"}


class Sender:
    def __init__(self) -> None:
        self.pumped, self.checked, self.cancelled = 0, 0, []

    def pump(self) -> None:
        self.pumped += 1

    def check(self) -> None:
        self.checked += 1

    def cancel(self, id: int) -> None:
        self.cancelled.append(id)


def test_a_request_ends_once():
    sender = Sender()
    pending = Pending(sender, 3, None, None)
    assert not pending.done
    assert not pending.poll()
    assert not pending.done_within(0)
    assert (sender.pumped, sender.checked) == (1, 1)
    with pytest.raises(BackendError, match="in time"):
        pending.wait(0)
    pending.cancel()
    assert sender.cancelled == [3]
    pending.finish({"a": 1})
    pending.finish(error=RequestError("late"))
    assert pending.done
    assert pending.poll()
    assert pending.done_within(0)
    assert (pending.result, pending.error, pending.wait()) == ({"a": 1}, None, {"a": 1})
    failed = Pending(sender, 4, len, max)
    failed.finish(error=RequestError("so not"))
    assert failed.callbacks == {"progress": len, "preview": max}
    with pytest.raises(RequestError, match="so not"):
        failed.wait()


def test_the_last_callbacks_come_before_the_end_is_seen():
    class Ending(Sender):
        def pump(self) -> None:
            pending.finish("result")

    pending = Pending(Ending(), 1, None, None)
    assert not pending.poll()
    assert pending.poll()


def test_lines_are_written_whole_in_order_and_then_the_stream_is_closed():
    class Pipe(io.RawIOBase):
        data = b""
        ended = threading.Event()

        def write(self, view) -> int:
            self.data += bytes(view[:2])
            return len(view[:2])

        def close(self) -> None:
            self.ended.set()

    pipe = Pipe()
    writer = Writer(pipe)
    writer.put(b"hello\n")
    writer.put(b"world\n")
    writer.close()
    assert pipe.ended.wait(10)
    assert pipe.data == b"hello\nworld\n"


def test_the_worker_has_an_environment_of_its_own():
    inherited = {"PYTHONHOME": "x", "__PYVENV_LAUNCHER__": "y", "HOME": "h", "OMP_WAIT_POLICY": "ACTIVE"}
    assert process.environment(inherited, {"A": "b", "PYTHONUTF8": "0"}) == {
        "HOME": "h", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "0", "A": "b",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "tail", "greeted", "said", "kind"),
    [
        (1, "x", True, "stopped unexpectedly (exit code 1); the scene is unchanged", process.WorkerDied),
        (-11, "", True, "(signal 11)", process.WorkerDied),
        (1, "python: No module named ft2os\n", False, "The Python py does not have ft2os.", BackendError),
        (1, "ModuleNotFoundError: No module named 'ft2os'", False, "does not have ft2os", BackendError),
        (1, "Traceback\n\nImportError: torn\n \n", False, "cannot start: ImportError: torn", BackendError),
        (0, "hello\n", False, "py is not a Python with ft2os (exit code 0).", BackendError),
        (None, "", False, "py is not a Python with ft2os (no answer).", BackendError),
    ],
)  # fmt: skip
def test_an_end_is_explained(code, tail, greeted, said, kind):
    error = process.explain_exit("py", code, tail, greeted)
    assert said in error.message
    assert type(error) is kind
    assert error.hint


def test_the_tail_of_a_log_begins_where_the_worker_did(tmp_path):
    path = tmp_path / "log"
    assert process.read_tail(path, 0) == ""
    path.write_bytes(b"old\nnew\xff\n")
    assert process.read_tail(path, 4) == "new\ufffd\n"
    assert process.read_tail(path, 0, limit=3) == "w\ufffd\n"
    assert process.read_tail(path, 8, limit=3) == "\n"
    path.write_bytes(b"x" * 9000)
    assert len(process.read_tail(path, 0)) == 8192


def test_a_log_moves_away_only_beyond_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LOG_LIMIT", 10)
    path = tmp_path / "log"
    process._rotate(path)
    path.write_bytes(b"x" * 10)
    process._rotate(path)
    assert path.exists()
    path.write_bytes(b"x" * 11)
    process._rotate(path)
    assert not path.exists()
    assert (tmp_path / "log.old").stat().st_size == 11


def test_a_process_is_started_in_a_folder_and_session_of_its_own(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: started.append((command, options)))
    process.spawn("py", {"A": "b"}, tmp_path / "new" / "folder" / "log")
    ((command, options),) = started
    assert command == ["py", "-m", "ft2os.worker"]
    assert (options["bufsize"], options["cwd"]) == (0, tmp_path / "new" / "folder")
    assert options["stdin"] == options["stdout"] == subprocess.PIPE
    assert options["env"]["A"] == "b"
    if sys.platform != "win32":
        assert options["start_new_session"] is True
    assert (tmp_path / "new" / "folder" / "log").exists()

    def refuse(command, **options):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    for python, name in (("py", "py"), ("", "Nothing")):
        with pytest.raises(BackendError, match=f"^{name} cannot be run as a Python: Permission denied"):
            process.spawn(python, {}, tmp_path / "log")


class Process:
    """A worker that does nothing: what is written to it, what it says, and whether it lives."""

    def __init__(self) -> None:
        self.killed, self.waited, self.returncode = 0, [], None
        self.out, self.said = os.pipe()
        self.into, into = os.pipe()
        self.stdin, self.stdout = os.fdopen(into, "wb", buffering=0), os.fdopen(self.out, "rb", buffering=0)
        self.heard = os.fdopen(self.into, "rb")

    def poll(self):
        return self.returncode

    def kill(self) -> None:
        self.killed += 1
        self.end(-9)

    def end(self, code: int) -> None:
        if self.returncode is None:
            self.returncode = code
            os.close(self.said)

    def wait(self, timeout=None):
        self.waited.append((timeout, threading.current_thread() is threading.main_thread()))
        if self.returncode is None and timeout is not None:
            raise subprocess.TimeoutExpired("x", timeout)
        return self.returncode

    def say(self, *messages) -> None:
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
            os.write(self.said, line)

    def next(self) -> dict:
        return json.loads(self.heard.readline())


@pytest.fixture
def started(monkeypatch, tmp_path):
    """A client, and the processes that it started."""
    made = []

    def spawn(python, env, log_path):
        made.append(Process())
        return made[-1]

    monkeypatch.setattr(process, "spawn", spawn)
    client = Client("py", {"A": "b"}, tmp_path / "log")
    yield client, made
    client.kill()


def answer(id, result) -> dict:
    return {"jsonrpc": "2.0", "id": id, "result": result}


def note(method, **params) -> dict:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def until(happened) -> None:
    """Wait for the reader's thread; its end is an event of the process, not of a clock."""
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        threading.Event().wait(0.002)


def greeted(started):
    client, made = started
    hello = client.hello()
    made[-1].say(answer(hello.id, HELLO))
    assert hello.wait(20) == HELLO
    made[-1].next()
    return client, made[-1]


def test_it_greets_first_and_starts_once(started):
    client, made = started
    assert (client.alive, client.state, client.generation, client.server) == (False, "", 0, {})
    pending = client.request("render", {"a": 1})
    first, second = made[0].next(), made[0].next()
    assert (first["method"], first["id"]) == ("initialize", 1)
    assert first["params"] == {"protocol": protocol.PROTOCOL, "client": "ft2os_blender"}
    assert (second["method"], second["id"], second["params"]) == ("render", 2, {"a": 1})
    assert (client.alive, client.state, client.generation) == (True, "loading", 1)
    made[0].say(answer(1, HELLO), answer(2, {"path": "p"}))
    assert pending.wait(20) == {"path": "p"}
    assert client.server == HELLO
    assert client.hello().result == HELLO
    assert len(made) == 1


def test_notes_come_to_those_who_asked_on_the_main_thread(started):
    client, worker = greeted(started)
    told = []
    quiet = client.request("stylize", {})
    pending = client.request(
        "stylize", {}, lambda p: told.append(("progress", p)), lambda p: told.append(("preview", p))
    )
    worker.say(
        note("progress", id=quiet.id, step=0), note("progress", id=pending.id, step=1),
        note("preview", id=pending.id, image="i"), note("progress", id=99, step=2),
        note("heartbeat", state="working"), answer(pending.id, {}),
    )  # fmt: skip
    pending.wait(20)
    assert client.state == "working"
    assert told == []
    client.pump()
    assert told == [
        ("progress", {"id": pending.id, "step": 1}),
        ("preview", {"id": pending.id, "image": "i"}),
    ]
    assert not quiet.done


def test_only_what_is_on_its_way_is_cancelled(started):
    client, worker = greeted(started)
    pending = client.request("stylize", {})
    assert worker.next()["method"] == "stylize"
    client.cancel(77)
    pending.cancel()
    assert worker.next() == {"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": pending.id}}
    worker.say({"jsonrpc": "2.0", "id": pending.id, "error": {"code": -32000, "message": "No.", "data": {}}})
    with pytest.raises(ft2os.errors.Ft2osError, match=r"No\."):
        pending.wait(20)
    pending.cancel()
    client.request("render", {})
    assert worker.next()["method"] == "render"


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        (HELLO | {"protocol": "99.0"}, "protocol"),
        (HELLO | {"version": "0.0.1"}, "The backend has version 0.0.1"),
        ({"protocol": protocol.PROTOCOL}, "not understood"),
        (None, "not understood"),
    ],
)
def test_another_version_ends_it(started, hello, said):
    client, made = started
    pending, first = client.request("render", {}), client.hello()
    made[0].say(answer(first.id, hello))
    for each in (first, pending):
        with pytest.raises(BackendError, match=said):
            each.wait(20)
    assert made[0].killed == 1
    assert not client.alive
    assert client.server == {}


def test_versions_of_one_release_go_together():
    release = client_module._release(ft2os.__version__)
    for version in (f"{release}.dev7", f"{release}+local", release):
        assert client_module._version_error(HELLO | {"version": version}) is None
    assert client_module._version_error(HELLO | {"version": release + "1"}) is not None


@pytest.mark.parametrize(
    ("server", "state", "patience"),
    [
        ({}, "idle", 60),
        (HELLO, "idle", 30),
        (HELLO, "working", 30),
        (HELLO, "loading", 300),
        (HELLO, "compiling", 300),
    ],
)
def test_patience_is_longer_where_a_worker_may_be_slow(started, monkeypatch, server, state, patience):
    client, _ = started
    clock = [100.0]
    monkeypatch.setattr(client_module.time, "monotonic", lambda: clock[0])
    pending = client.request("render", {})
    client.server, client._state = server, state
    clock[0] += patience
    client.pump()
    assert client.alive
    clock[0] += 0.5
    client.check()
    assert not client.alive
    with pytest.raises(BackendError, match="silent for" if server else "no answer"):
        pending.wait(20)
    client.check()  # there is nothing to kill


def test_any_word_of_the_worker_counts_as_life(started, monkeypatch):
    client, worker = greeted(started)
    clock = [time.monotonic() + 1000]
    monkeypatch.setattr(client_module.time, "monotonic", lambda: clock[0])
    worker.say(note("heartbeat", state="idle"))
    until(lambda: client._heard == clock[0])
    client.check()
    assert client.alive
    worker.say(note("heartbeat"))


def test_what_is_no_message_ends_only_what_never_greeted(started):
    client, worker = greeted(started)
    pending = client.request("render", {})
    worker.say(b"rubbish\n", answer(pending.id, 5))
    assert pending.wait(20) == 5
    client.kill()
    pending = client.request("render", {})
    started[1][-1].say(b"rubbish\n")
    with pytest.raises(BackendError, match="is not a Python with ft2os"):
        pending.wait(20)


def test_messages_may_come_in_pieces_and_too_long_ones_are_dropped(started, monkeypatch):
    client, worker = greeted(started)
    pending = client.request("render", {})
    line = json.dumps(answer(pending.id, "x" * 50)).encode() + b"\n"
    worker.say(line[:7])
    worker.say(line[7:])
    assert pending.wait(20) == "x" * 50


def test_an_end_fails_what_waits_and_the_next_request_starts_anew(started):
    client, worker = greeted(started)
    pending = client.request("render", {})
    worker.end(3)
    with pytest.raises(process.WorkerDied, match="exit code 3"):
        pending.wait(20)
    assert client.state == ""
    again = client.request("render", {})
    assert (client.generation, client.server, len(started[1])) == (2, {}, 2)
    client.kill()
    with pytest.raises(BackendError, match="was stopped"):
        again.wait(20)
    assert started[1][1].killed == 1
    reason = RequestError("because")
    last = client.request("render", {})
    client.kill(reason)
    assert last.error is reason


def test_why_it_ended_is_read_from_its_own_part_of_the_log(started):
    client, made = started
    client.log_path.write_text("Traceback\nan old one\n")
    pending = client.request("render", {})
    with open(client.log_path, "a") as log:
        log.write("Traceback\nImportError: torn\n")
    made[0].end(1)
    with pytest.raises(BackendError, match="cannot start: ImportError: torn"):
        pending.wait(20)


def test_closing_waits_a_little_and_then_kills(started):
    client, worker = greeted(started)
    client.close(1.5)
    assert worker.waited[0] == (1.5, True)
    assert (None, True) in worker.waited  # reaped before it returns
    assert worker.killed == 1
    until(lambda: worker.stdout.closed)  # and no pipe is left open
    assert worker.heard.read() == b""  # its input was closed
    client.close()
    assert worker.killed == 1


def test_what_cannot_be_sent_fails_at_once_and_leaves_the_rest(started, monkeypatch):
    client, worker = greeted(started)
    bad = client.request("render", {"x": float("nan")})
    assert isinstance(bad.error, RequestError)
    assert "NaN" in bad.error.message
    whole = len(protocol.encode(protocol.request(client._next_id, "render", {"x": "y"})))
    monkeypatch.setattr(protocol, "MAX_LINE", whole - 1)
    long = client.request("render", {"x": "y"})
    assert "bytes" in long.error.message
    monkeypatch.setattr(protocol, "MAX_LINE", whole)
    good = client.request("render", {"x": "y"})
    assert not good.done
    assert worker.next()["id"] == good.id


def test_a_worker_that_cannot_be_started_is_the_requests_error(started, monkeypatch):
    client, _ = started

    def refuse(*given):
        raise BackendError("cannot be run", "x")

    monkeypatch.setattr(process, "spawn", refuse)
    for pending in (client.request("render", {}), client.hello()):
        assert pending.done
        assert pending.error.message == "cannot be run"
    assert client.generation == 0


def test_a_log_that_was_moved_away_is_read_from_its_beginning(started, monkeypatch):
    monkeypatch.setattr(process, "LOG_LIMIT", 5)
    client, made = started
    client.log_path.write_text("123456")
    client.hello()
    assert client._log_start == 0
    client.kill()
    client.log_path.write_text("12345")
    client.hello()
    assert client._log_start == 5
    assert len(made) == 2
