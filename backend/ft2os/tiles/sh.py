"""Real spherical harmonics of degree 0 to 4, with the signs and the order of 3DGS files.

Y(l, ±m) is a polynomial P(l, m) in z times the real or imaginary part of (x + iy)^m (Sloan, "Efficient
Spherical Harmonic Evaluation", JCGT 2013). The gradient follows from the same product; off the unit sphere
these polynomials are one extension among many, so callers project the gradient on the tangent plane.
"""

from __future__ import annotations

import numpy as np

from ft2os.kernels import OPTIONS, njit, ready

SIZE = 25  # coefficients of degree 4


@njit(**OPTIONS)
def _polynomials(z, degree, P, D):
    """P(l, m)(z) into ``P`` [15] and its derivative into ``D`` [15], at index l(l+1)/2 + m."""
    P[0] = 0.2820947917738781
    D[0] = 0.0
    if degree < 1:
        return
    P[1], D[1] = 0.48860251190292 * z, 0.48860251190292
    P[2], D[2] = -0.48860251190292, 0.0
    if degree < 2:
        return
    z2 = z * z
    P[3], D[3] = 0.9461746957575601 * z2 - 0.3153915652525201, 2.0 * 0.9461746957575601 * z
    P[4], D[4] = -1.092548430592079 * z, -1.092548430592079
    P[5], D[5] = 0.5462742152960395, 0.0
    if degree < 3:
        return
    P[6] = z * (1.865881662950577 * z2 - 1.119528997770346)
    D[6] = 3.0 * 1.865881662950577 * z2 - 1.119528997770346
    P[7], D[7] = -2.285228997322329 * z2 + 0.4570457994644658, -2.0 * 2.285228997322329 * z
    P[8], D[8] = 1.445305721320277 * z, 1.445305721320277
    P[9], D[9] = -0.5900435899266435, 0.0
    if degree < 4:
        return
    P[10] = 1.984313483298443 * z * P[6] - 1.006230589874905 * P[3]
    D[10] = 1.984313483298443 * (P[6] + z * D[6]) - 1.006230589874905 * D[3]
    P[11] = z * (-4.683325804901025 * z2 + 2.007139630671868)
    D[11] = -3.0 * 4.683325804901025 * z2 + 2.007139630671868
    P[12], D[12] = 3.31161143515146 * z2 - 0.47308734787878, 2.0 * 3.31161143515146 * z
    P[13], D[13] = -1.770130769779931 * z, -1.770130769779931
    P[14], D[14] = 0.6258357354491763, 0.0


@njit(**OPTIONS)
def basis(x, y, z, degree, work, Y):
    """Y of a unit direction.

    ``work`` float64 [6, 25] is scratch, ``Y`` float64 [25] receives (degree+1)² values.
    """
    P, D, C, S = work[0], work[1], work[2], work[3]
    _polynomials(z, degree, P, D)
    C[0], S[0] = 1.0, 0.0
    for m in range(1, degree + 1):
        C[m] = x * C[m - 1] - y * S[m - 1]
        S[m] = x * S[m - 1] + y * C[m - 1]
    for band in range(degree + 1):
        centre = band * band + band
        row = band * (band + 1) // 2
        Y[centre] = P[row]
        for m in range(1, band + 1):
            Y[centre + m] = P[row + m] * C[m]
            Y[centre - m] = P[row + m] * S[m]


@njit(**OPTIONS)
def basis_gradient(degree, work, weights):
    """Gradient of Σ weights·Y with respect to (x, y, z), after ``basis`` has filled ``work``."""
    P, D, C, S = work[0], work[1], work[2], work[3]
    gx, gy, gz = 0.0, 0.0, 0.0
    for band in range(1, degree + 1):
        centre = band * band + band
        row = band * (band + 1) // 2
        gz += weights[centre] * D[row]
        for m in range(1, band + 1):
            plus, minus = weights[centre + m], weights[centre - m]
            p = P[row + m] * m
            gx += p * (plus * C[m - 1] + minus * S[m - 1])
            gy += p * (minus * C[m - 1] - plus * S[m - 1])
            gz += D[row + m] * (plus * C[m] + minus * S[m])
    return gx, gy, gz


@njit(**OPTIONS)
def _evaluate(coefficients, dirs, degree, out):
    work = np.empty((6, SIZE))
    Y = np.empty(SIZE)
    for i in range(len(dirs)):
        x, y, z = np.float64(dirs[i, 0]), np.float64(dirs[i, 1]), np.float64(dirs[i, 2])
        length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
        basis(x / length, y / length, z / length, degree, work, Y)
        for ch in range(3):
            value = 0.0
            for k in range((degree + 1) ** 2):
                value += Y[k] * coefficients[i, k, ch]
            out[i, ch] = value


def evaluate(sh: np.ndarray, dirs: np.ndarray, degree: int | None = None) -> np.ndarray:
    """Σ sh·Y(direction), without the ½ and without clamping.

    Parameters
    ----------
    sh : ndarray, [N, K, 3]
        Raw coefficients.
    dirs : ndarray, [N, 3]
        Directions from the camera to the Gaussian, any length.
    degree : int, optional
        Use only the bands up to this degree.

    Returns
    -------
    ndarray, float32, [N, 3]
    """
    top = int(np.sqrt(sh.shape[1])) - 1
    out = np.empty((len(sh), 3), np.float32)
    _evaluate(ready(sh), ready(dirs), top if degree is None else min(degree, top), out)
    return out
