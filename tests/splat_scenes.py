"""Small random scenes and cameras for the tests of the rasterizer."""

from __future__ import annotations

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians


def cloud(n: int = 240, degree: int = 3, seed: int = 0, size: float = 0.09) -> Gaussians:
    """A ball of Gaussians around the origin: round and thin, faint and opaque, quats of any length."""
    rng = np.random.default_rng(seed)

    def f32(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x, np.float32)

    return Gaussians(
        means=f32(rng.normal(size=(n, 3)) * 0.6),
        quats=f32(rng.normal(size=(n, 4))),
        scales=f32(size * np.exp(0.7 * rng.normal(size=(n, 3)))),
        opacities=f32(rng.uniform(0.002, 1.0, n)),
        sh=f32(rng.normal(size=(n, (degree + 1) ** 2, 3)) * 0.35),
    )


def camera(
    angle: float = 0.0, width: int = 70, height: int = 52, distance: float = 2.6, shift: float = 5.0
) -> Camera:
    """A camera around the origin; its size is no multiple of 16, its principal point is off centre."""
    c, s = np.cos(angle), np.sin(angle)
    viewmat = np.array([[c, 0, s, 0.05], [0, 1, 0, -0.1], [-s, 0, c, distance], [0, 0, 0, 1]], np.float32)
    focal = 1.1 * width
    K = [[focal, 0, width / 2 + shift], [0, 0.95 * focal, height / 2 - 3], [0, 0, 1]]
    return Camera(viewmat, np.array(K, np.float32), width, height, f"{angle:.2f}")
