"""The pinhole camera every room shares: OpenCV axes (x right, y down, z forward), world-to-camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Camera:
    """One view.

    Parameters
    ----------
    viewmat : ndarray, float32, [4, 4]
        World to camera.
    K : ndarray, float32, [3, 3]
        Intrinsics in pixels; pixel (0, 0) has its centre at (0.5, 0.5).
    width, height : int
        Pixels.
    name : str
        The image's name, without a folder.
    """

    viewmat: np.ndarray
    K: np.ndarray
    width: int
    height: int
    name: str = ""

    @property
    def position(self) -> np.ndarray:
        """Camera centre in world coordinates.  [3]"""
        return -self.viewmat[:3, :3].T @ self.viewmat[:3, 3]

    def resized(self, width: int, height: int) -> Camera:
        """The same view at another resolution; the aspect may change, the field of view does not."""
        scale = np.diag([width / self.width, height / self.height, 1.0]).astype(np.float32)
        return replace(self, K=scale @ self.K, width=width, height=height)

    def cropped(self, x0: float, y0: float, size: float, pixels: int) -> Camera:
        """A square window of the picture, ``size`` pixels wide from (x0, y0), drawn at ``pixels``²."""
        K = self.K.astype(np.float64).copy()
        K[0, 2] -= x0
        K[1, 2] -= y0
        K[:2] *= pixels / size
        return replace(self, K=K.astype(np.float32), width=pixels, height=pixels)


def stack(cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """``viewmats`` [C, 4, 4] and ``Ks`` [C, 3, 3] of cameras that share a size, contiguous float32."""
    viewmats = np.stack([c.viewmat for c in cameras]).astype(np.float32)
    return viewmats, np.stack([c.K for c in cameras]).astype(np.float32)
