"""Flow: a known warp is found, noise is not followed, and a picture keeps its detail when it is moved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from ft2os.stylize.edit.flow import flow, warp


def fields(h: int, w: int, count: int, sigma: float, seed: int) -> np.ndarray:
    """Smooth random fields of unit spread.  [count, H, W]"""
    rng = np.random.default_rng(seed)
    made = [gaussian_filter(rng.standard_normal((h, w)), sigma) for _ in range(count)]
    return np.stack([field / field.std() for field in made]).astype(np.float32)


def picture(h: int, w: int, seed: int = 0) -> np.ndarray:
    return 0.5 + 0.15 * np.moveaxis(fields(h, w, 3, 2.0, seed), 0, -1)


def sampled(of: np.ndarray, by: np.ndarray) -> np.ndarray:
    at = np.mgrid[0 : of.shape[0], 0 : of.shape[1]] + by
    channels = [map_coordinates(of[..., c], at, order=3, mode="nearest") for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


@pytest.mark.parametrize(("h", "w"), [(104, 104), (111, 208), (256, 256)])
def test_a_known_warp_is_found(h, w):
    moving, bend = picture(h, w), 0.012 * min(h, w) * fields(h, w, 2, min(h, w) / 7, 1)
    found = flow(sampled(moving, bend), moving, np.ones((h, w), np.float32))
    inner = np.s_[:, 8:-8, 8:-8]
    assert np.sqrt(np.square(found - bend)[inner].mean()) < 0.2 * np.sqrt(np.square(bend)[inner].mean())


def test_noise_moves_nothing():
    one, other = picture(104, 104, 0), picture(104, 104, 1)
    found = flow(one, other, np.ones((104, 104), np.float32))
    assert np.sqrt(np.square(found).mean()) < 1.5  # of the two pixels that are usual


def test_only_what_counts_is_compared():
    moving = picture(104, 104)
    fixed = sampled(moving, np.full((2, 104, 104), 1.5, np.float32))
    weight = np.zeros((104, 104), np.float32)
    weight[:, :52] = 1
    wrong = fixed.copy()
    wrong[:, 52:] = picture(104, 104, 7)[:, 52:]
    assert flow(wrong, moving, weight)[:, 20:80, 10:40].mean() == pytest.approx(1.5, abs=0.3)


def test_nothing_to_see_gives_no_flow():
    flat = np.full((64, 64, 3), 0.5, np.float32)
    assert not flow(flat, flat, np.zeros((64, 64), np.float32)).any()


def test_warping_blurs_little():
    of, by = picture(104, 104), np.full((2, 104, 104), 0.5, np.float32)
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(warp(of, by) - sampled(of, by))[inner].max() < 0.01
    assert np.array_equal(warp(of, 0 * by), of)
