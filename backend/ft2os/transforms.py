"""Turning, scaling and moving Gaussians as a whole: means, covariances and view-dependent colour together.

Used where an object's own matrix takes effect, in the renderer and in exporters that bake it. Only
rotation, uniform scale and translation exist here: under anything else the colours have no exact answer.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ft2os import sh
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

TOLERANCE = 1e-3  # relative; Blender's matrices are float32 products of up to a dozen parents


def decompose(matrix: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Rotation, uniform scale and translation of a similarity transform.

    Parameters
    ----------
    matrix : array_like, [4, 4]
        Column vectors: x' = R·s·x + t.

    Returns
    -------
    rotation : ndarray, float64, [3, 3]
        Exactly orthogonal.
    scale : float
    translation : ndarray, float64, [3]

    Raises
    ------
    RequestError
        If the matrix mirrors, shears, scales the axes differently or is not finite.
    """
    matrix = np.asarray(matrix, dtype=np.float64).reshape(4, 4)
    if not np.isfinite(matrix).all():
        raise RequestError("The object's transform is not finite.", "Clear its location, rotation and scale.")
    linear = matrix[:3, :3]
    determinant = np.linalg.det(linear)
    if determinant < 0:
        raise RequestError("The object is mirrored (negative scale).", "Make its scale positive.")
    u, singular, vt = np.linalg.svd(linear)
    scale = float(np.cbrt(singular.prod()))
    if not scale > 0:
        raise RequestError("The object's scale is zero.", "Give it a scale greater than zero, or hide it.")
    if singular[0] - singular[2] > TOLERANCE * scale:
        raise RequestError(
            "The object is stretched or sheared; splats can only be turned, moved and scaled evenly.",
            "Give its scale, and its parents', the same value on X, Y and Z.",
        )
    return u @ vt, scale, matrix[:3, 3].copy()


def apply(gaussians: Gaussians, matrix: np.ndarray) -> Gaussians:
    """Gaussians moved by a similarity transform; they look as if the camera had moved the other way.

    Parameters
    ----------
    gaussians : Gaussians
    matrix : array_like, [4, 4]
        Rotation, uniform scale, translation; column vectors.

    Returns
    -------
    Gaussians
        The same object when the matrix is the identity.

    Raises
    ------
    RequestError
        See `decompose`.
    """
    matrix = np.asarray(matrix, dtype=np.float64).reshape(4, 4)
    if np.array_equal(matrix, np.eye(4)):
        return gaussians
    if np.array_equal(matrix[:3, :3], np.eye(3)):  # moved only: turning by nothing would cost all other bits
        return gaussians.replace(means=gaussians.means + matrix[:3, 3].astype(np.float32))
    rotation, scale, translation = decompose(matrix)
    linear = (scale * rotation).astype(np.float32)
    return gaussians.replace(
        means=gaussians.means @ linear.T + translation.astype(np.float32),
        quats=_quat_product(quat_from_rotation(rotation), gaussians.quats),
        scales=gaussians.scales * np.float32(scale),
        sh=rotate_sh(gaussians.sh, rotation),
    )


def rotate_sh(coefficients: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Spherical harmonics [N, K, 3] of the same colours after the object turned by ``rotation`` [3, 3]."""
    degree = int(np.sqrt(coefficients.shape[1])) - 1
    turned = coefficients.copy()
    for band in range(1, degree + 1):
        rows = slice(band**2, (band + 1) ** 2)
        matrix = band_rotation(rotation, band).astype(coefficients.dtype)
        turned[:, rows] = np.einsum("ij,njc->nic", matrix, coefficients[:, rows], optimize=True)
    return turned


def band_rotation(rotation: np.ndarray, band: int) -> np.ndarray:
    """Matrix that turns one band's 2·band + 1 coefficients.

    A rotated band stays in its band, so the turned colour Y(Rᵀd)·c equals Y(d)·c' for exactly one c'. Solving
    for it from its values in a few directions needs no recurrence, and any sign convention of Y.

    Returns
    -------
    ndarray, float64, [2·band + 1, 2·band + 1]
        Orthogonal.
    """
    rows = slice(band**2, (band + 1) ** 2)
    directions = _directions()
    turned = sh.basis(directions @ np.asarray(rotation, np.float64), band)[:, rows]
    return _inverse_basis(band) @ turned


def rotation_matrices(quats: np.ndarray) -> np.ndarray:
    """Rotation matrices of unit quaternions wxyz; a matrix's columns are the Gaussian's own axes.

    Parameters
    ----------
    quats : ndarray, [N, 4]

    Returns
    -------
    ndarray, [N, 3, 3]
    """
    w, x, y, z = quats.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def quat_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion wxyz [4] of a rotation matrix [3, 3] (by an eigenvector, stable at any angle)."""
    r = np.asarray(rotation, np.float64)
    k = np.zeros((4, 4))
    k[0, 0] = np.trace(r)
    k[0, 1:] = k[1:, 0] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    k[1:, 1:] = r + r.T - np.trace(r) * np.eye(3)
    quat = np.linalg.eigh(k)[1][:, -1]
    return quat if quat[0] >= 0 else -quat


def _quat_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a·b for one quaternion a [4] and many b [N, 4], in b's dtype."""
    w, x, y, z = a
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return b @ left.T.astype(b.dtype)


@lru_cache(maxsize=1)
def _directions() -> np.ndarray:
    """64 directions spread evenly over the sphere (a Fibonacci spiral): enough for the 9 values of band 4."""
    z = 1 - (2 * np.arange(64) + 1) / 64
    angle = np.arange(64) * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


@lru_cache(maxsize=8)
def _inverse_basis(band: int) -> np.ndarray:
    return np.linalg.pinv(sh.basis(_directions(), band)[:, band**2 : (band + 1) ** 2])
