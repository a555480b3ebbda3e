"""The real spherical harmonics that splat files use, as a NumPy matrix: order, signs, degree 0 to 4.

This is the slow version for mathematics (turning coefficients, tests); ``ft2os.tiles.sh`` evaluates
millions of them for rendering.
"""

from __future__ import annotations

import numpy as np


def basis(dirs: np.ndarray, degree: int) -> np.ndarray:
    """Values of every basis function in some directions.

    Parameters
    ----------
    dirs : ndarray, [M, 3]
        Unit directions, from the camera to the Gaussian.
    degree : int
        0 to 4.

    Returns
    -------
    ndarray, [M, (degree + 1)**2]
        In the dtype of ``dirs``.

    References
    ----------
    Sloan, "Efficient Spherical Harmonic Evaluation", JCGT 2013; signs as in gsplat and Inria's 3DGS.
    """
    if not 0 <= degree <= 4:
        raise ValueError(f"degree is {degree}, expected 0 to 4")
    x, y, z = np.asarray(dirs).T
    z2 = z * z
    # Real and imaginary parts of (x + iy)^m: cosine and sine terms of order m.
    c1, s1 = x, y
    c2, s2 = x * c1 - y * s1, x * s1 + y * c1
    c3, s3 = x * c2 - y * s2, x * s2 + y * c2
    c4, s4 = x * c3 - y * s3, x * s3 + y * c3
    p20 = 0.9461746957575601 * z2 - 0.3153915652525201
    p30 = z * (1.865881662950577 * z2 - 1.119528997770346)
    p21, p31 = -1.092548430592079 * z, -2.285228997322329 * z2 + 0.4570457994644658
    p32, p41 = 1.445305721320277 * z, z * (-4.683325804901025 * z2 + 2.007139630671868)
    p42, p43 = 3.31161143515146 * z2 - 0.47308734787878, -1.770130769779931 * z
    p40 = 1.984313483298443 * z * p30 - 1.006230589874905 * p20
    a1, a2, a3, a4 = 0.48860251190292, 0.5462742152960395, -0.5900435899266435, 0.6258357354491763
    bands = [
        [np.full_like(x, 0.2820947917738781)],
        [-a1 * s1, a1 * z, -a1 * c1],
        [a2 * s2, p21 * s1, p20, p21 * c1, a2 * c2],
        [a3 * s3, p32 * s2, p31 * s1, p30, p31 * c1, p32 * c2, a3 * c3],
        [a4 * s4, p43 * s3, p42 * s2, p41 * s1, p40, p41 * c1, p42 * c2, p43 * c3, a4 * c4],
    ]
    return np.stack([value for band in bands[: degree + 1] for value in band], axis=1)
