"""The pinhole camera every room shares: OpenCV axes (x right, y down, z forward), world-to-camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import isfile  # unlike Path.is_file also says no to names that no file can have
from pathlib import Path

import numpy as np

from ft2os import budget
from ft2os.errors import FileError

_MAX_SIDE = 1 << 16
_PHOTO_ENDINGS = ("", ".png", ".jpg", ".jpeg", ".JPG", ".PNG")  # Inria's and NeRF's files leave it out


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
    photo : Path, optional
        The picture that the capture took there.
    """

    viewmat: np.ndarray
    K: np.ndarray
    width: int
    height: int
    name: str = ""
    photo: Path | None = None

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


def check_count(count: int, path: Path) -> None:
    """Refuse more cameras than a capture has, before one is made.

    Raises
    ------
    FileError
        If there are more.
    """
    if count > budget.MOST_CAMERAS:
        raise FileError(
            f"{path.name} claims {count:,} cameras; no more than {budget.MOST_CAMERAS:,} are read.",
            "Choose a part of the capture.",
        )


def checked(camera: Camera) -> Camera:
    """The camera itself, if it makes sense: what files say may be anything.

    Raises
    ------
    ValueError
        If it has no size or a huge one, holds NaN or infinite values, or its axes are not perpendicular.
    """
    width, height, K, viewmat = camera.width, camera.height, camera.K, camera.viewmat.astype(np.float64)
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError(f"its size is {width}×{height}")
    if not (np.isfinite(viewmat).all() and np.isfinite(K).all()):
        raise ValueError("it holds NaN or infinite values")
    rotation = viewmat[:3, :3]
    if min(K[0, 0], K[1, 1]) <= 0 or np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2:
        raise ValueError("its focal length or rotation makes no sense")
    if np.linalg.det(rotation) < 0:
        raise ValueError("its pose is mirrored")
    return camera


def photo_in(folder: Path, name: str) -> Path | None:
    """The picture of that name, with or without its ending, None where there is none.

    Files come from anywhere: nothing outside ``folder``'s own tree is touched.
    """
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    return next((p for end in _PHOTO_ENDINGS if isfile(p := folder / f"{name}{end}")), None)
