"""The command and its surroundings: closed streams, pipes nobody reads, bytes that are no text, Ctrl-C."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ft2os.cli import main, render
from tests.conftest import ROOT
from tests.scenes import ball, write_ply

pytestmark = pytest.mark.skipif(os.name == "nt", reason="asks a POSIX shell")
COMMAND = f"'{sys.executable}' -m ft2os"


def shell(line: str | bytes, **env: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of a command line in a shell."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "backend")} | env
    environment.pop("PYTHONUNBUFFERED", None)  # what is buffered may fail once more at exit
    done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60, env=environment)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


@pytest.fixture
def scene(tmp_path):
    write_ply(tmp_path / "a.ply", ball(30, 1))
    return tmp_path / "a.ply"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("info {} >&-", 0),
        ("info {} <&- >&- 2>&-", 0),
        ("info /absent >&- 2>&-", 1),
        ("stylize --help | true; exit ${{PIPESTATUS[0]}}", 0),
        ("info /absent 2>&1 | true; exit ${{PIPESTATUS[0]}}", 1),
        ("worker <&-", 0),
        ("worker <&- >&- 2>&-", 0),
    ],
)
def test_streams_that_are_closed_or_that_nobody_reads(scene, end, code):
    found, _, complaints = shell(f"{COMMAND} {end.format(scene)}")
    assert found == code
    assert "Traceback" not in complaints
    assert "Exception" not in complaints


def test_names_that_are_not_text_are_printed_and_recorded(tmp_path, scene):
    """Where Python is strict about what it prints."""
    odd = os.fsencode(tmp_path) + b"/\xff.spz"
    line = f"{COMMAND} convert '{scene}' '".encode() + odd + b"'"
    code, printed, complaints = shell(line, PYTHONIOENCODING="utf-8:strict")
    assert (code, complaints) == (0, "")
    assert printed.endswith(".spz\n")
    assert os.path.getsize(odd)
    line = f"{COMMAND} info --json '".encode() + odd + b"'"
    code, printed, _ = shell(line, PYTHONIOENCODING="ascii:strict")
    assert code == 0
    assert json.loads(printed)["gaussians"] == 30


def test_ctrl_c_while_it_imports_is_quiet():
    code = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "ft2os.cli.doctor":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from ft2os.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_a_picture_that_does_not_fit_into_the_memory_is_refused(scene, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(render, "_SMALL", 0)
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    code = main(["render", str(scene), "--out", str(tmp_path / "out"), "--orbit", "1", "--size", "64x64"])
    assert code == 1
    assert "--size" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
