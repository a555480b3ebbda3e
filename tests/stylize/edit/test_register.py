"""Registration: shifted and zoomed edits come back, pictures of something else are refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from benchmarks.edit.placing import moved, off
from ft2os.stylize.edit.register import keep_outside, register

SIDE = 112


def blob(lobes: int, turn: float = 0.3) -> np.ndarray:
    """The alpha of a shape with so many arms.  [H, W]"""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2) / SIDE
    radius = 0.24 + 0.08 * np.cos(lobes * (np.arctan2(y, x) + turn)) + 0.03 * np.cos(np.arctan2(y, x))
    return gaussian_filter((np.hypot(x, y) < radius).astype(np.float32), 0.7)


def painted(alpha: np.ndarray, colour: tuple[float, float, float], seed: int) -> np.ndarray:
    """A shape of this colour with grain of its own, over grey."""
    rng = np.random.default_rng(seed)
    grain = gaussian_filter(rng.standard_normal((SIDE, SIDE, 3)), (1.5, 1.5, 0))
    surface = np.array(colour) + 0.08 * grain / grain.std()
    return (surface * alpha[..., None] + 0.5 * (1 - alpha[..., None])).astype(np.float32)


def bar() -> np.ndarray:
    """The alpha of a long thin shape.  [H, W]"""
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[SIDE // 2 - 8 : SIDE // 2 + 8, 8:-8] = 1
    return gaussian_filter(alpha, 0.7)


ALPHA = blob(3)
ORIGINAL = painted(ALPHA, (0.7, 0.65, 0.6), 0)
EDITED = painted(ALPHA, (0.75, 0.3, 0.15), 1)


@pytest.mark.parametrize(
    ("zoom", "shift"), [(1.0, (0.0, 0.0)), (0.86, (0.1, -0.08)), (1.17, (-0.05, 0.06)), (1.0, (0.12, 0.12))]
)
def test_a_moved_edit_is_put_back(zoom, shift):
    found = register(ORIGINAL, moved(EDITED, zoom, shift), ALPHA)
    assert found.placed
    assert off(found, zoom, shift, ALPHA > 0.25) < 1.5 / 208
    inner = ALPHA > 0.99
    assert np.abs(found.picture - EDITED)[inner].mean() < 0.04


@pytest.mark.parametrize(
    "picture",
    [
        painted(bar(), (0.75, 0.3, 0.15), 2),
        painted(blob(2, 1.2), (0.75, 0.3, 0.15), 3),
        np.full((SIDE, SIDE, 3), 0.5, np.float32),
        np.zeros((SIDE, SIDE, 3), np.float32),
        np.random.default_rng(0).uniform(size=(SIDE, SIDE, 3)).astype(np.float32),
    ],
    ids=["other", "turned", "grey", "black", "noise"],
)
def test_something_else_is_refused(picture):
    assert not register(ORIGINAL, picture, ALPHA).placed


def test_it_works_on_any_aspect():
    wide = [np.pad(p, ((0, 0), (20, 28), (0, 0)), mode="edge") for p in (ORIGINAL, EDITED)]
    alpha = np.pad(ALPHA, ((0, 0), (20, 28)))
    found = register(wide[0], moved(wide[1], 1.1, (0.05, -0.04)), alpha)
    assert found.placed
    assert off(found, 1.1, (0.05, -0.04), alpha > 0.25) < 1.5 / 208


def test_what_is_beside_the_object_stays_the_original():
    edited = np.ones_like(ORIGINAL)
    kept = keep_outside(edited, ORIGINAL, ALPHA)
    assert np.array_equal(kept[:5], ORIGINAL[:5])
    assert np.allclose(kept[ALPHA > 0.5], 1, atol=0.02)
