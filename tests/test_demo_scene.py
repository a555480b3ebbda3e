"""The demo scene that ships is what it says: size, groups, cameras, and how well it shows unseen views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ft2os.formats import Scene, load_scene
from ft2os.tiles import render

FOLDER = Path(__file__).resolve().parents[1] / "demo" / "scene"
VIEWS = sorted(p.stem for p in (FOLDER / "heldout").glob("*.png") if not p.stem.endswith("_mask"))
LEAST_PSNR = 27.0


@pytest.fixture(scope="module")
def scene() -> Scene:
    return load_scene(FOLDER / "scene.ply")


def test_size_and_degree(scene: Scene) -> None:
    assert 30_000 <= len(scene.gaussians) <= 60_000
    assert scene.gaussians.degree >= 1
    assert (FOLDER / "scene.ply").stat().st_size < 8_000_000


def test_every_gaussian_has_a_named_group(scene: Scene) -> None:
    assert {"truck", "ground", "crate", "tree", "ball"} <= set(scene.labels.values())
    assert scene.group_ids() == sorted(scene.labels)
    for group in scene.group_ids():
        assert scene.mask(group).sum() >= 500


def test_no_invalid_needles_or_giants(scene: Scene) -> None:
    g = scene.gaussians
    assert not g.invalid().any()
    scales = np.sort(g.scales, axis=1)
    assert (scales[:, 2] / scales[:, 0]).max() < 10
    extent = np.ptp(g.means, axis=0).max()
    assert scales[:, 2].max() < 0.03 * extent


def test_six_views_kept_out_of_training_ship_with_their_cameras(scene: Scene) -> None:
    assert len(VIEWS) == 6
    order = [c.name for c in scene.cameras]
    assert all(order.index(name) % 8 == 7 for name in VIEWS)


@pytest.mark.parametrize("name", VIEWS)
def test_held_out_view(scene: Scene, name: str) -> None:
    camera = next(c for c in scene.cameras if c.name == name)
    rgba = np.asarray(Image.open(FOLDER / "heldout" / f"{name}.png"), np.float32) / 255
    ids = np.asarray(Image.open(FOLDER / "heldout" / f"{name}_mask.png"))
    assert min(rgba.shape[:2]) >= 400
    assert rgba.shape[:2] == ids.shape == (camera.height, camera.width)
    drawn = render(
        scene.gaussians,
        camera.viewmat[None],
        camera.K[None],
        camera.width,
        camera.height,
        background=(1, 1, 1),
    )
    wanted = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
    error = np.mean((drawn.rgb[0] - wanted)[ids > 0] ** 2)
    assert -10 * np.log10(error) >= LEAST_PSNR
    assert drawn.alpha[0][rgba[..., 3] == 0].mean() < 0.01, "haze where there is nothing"
