"""The line protocol: strict JSON in, strict JSON out, and errors that survive the trip."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ft2os import protocol
from ft2os.errors import BackendError, MissingError, RequestError, UnknownPromptError


def test_a_message_is_one_line_and_comes_back():
    message = protocol.request(
        1, "render", {"prompt": "Eis\nund “Feuer”", "path": "/tmp/\udcff.npy", "n": 1.5}
    )
    line = protocol.encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert protocol.decode(line) == message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_never_written(value):
    with pytest.raises(ValueError):
        protocol.encode(protocol.result(1, value))


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}',
        b"[1, 2]",
        b'{"id":1}',
        b'{"jsonrpc":"1.0","id":1}',
        b'{"jsonrpc":"2.0","id":[1]}',
        b"[" * 100_000,
        b" " * (protocol.MAX_LINE + 1),
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(protocol.ProtocolError) as caught:
        protocol.decode(line)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (RequestError("No group 9.", "There are 1 and 2."), RequestError, "request"),
        (MissingError("No torch.", "Install it."), MissingError, "missing"),
        (BackendError("Old.", "Update."), BackendError, "backend"),
        (protocol.SupersededError("Late.", "Wait."), protocol.SupersededError, "superseded"),
        (UnknownPromptError("What?", "Lava.", ["lava"]), RequestError, "unknown-prompt"),
    ],
)
def test_an_error_arrives_as_it_left(error, kind, code):
    body = protocol.decode(protocol.encode(protocol.failure(4, error, "Traceback ...")))["error"]
    assert isinstance(body["code"], int)
    there = protocol.to_error(body)
    assert isinstance(there, kind)
    assert (there.code, there.message, there.hint) == (code, error.message, error.hint)
    assert there.data["traceback"] == "Traceback ..."


def test_a_bug_is_told_from_a_mistake_of_the_user():
    there = protocol.to_error(protocol.failure(1, KeyError("x"))["error"])
    assert there.code == "bug"
    assert "KeyError" in there.message


def test_another_major_version_is_refused_with_the_fix():
    protocol.check_version("1.7")
    for theirs in ("2.0", "0.9", None, ""):
        with pytest.raises(BackendError, match="protocol") as caught:
            protocol.check_version(theirs)
        assert "Install backend" in caught.value.hint


def test_both_halves_of_the_wire_need_no_third_party_package():
    blocked = "import sys; sys.modules.update(numpy=None, torch=None, numba=None); import ft2os.protocol"
    subprocess.run([sys.executable, "-c", blocked], check=True, timeout=60)
