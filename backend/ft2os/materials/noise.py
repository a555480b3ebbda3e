"""Solid noise in numba: gradient noise summed over octaves, and Voronoi cells with true border distances.

Everything a material needs is made of these two, so that compiling them is all the compiling there is.
The kernels take points, not images: a texture is a function of 3-D space and has no seams. Palettes and
the way in which noise becomes a material live beside this module, never here.
"""

from __future__ import annotations

import math

import numpy as np

from ft2os.kernels import OPTIONS, njit, ready, run

PLAIN, BILLOW, RIDGE = 0, 1, 2  # v, |v| and (1 - |v|)^2: clouds, cells and veins


@njit(inline="always", **OPTIONS)
def _hash(x, y, z, seed):
    """Mix a lattice point and a seed into 32 well-spread bits (xxhash's finalizer)."""
    h = np.uint32(
        x * np.int64(374761393) + y * np.int64(668265263) + z * np.int64(2147483647) + seed * 1274126177
    )
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(2246822519))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(3266489917))
    return h ^ (h >> np.uint32(16))


@njit(inline="always", **OPTIONS)
def _gradient(h, x, y, z):
    """Dot product with one of Perlin's twelve gradients (Improving Noise, 2002)."""
    h = h & np.uint32(15)
    u = x if h < 8 else y
    v = y if h < 4 else (x if (h == 12 or h == 14) else z)
    return (u if (h & 1) == 0 else -u) + (v if (h & 2) == 0 else -v)


@njit(**OPTIONS)
def _perlin(x, y, z, seed):
    fx = math.floor(x)
    fy = math.floor(y)
    fz = math.floor(z)
    ix = np.int64(fx)
    iy = np.int64(fy)
    iz = np.int64(fz)
    x -= fx
    y -= fy
    z -= fz
    u = x * x * x * (x * (x * 6 - 15) + 10)
    v = y * y * y * (y * (y * 6 - 15) + 10)
    w = z * z * z * (z * (z * 6 - 15) + 10)
    total = 0.0
    for i in range(2):
        for j in range(2):
            for k in range(2):
                weight = (u if i else 1 - u) * (v if j else 1 - v) * (w if k else 1 - w)
                total += weight * _gradient(_hash(ix + i, iy + j, iz + k, seed), x - i, y - j, z - k)
    return total


@njit(**OPTIONS)
def _fbm(share, shares, points, octaves, gain, seed, kind, out):
    count = len(points)
    for i in range(share * count // shares, (share + 1) * count // shares):
        x = np.float64(points[i, 0])
        y = np.float64(points[i, 1])
        z = np.float64(points[i, 2])
        amplitude = 1.0
        total = 0.0
        weight = 0.0
        for octave in range(octaves):
            # The shift keeps the lattices of two octaves from lining up at the origin.
            value = _perlin(x + octave * 7.31, y - octave * 3.17, z + octave * 1.73, seed + octave)
            if kind == 1:
                value = min(1.0, abs(value) * 1.6)
            elif kind == 2:
                value = max(0.0, 1.0 - abs(value) * 1.6)
                value = value * value
            total += amplitude * value
            weight += amplitude * amplitude if kind == 0 else amplitude
            amplitude *= gain
            x *= 2.03
            y *= 2.03
            z *= 2.03
        out[i] = 1.25 * total / math.sqrt(weight) if kind == 0 else total / weight


def fbm(points: np.ndarray, octaves: int, gain: float, seed: int, kind: int) -> np.ndarray:
    """Sum octaves of gradient noise (each 2.03 times finer and `gain` times weaker than the last).

    Parameters
    ----------
    points : ndarray, float32, [M, 3]
        Where; one unit is one lattice cell of the coarsest octave.
    octaves : int
    gain : float
    seed : int
    kind : int
        `PLAIN`, `BILLOW` or `RIDGE`.

    Returns
    -------
    ndarray, float32, [M]
        PLAIN: mean 0, standard deviation about 1/3 whatever the octaves. BILLOW and RIDGE: within 0..1.
    """
    out = np.empty(len(points), np.float32)
    run(_fbm, ready(points), octaves, gain, seed, kind, out)
    return out


@njit(inline="always", **OPTIONS)
def _feature(x, y, z, seed, jitter):
    h = _hash(x, y, z, seed)
    return (
        x + 0.5 + jitter * ((h & np.uint32(1023)) / 1023.0 - 0.5),
        y + 0.5 + jitter * (((h >> np.uint32(10)) & np.uint32(1023)) / 1023.0 - 0.5),
        z + 0.5 + jitter * (((h >> np.uint32(20)) & np.uint32(1023)) / 1023.0 - 0.5),
    )


@njit(**OPTIONS)
def _voronoi(share, shares, points, seed, jitter, out):
    count = len(points)
    for i in range(share * count // shares, (share + 1) * count // shares):
        px = np.float64(points[i, 0])
        py = np.float64(points[i, 1])
        pz = np.float64(points[i, 2])
        cx = np.int64(math.floor(px))
        cy = np.int64(math.floor(py))
        cz = np.int64(math.floor(pz))
        best = 1e9
        bx = 0.0
        by = 0.0
        bz = 0.0
        owner = np.uint32(0)
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    fx, fy, fz = _feature(cx + dx, cy + dy, cz + dz, seed, jitter)
                    d = (fx - px) ** 2 + (fy - py) ** 2 + (fz - pz) ** 2
                    if d < best:
                        best = d
                        bx, by, bz = fx, fy, fz
                        owner = _hash(cx + dx, cy + dy, cz + dz, seed + 977)
        border = 1e9
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    fx, fy, fz = _feature(cx + dx, cy + dy, cz + dz, seed, jitter)
                    ex = fx - bx
                    ey = fy - by
                    ez = fz - bz
                    length = math.sqrt(ex * ex + ey * ey + ez * ez)
                    if length > 1e-6:
                        mx = 0.5 * (fx + bx) - px
                        my = 0.5 * (fy + by) - py
                        mz = 0.5 * (fz + bz) - pz
                        border = min(border, (mx * ex + my * ey + mz * ez) / length)
        out[i, 0] = math.sqrt(best)
        out[i, 1] = max(0.0, border)
        out[i, 2] = (owner & np.uint32(65535)) / 65535.0
        out[i, 3] = (owner >> np.uint32(16)) / 65535.0
        out[i, 4] = px - bx
        out[i, 5] = py - by
        out[i, 6] = pz - bz


def voronoi(points: np.ndarray, seed: int, jitter: float) -> np.ndarray:
    """Voronoi cells around one jittered feature per lattice cell (Worley 1996; borders as Quilez 2012).

    Parameters
    ----------
    points : ndarray, float32, [M, 3]
    seed : int
    jitter : float
        0: a regular grid; 1: features anywhere in their lattice cell.

    Returns
    -------
    ndarray, float32, [M, 7]
        Distance to the nearest feature, distance to the nearest border between cells, two random numbers
        in 0..1 that belong to the cell, and the way from the feature to the point.
    """
    out = np.empty((len(points), 7), np.float32)
    run(_voronoi, ready(points), seed, jitter, out)
    return out
