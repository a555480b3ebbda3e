"""Every material looks as it did: a ball from both sides, point by point, kept in ``colours.png``.

An artist who opens last year's prompt expects last year's gold. Where a material is changed on purpose,
``python -m tests.materials.test_colours`` paints the picture anew, and the change is there to be looked at.
A row of the picture holds five materials, in the order of their names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ft2os.materials import MATERIALS

KEPT = Path(__file__).with_name("colours.png")
SIDE, COLUMNS = 24, 5
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


def place(name: str) -> tuple[slice, slice]:
    """Where the picture shows a material."""
    row, column = divmod(NAMES.index(name), COLUMNS)
    return slice(row * SIDE, (row + 1) * SIDE), slice(column * 2 * SIDE, (column + 1) * 2 * SIDE)


@pytest.fixture(scope="module")
def kept() -> np.ndarray:
    return np.asarray(Image.open(KEPT))


def test_all_are_kept(kept: np.ndarray) -> None:
    assert kept.shape == (-(-len(NAMES) // COLUMNS) * SIDE, COLUMNS * 2 * SIDE, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_material_keeps_its_colours(name: str, kept: np.ndarray) -> None:
    apart = np.abs(tile(name).astype(int) - kept[place(name)]).max(axis=-1)
    # Processors round otherwise: by one level, and where a pattern has an edge a point may lie beyond it.
    assert (apart > 1).sum() <= 2


def test_what_glows_is_known() -> None:
    assert {m.name for m in MATERIALS.values() if m.emissive} == GLOWING


if __name__ == "__main__":
    page = np.zeros((-(-len(NAMES) // COLUMNS) * SIDE, COLUMNS * 2 * SIDE, 3), np.uint8)
    for name in NAMES:
        page[place(name)] = tile(name)
    Image.fromarray(page).save(KEPT)
