"""The line protocol: strict JSON in, strict JSON out, and errors that survive the trip."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from ft2os import colour, extras, protocol
from ft2os.errors import (
    BackendError,
    CancelledError,
    InvalidValuesError,
    MissingError,
    RequestError,
    UnknownPromptError,
)
from tests.conftest import ROOT


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


def test_the_wire_is_what_other_clients_were_written_for():
    """JSON-RPC 2.0's own numbers, and what the protocol's text promises."""
    assert protocol.CODES == {
        "parse": -32700, "invalid": -32600, "unknown-method": -32601, "bug": -32603,
    }  # fmt: skip
    assert protocol.OTHER_CODE == -32000
    assert (protocol.PROTOCOL, protocol.CHANNELS, protocol.HEARTBEAT_S) == ("1.0", 5, 1.0)
    assert protocol.encode(protocol.request("a", "render", {})) == (
        b'{"jsonrpc":"2.0","id":"a","method":"render","params":{}}\n'
    )
    assert protocol.notification("progress", {"id": 1}) == {
        "jsonrpc": "2.0", "method": "progress", "params": {"id": 1},
    }  # fmt: skip
    assert protocol.result(3, [1]) == {"jsonrpc": "2.0", "id": 3, "result": [1]}


def test_a_failure_says_which_kind_it_is_and_carries_what_was_kept():
    said = protocol.failure(5, CancelledError(), "Trace", partial="/tmp/a.npy")
    assert said == {
        "jsonrpc": "2.0",
        "id": 5,
        "error": {
            "code": -32000,
            "message": "Cancelled.",
            "hint": "",
            "data": {"kind": "cancelled", "traceback": "Trace", "partial": "/tmp/a.npy"},
        },
    }
    assert protocol.failure(None, protocol.ProtocolError("a", "b"))["error"]["code"] == -32700
    assert protocol.failure(None, KeyError())["error"]["code"] == -32603
    assert protocol.to_error(said["error"]).data["partial"] == "/tmp/a.npy"
    unsaid = protocol.to_error({})
    assert (unsaid.code, unsaid.message, unsaid.hint, unsaid.data) == ("error", "", "", {})


@pytest.mark.parametrize(
    ("id", "taken"),
    [
        ("x" * 256, True), ("x" * 257, False), (2**63 - 1, True), (2**63, False), (1 - 2**63, True),
        (-(2**63), False), (None, True), (True, False), (1.5, False),
    ],
)  # fmt: skip
def test_ids_are_numbers_or_short_strings(id, taken):
    line = protocol.encode({"jsonrpc": "2.0", "id": id, "method": "x"})
    if taken:
        assert protocol.decode(line)["id"] == id
    else:
        with pytest.raises(protocol.ProtocolError, match="neither a number"):
            protocol.decode(line)


def test_a_line_may_be_eight_mebibytes_long():
    line = b'{"jsonrpc":"2.0"}'.ljust(8 << 20)
    assert protocol.decode(line) == {"jsonrpc": "2.0"}
    with pytest.raises(protocol.ProtocolError, match="longer"):
        protocol.decode(line + b" ")


def test_errors_say_what_and_what_to_do():
    assert str(RequestError("No.", "Do.")) == "No. Do."
    assert str(RequestError("No.")) == "No."
    assert RequestError("No.").data == {}
    invalid = InvalidValuesError("a", "b", 3)
    assert (invalid.count, invalid.hint, invalid.code) == (3, "b", "invalid-values")
    assert CancelledError(partial=5).partial == 5
    assert UnknownPromptError("a", "b", ["lava"]).nearest == ["lava"]


def test_every_package_is_of_the_extra_that_installs_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = {"core": project["dependencies"], **project["optional-dependencies"]}
    for extra, packages in extras.PACKAGES.items():
        names = {re.match(r"[\w-]+", line)[0].lower().replace("-", "_") for line in brought[extra]}
        for module, distribution in packages.items():
            assert distribution.lower().replace("-", "_") in names or module == "llvmlite", module
            assert extras.extra_of(module) == (None if extra == "core" else extra)
    assert extras.extra_of("nonsense") is None


def test_colours_are_bytes_and_luminance():
    values = np.array([-1.0, 0.0, 0.5, 0.499 / 255, 0.501 / 255, 254.4 / 255, 1.0, 7.0])
    assert colour.to_uint8(values).tolist() == [0, 0, 128, 0, 1, 254, 255, 255]
    assert (np.eye(3, dtype=np.float32) @ colour.LUMA).tolist() == pytest.approx([0.299, 0.587, 0.114])
