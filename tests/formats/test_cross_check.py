"""Our files and those of a tool that is not ours, read by each other: splat-transform, from npm.

``make test`` installs it where npm is; elsewhere these tests skip. It sorts what it writes as compressed PLY
and SOG, so that rows are paired by the nearest place.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ft2os.formats import load_scene, save_scene
from ft2os.gaussians import Gaussians
from tests.formats.test_quantised import rotations_differ
from tests.scenes import ball

spatial = pytest.importorskip("scipy.spatial")
BIN = Path(__file__).resolve().parents[2] / "build" / "splat-transform" / "node_modules" / ".bin"
pytestmark = pytest.mark.skipif(
    not (BIN / "splat-transform").exists(),
    reason="splat-transform is not installed (make test does, with npm)",
)

# The largest differences that the format's own steps explain: place, log scale, opacity, angle, base, bands.
STEPS = {
    "ply": (1e-6, 1e-5, 1e-5, 1e-5, 1e-5, 1e-6),
    "compressed.ply": (0.004, 0.01, 0.003, 0.006, 0.02, 0.017),
    "splat": (1e-6, 1e-5, 0.005, 0.03, 0.015, None),
    "spz": (0.0005, 0.04, 0.003, 0.006, 0.014, 0.07),
    "sog": (0.001, 0.05, 0.0041, 0.03, 0.05, None),  # the palette has no step
}


def convert(source: Path, target: Path) -> None:
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    command = [str(BIN / "splat-transform"), "-q", "-w", "-g", "cpu", str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr


def scene(degree: int) -> Gaussians:
    g = ball(600, degree=degree, seed=11, radius=2.0)
    sh = g.sh.copy()
    sh[:, 1:] = np.random.default_rng(1).uniform(-0.8, 0.8, sh[:, 1:].shape)
    return g.replace(sh=sh.astype(np.float32))


def assert_close(found: Gaussians, expected: Gaussians, steps: tuple) -> None:
    assert len(found) == len(expected)
    _, nearest = spatial.cKDTree(found.means).query(expected.means)
    assert len(set(nearest)) == len(expected)
    found = found.subset(nearest)
    place, scale, opacity, angle, base, bands = steps
    assert np.abs(found.means - expected.means).max() <= place
    assert np.abs(np.log(found.scales) - np.log(expected.scales)).max() <= scale
    assert np.abs(found.opacities - expected.opacities).max() <= opacity
    assert rotations_differ(found.quats, expected.quats) <= angle
    assert np.abs(found.sh[:, 0] - expected.sh[:, 0]).max() <= base
    if bands is not None:
        assert found.degree == expected.degree
        assert np.abs(found.sh[:, 1:] - expected.sh[:, 1:]).max(initial=0) <= bands


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("ending", ["ply", "compressed.ply", "splat", "spz", "sog"])
def test_it_reads_what_we_write(tmp_path, ending, degree):
    if ending == "sog":
        pytest.importorskip("gaussforge")
    save_scene(tmp_path / f"ours.{ending}", scene(degree))
    convert(tmp_path / f"ours.{ending}", tmp_path / "theirs.ply")
    assert_close(load_scene(tmp_path / "theirs.ply").gaussians, scene(degree), STEPS[ending])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("ending", ["ply", "compressed.ply", "spz", "sog"])
def test_we_read_what_it_writes(tmp_path, ending, degree):
    if ending == "sog" and degree:
        pytest.skip("it clusters bands on a GPU only")
    save_scene(tmp_path / "ours.ply", scene(degree))
    convert(tmp_path / "ours.ply", tmp_path / f"theirs.{ending}")
    assert_close(load_scene(tmp_path / f"theirs.{ending}").gaussians, scene(degree), STEPS[ending])


def test_its_sog_folder(tmp_path):
    save_scene(tmp_path / "ours.ply", scene(0))
    (tmp_path / "folder").mkdir()
    convert(tmp_path / "ours.ply", tmp_path / "folder" / "meta.json")
    assert_close(load_scene(tmp_path / "folder").gaussians, scene(0), STEPS["sog"])
