"""A skip that nobody expected fails the run that was given a list of reasons."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.skips import ENV

MODULE = """
import pytest

@pytest.mark.skipif(True, reason="no test data in /somewhere; set it")
def test_expected():
    pass

def test_passes():
    pass
"""
UNEXPECTED = """
def test_unexpected():
    pytest.skip("the moon is full")
"""
AT_IMPORT = 'pytest.importorskip("no_such_package_at_all")'


@pytest.mark.parametrize(
    ("added", "listed", "code"),
    [("", True, 0), (UNEXPECTED, True, 1), (AT_IMPORT, True, 1), (UNEXPECTED, False, 0)],
)
def test_only_listed_reasons_pass(tmp_path, added, listed, code):
    (tmp_path / "test_some.py").write_text(MODULE)
    (tmp_path / "test_other.py").write_text(f"import pytest\n{added}")
    environment = {name: value for name, value in os.environ.items() if name != ENV}
    if listed:
        environment[ENV] = str(ROOT / ".ci" / "allowed_skips.txt")
    hooks = ["-p", "tests.skips", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *hooks, "-c", os.devnull, "--rootdir", tmp_path, tmp_path],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert ("the moon is full" in done.stdout) == (added == UNEXPECTED and listed)
