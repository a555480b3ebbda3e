"""Writers that hold the interpreter work in a process of their own: it can be stopped, and ends with ours."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ft2os import gaussians_npy
from ft2os.errors import CancelledError, FileError
from ft2os.formats import aside, load_scene, save_scene, sog
from tests.conftest import ROOT
from tests.scenes import ball

pytest.importorskip("gaussforge")

HOLDS = """
import ctypes, os, sys
from ft2os.formats import aside
aside.end_with_parent()
print("begun", flush=True)
ctypes.PyDLL(None).sleep(60)  # holds the interpreter
"""


def test_a_sog_is_written_and_nothing_is_left_beside_it(tmp_path):
    stages = []
    written = save_scene(tmp_path / "a.sog", ball(300, 1), progress=lambda *stage: stages.append(stage))
    assert written is sog.FORMAT
    assert len(load_scene(tmp_path / "a.sog").gaussians) == 300
    assert ("packing", 0, 0) in stages
    assert [path.name for path in tmp_path.iterdir()] == ["a.sog"]


def test_stopping_ends_the_other_process_and_leaves_what_was_there(tmp_path):
    (tmp_path / "a.sog").write_bytes(b"as it was")
    asked = []

    def stop_once_it_runs(stage: str, step: int, total: int) -> None:
        asked.append(stage)
        if asked.count("packing") == 5:
            assert _running(str(tmp_path))
            raise CancelledError

    with pytest.raises(CancelledError):
        save_scene(tmp_path / "a.sog", ball(60_000, 3), progress=stop_once_it_runs)
    assert (tmp_path / "a.sog").read_bytes() == b"as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["a.sog"]
    assert not _running(str(tmp_path))


def _running(word: str) -> list[str]:
    """Command lines with ``word`` in them (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux alone does")
def test_it_ends_with_who_asked_even_while_a_library_holds_the_interpreter():
    environment = os.environ | {"PYTHONPATH": str(ROOT / "backend")}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert other.stdout.readline() == b"begun\n"
    other.stdin.close()
    assert other.wait(20) != 0
    other.stdout.close()


def test_what_goes_wrong_there_is_told_here(tmp_path, monkeypatch):
    with pytest.raises(FileError, match="converter ended") as caught:
        aside.write(replace(sog.FORMAT, name="absent"), tmp_path / "a.sog", ball(3), lambda: None)
    assert caught.value.hint
    monkeypatch.setattr(gaussians_npy, "write", lambda path, gaussians: (path.write_bytes(b"hello"), path)[1])
    with pytest.raises(FileError, match="does not hold Gaussians"):
        aside.write(sog.FORMAT, tmp_path / "a.sog", ball(3), lambda: None)
    assert not list(tmp_path.iterdir())
