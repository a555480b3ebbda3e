"""Every material looks as it did: a ball from both sides, point by point, kept in ``colours/<name>.png``.

An artist who opens last year's prompt expects last year's gold. Where a material is new or was changed
on purpose, ``python -m tests.materials.test_colours`` paints the pictures anew, to be looked at in review.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ft2os.materials import MATERIALS

KEPT = Path(__file__).with_name("colours")
SIDE = 24
NAMES = sorted(MATERIALS)
GLOWING = {"aurora", "embers", "flames", "galaxy", "lava", "lightning", "neon"}


def ball() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [M, 3] of a bumpy ball's two halves, their detail [M], and where they are [SIDE, 2 · SIDE]."""
    v, u = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE * 2 - 1
    z = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    halves = np.hstack([np.stack([u, v, -z], -1), np.stack([u, v, z], -1)])
    mask = np.hstack([u * u + v * v < 1] * 2)
    rng = np.random.default_rng(11)
    points = halves[mask] * rng.uniform(0.35, 0.5, (int(mask.sum()), 1))
    return points.astype(np.float32), rng.uniform(-0.4, 0.4, len(points)), mask


def tile(name: str) -> np.ndarray:  # [SIDE, 2 · SIDE, 3] uint8
    points, detail, mask = ball()
    colours = MATERIALS[name].colour(points, 0.5 - points[:, 1], detail, seed=2)
    picture = np.zeros((*mask.shape, 3), np.uint8)
    picture[mask] = (255 * colours).round()
    return picture


def test_all_are_kept() -> None:
    assert sorted(path.stem for path in KEPT.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_material_keeps_its_colours(name: str) -> None:
    with Image.open(KEPT / f"{name}.png") as image:
        kept = np.asarray(image).astype(int)
    apart = np.abs(tile(name) - kept).max(axis=-1)
    # Processors round otherwise: by one level, and where a pattern has an edge a point may lie beyond it.
    assert (apart > 1).sum() <= 2


def test_what_glows_is_known() -> None:
    assert {m.name for m in MATERIALS.values() if m.emissive} == GLOWING


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    for name in NAMES:
        Image.fromarray(tile(name)).save(KEPT / f"{name}.png")
