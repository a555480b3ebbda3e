"""200 damaged files of every format, the bombs and what is no file; ``make fuzz`` reads 2,000 of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_every_damaged_file_ends_in_a_scene_or_one_clear_error():
    command = [sys.executable, "-m", "tests.formats.fuzz", "--count", "200"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert done.stdout.count(": 200 files") >= 11
