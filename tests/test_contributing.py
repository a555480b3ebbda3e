"""The steps of CONTRIBUTING.md work as they are written: in the shell, the tests and the worker."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest

from tests import contributing
from tests.scenes import ball, write_ply
from tests.worker.conftest import Peer


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the repository with every step taken, and the commands that the page names."""
    folder = tmp_path_factory.mktemp("tree")
    return folder, contributing.apply(folder)


@pytest.fixture
def run(tree):
    """Run Python in the copy, on the copy's own packages."""
    folder, _ = tree

    def call(*words: str) -> str:
        env = os.environ | {"PYTHONPATH": f"{folder / 'backend'}{os.pathsep}{folder}"}
        done = subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_the_commands_of_the_page_pass(tree, run):
    _, commands = tree
    assert len(commands) >= 3
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "python"
        assert run(*words)


def test_the_new_method_and_material_work_in_the_shell(run, tmp_path):
    scene, out = tmp_path / "ball.ply", tmp_path / "out.ply"
    write_ply(scene, ball(300, radius=0.8))
    small = [f"--set={name}={value}" for name, value in (("views", 4), ("pixels", 64), ("limit", 2000))]
    assert "negative: standard 3 s" in " ".join(run("-m", "ft2os", "stylize", "--help").split())
    run("-m", "ft2os", "stylize", str(scene), "--method", "negative", *small, "--out", str(out))
    assert json.loads((tmp_path / "out.ply.run.json").read_text())["method"] == "negative"
    run("-m", "ft2os", "stylize", str(scene), "--prompt", "velour", *small, "--out", str(out))
    assert json.loads((tmp_path / "out.ply.run.json").read_text())["stats"]["material"] == "velour"


def test_the_new_method_works_in_the_worker(tree, tmp_path):
    folder, _ = tree
    peer = Peer(PYTHONPATH=str(folder / "backend"))
    try:
        server = peer.call("initialize", protocol="1.0", client="test")["result"]
        assert server["methods"]["negative"] == {"standard": None}
        key = peer.put(tmp_path / "ball.npy", ball(300, radius=0.8))
        message = peer.message("stylize", target={"data": key}, out=str(tmp_path / "look.npy"))
        small = {"views": 4, "pixels": 64, "limit": 2000}
        message["params"] |= {"method": "negative", "overrides": small}
        peer.send(message)
        answer = peer.answer(message)
        assert answer["result"]["stats"]["method"] == "negative"
    finally:
        peer.process.kill()
        peer.process.wait()
