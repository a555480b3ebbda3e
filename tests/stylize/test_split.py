"""Splitting: neutral one Gaussian at a time and all together, within its limit, and never into needles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import orbit
from ft2os.cameras.camera import stack
from ft2os.formats import load_scene
from ft2os.gaussians import Gaussians
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.split import split
from ft2os.stylize.view_buffers import frame_of, visibility
from ft2os.tiles import render

DEMO_SCENE = Path(__file__).parents[2] / "demo" / "scene" / "scene.ply"


def one(scales, opacity: float) -> Gaussians:
    return Gaussians(
        means=np.zeros((1, 3), np.float32),
        quats=np.array([[0.9, 0.3, 0.2, -0.1]], np.float32) / np.float32(np.sqrt(0.95)),
        scales=np.array([scales], np.float32),
        opacities=np.array([opacity], np.float32),
        sh=np.ones((1, 1, 3), np.float32),
    )


def needles(g: Gaussians) -> float:
    """Share of Gaussians whose longest axis is over ten times the middle one."""
    axes = np.sort(g.scales, axis=1)
    return float((axes[:, 2] > 10 * axes[:, 1]).mean())


@pytest.mark.parametrize("scales", [(1, 1, 0.02), (1, 0.2, 0.02), (1, 1, 1), (1, 0.7, 0.6), (1, 0.06, 0.06)])
@pytest.mark.parametrize("opacity", [0.2, 0.7, 0.99])
def test_one_gaussian_covers_from_all_sides_what_it_did(scales, opacity):
    whole = one(scales, opacity)
    fine, parent = split(whole, 0.2, 10_000)
    thick_and_faint = min(scales) > 0.3 and opacity < 0.3
    assert (len(fine) > 3) != thick_and_faint
    assert not parent.any()
    cameras = [c for e in (-50, 0, 40) for c in orbit(((0, 0, 0), 3.0), 3, (96, 96), elevation_deg=e)]
    viewmats, Ks = stack(cameras)
    before, after = (render(g, viewmats, Ks, 96, 96).alpha for g in (whole, fine))
    assert 0.7 < after.sum() / before.sum() < 1.3
    ratio = after.sum(axis=(1, 2)) / before.sum(axis=(1, 2))
    assert 0.6 < np.median(ratio) < 1.3


@pytest.mark.parametrize(("group", "most"), [(75, 1.5 / 255), (34, 0.6 / 255)])
def test_a_real_object_hardly_changes(data_dir, group, most):
    scene = load_scene(data_dir / "grouped" / "composite_gg")
    g = scene.gaussians.subset(scene.mask(group))
    g = g.subset(keep_connected(g))
    fine, parent = split(g, 0.006 * frame_of(g).extent, 72_000, visibility(g))
    assert len(fine) > 2 * len(g)
    assert parent.min() >= 0
    assert parent.max() < len(g)
    assert needles(fine) <= max(needles(g), 0.001)
    viewmats, Ks = stack(orbit(g, 3, size=(192, 192)))
    before, after = (render(x, viewmats, Ks, 192, 192).rgb for x in (g, fine))
    assert np.abs(before - after).mean() < most


@pytest.mark.parametrize("name", ["truck", "tree", "pumpkin"])
def test_splitting_makes_no_needles(name):
    scene = load_scene(DEMO_SCENE)
    g = scene.gaussians.subset(scene.mask(scene.resolve_group(name)))
    fine, _ = split(g, 0.006 * frame_of(g).extent, 30_000)
    assert needles(fine) <= needles(g) + 1e-4


def test_needles_are_cut_up():
    g = one((1, 0.02, 0.02), 0.8)
    fine, _ = split(g, 0.1, 1000)
    assert needles(g) == 1
    assert needles(fine) == 0


def test_the_limit_holds_and_what_is_hidden_stays_whole():
    scene = load_scene(DEMO_SCENE)
    g = scene.gaussians.subset(scene.mask(scene.resolve_group("pumpkin")))
    fine, parent = split(g, 1e-3, 8000, np.arange(len(g)) % 2)
    assert len(fine) <= 8000
    hidden = np.arange(0, len(g), 2)
    assert (np.bincount(parent)[hidden] == 1).all()
    np.testing.assert_array_equal(fine.scales[np.isin(parent, hidden)], g.scales[hidden])
