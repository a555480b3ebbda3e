"""The rooms that need numpy only work, from the shell too, where torch or numba cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ft2os
from tests.scenes import two_groups, write_ply

ROOMS = "ft2os, ft2os.formats, ft2os.cameras, ft2os.protocol, ft2os.gaussians_npy, ft2os.looks, ft2os.cli"
BLOCKER = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(params=["torch", "torch numba scipy PIL rich"])
def without(request, tmp_path: Path):
    """Run ``python …`` where importing these modules raises."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER.format(blocked=set(request.param.split())))
    package = Path(ft2os.__file__).parents[1]  # the one under test, wherever another is installed
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(package)])}

    def run(*words: str | Path) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, words)], capture_output=True, text=True, env=environment
        )

    return run


def test_the_numpy_rooms_are_imported_and_pull_in_nothing_heavy(without) -> None:
    loaded = f"import sys, {ROOMS}; print(*sorted({{'torch', 'numba', 'scipy', 'PIL'}} & set(sys.modules)))"
    done = without("-c", loaded)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    assert "No module named 'torch'" in without("-c", "import torch").stderr


def test_info_groups_and_convert_run(without, tmp_path: Path) -> None:
    write_ply(tmp_path / "in.ply", two_groups(20, 1))
    done = without("-m", "ft2os", "info", tmp_path / "in.ply", "--json")
    assert json.loads(done.stdout)["gaussians"] == 35, done.stderr
    assert "group 7" in without("-m", "ft2os", "groups", tmp_path / "in.ply").stdout
    assert without("-m", "ft2os", "convert", tmp_path / "in.ply", tmp_path / "out.ply").returncode == 0
    assert (tmp_path / "out.ply").read_bytes() == (tmp_path / "in.ply").read_bytes()
    assert without("-m", "ft2os", "info", tmp_path / "none.ply").returncode == 1


def test_what_needs_an_extra_names_it(without, tmp_path: Path) -> None:
    write_ply(tmp_path / "in.ply", two_groups(20, 1))
    if without("-c", "import numba").returncode == 0:
        return
    done = without("-m", "ft2os", "render", tmp_path / "in.ply", "--out", tmp_path / "pictures")
    assert done.returncode == 1
    message, hint = done.stderr.splitlines()
    assert "is not installed" in message
    assert "pip install 'ft2os[lite]'" in hint
    assert not (tmp_path / "pictures").exists()
