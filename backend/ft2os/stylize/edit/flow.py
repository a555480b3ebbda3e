"""Smooth flow between an edited view and what the views agree on: detail can lie where it lies in the others.

An editor puts texture a few pixels beside where another view has it, and the mean of misplaced pictures is a
blur. The flow lives on a coarse grid of nodes between which it is bilinear. It is the most probable one:
differences count by the noise that is measured in them, against a prior that flow is small and smooth. So
views that agree hardly move, and noise moves nothing. Gauss-Newton, coarse to fine, on plain threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from ft2os.kernels import OPTIONS, njit, ready

_SIDE = 104  # pixels of the shorter side at which flow is searched
_NODES = 16  # cells along the shorter side
_NOISE = np.float32(0.008)  # the least, of a pixel
_SWEEPS = 24


@dataclass(frozen=True)
class Smoothness:
    """What is known of flow before a picture is seen.

    Parameters
    ----------
    bend : float
        Usual change of the flow along one pixel, in pixels.
    reach : float
        Usual flow, of the shorter side.
    patch : float
        Pixels at search size that say the same thing: noise of edits is not a pixel's own.
    blurs : tuple of float
        Of the levels, in pixels at search size.
    steps : int
        A level.
    """

    bend: float = 0.06
    reach: float = 0.02
    patch: float = 8.0
    blurs: tuple[float, ...] = (4.0, 2.0, 1.0)
    steps: int = 3


def flow(
    fixed: np.ndarray,  # [H, W, 3]
    moving: np.ndarray,  # [H, W, 3]
    weight: np.ndarray,  # [H, W] >= 0
    prior: Smoothness = Smoothness(),
) -> np.ndarray:  # float32 [2, H, W]
    """Where in ``moving`` lies what ``fixed`` shows: moving(x + flow) ≈ fixed(x); rows first, in pixels."""
    h, w = weight.shape
    k = max(1, round(min(h, w) / _SIDE))
    small = [_shrunk(x, k) for x in (fixed, moving, weight[..., None])]
    cell = min(small[0].shape[:2]) / _NODES
    shape = tuple(int(np.ceil(n / cell)) + 1 for n in small[0].shape[:2])
    nodes = np.zeros((*shape, 2), np.float32)
    reach = prior.reach * min(small[0].shape[:2])
    for blur in prior.blurs:
        a, b = (ready(gaussian_filter(x, (blur, blur, 0), mode="nearest")) for x in small[:2])
        area = np.float32(prior.patch + 2 * blur**2)
        _search(
            a, b, _slopes(a), _slopes(b), ready(small[2][..., 0]), nodes, np.float32(cell),
            np.float32(1 / (prior.bend * cell) ** 2), np.float32(1 / reach**2), area, prior.steps,
        )  # fmt: skip
    out = np.empty((2, h, w), np.float32)
    _spread(nodes, np.float32(cell), np.float32(k), out)
    return out


def warp(picture: np.ndarray, by: np.ndarray) -> np.ndarray:
    """The picture [H, W, 3] at x + ``by`` [2, H, W], by cubic convolution, which blurs least.  float32"""
    out = np.empty(picture.shape, np.float32)
    _sample(ready(picture), ready(by), out)
    return out


def _shrunk(picture: np.ndarray, k: int) -> np.ndarray:
    """Means of k × k pixels; the last rows and columns are repeated where they do not fill a block."""
    h, w = picture.shape[:2]
    padded = np.pad(picture, ((0, -h % k), (0, -w % k), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // k, k, padded.shape[1] // k, k, -1)
    return ready(blocks.mean(axis=(1, 3)))


def _slopes(picture: np.ndarray) -> np.ndarray:
    """Of each channel along rows and columns.  [H, W, 2 · C]"""
    slopes = [np.gradient(picture, axis=axis) for axis in (0, 1)]
    return ready(np.stack(slopes, axis=-1).reshape(*picture.shape[:2], -1))


@njit(inline="always", **OPTIONS)
def _place(at, last):
    """The cell that a coordinate falls into, and how far into it."""
    at = min(max(at, np.float32(0)), np.float32(last))
    i = min(int(at), last - 1)
    return i, at - np.float32(i)


@njit(inline="always", **OPTIONS)
def _between(values, i, j, v, u, c):
    """Channel ``c`` at ``v``, ``u`` of the way through a cell."""
    above = (1 - u) * values[i, j, c] + u * values[i, j + 1, c]
    below = (1 - u) * values[i + 1, j, c] + u * values[i + 1, j + 1, c]
    return (1 - v) * above + v * below


@njit(**OPTIONS)
def _search(fixed, moving, fixed_slopes, slopes, weight, nodes, cell, smooth, small, area, steps):
    """``nodes`` [R, C, 2] moved by so many steps; ``smooth`` and ``small`` are the prior's precisions."""
    h, w = weight.shape
    rows, columns = nodes.shape[0], nodes.shape[1]
    terms = np.zeros(5, np.float32)
    noise = np.float32(0)
    for _ in range(steps):
        sums = np.zeros((rows, columns, 5), np.float32)
        error, total = np.float32(0), np.float32(0)
        for y in range(h):
            i, v = _place(np.float32(y) / cell, rows - 1)
            for x in range(w):
                much = weight[y, x]
                if much <= 0:
                    continue
                j, u = _place(np.float32(x) / cell, columns - 1)
                m, b = _place(np.float32(y) + _between(nodes, i, j, v, u, 0), h - 1)
                n, a = _place(np.float32(x) + _between(nodes, i, j, v, u, 1), w - 1)
                square = _compare(fixed, moving, fixed_slopes, slopes, y, x, m, n, b, a, terms)
                error += much * square
                total += much
                if noise > 0:
                    much *= np.float32(1) / (np.float32(1) + square / (np.float32(4) * noise))
                for k in range(4):
                    share = much * (v if k // 2 else 1 - v) * (u if k % 2 else 1 - u)
                    for c in range(5):
                        sums[i + k // 2, j + k % 2, c] += share * terms[c]
        noise = max(error / max(total, np.float32(1e-6)), _NOISE * _NOISE)
        _settle(sums, nodes, np.float32(1) / (noise * area), smooth, small)


@njit(inline="always", **OPTIONS)
def _compare(fixed, moving, fixed_slopes, slopes, y, x, m, n, b, a, terms):
    """The normal equations of one pixel in ``terms``; its mean squared difference."""
    half = np.float32(0.5)
    terms[:] = np.float32(0)
    square = np.float32(0)
    for c in range(3):
        down = half * (_between(slopes, m, n, b, a, 2 * c) + fixed_slopes[y, x, 2 * c])
        right = half * (_between(slopes, m, n, b, a, 2 * c + 1) + fixed_slopes[y, x, 2 * c + 1])
        apart = fixed[y, x, c] - _between(moving, m, n, b, a, c)
        terms[0] += down * down
        terms[1] += right * right
        terms[2] += down * right
        terms[3] += down * apart
        terms[4] += right * apart
        square += apart * apart
    return square / np.float32(3)


@njit(**OPTIONS)
def _settle(sums, nodes, certain, smooth, small):
    """Gauss-Seidel on the nodes: data of ``sums``, neighbours alike, all small."""
    rows, columns = nodes.shape[0], nodes.shape[1]
    old = nodes.copy()
    for _ in range(_SWEEPS):
        for i in range(rows):
            for j in range(columns):
                near, ny, nx = np.float32(0), np.float32(0), np.float32(0)
                for k in range(4):
                    m, n = i + (k == 0) - (k == 1), j + (k == 2) - (k == 3)
                    if 0 <= m < rows and 0 <= n < columns:
                        near += smooth
                        ny += smooth * nodes[m, n, 0]
                        nx += smooth * nodes[m, n, 1]
                yy, xx, xy = certain * sums[i, j, 0], certain * sums[i, j, 1], certain * sums[i, j, 2]
                by = certain * sums[i, j, 3] + yy * old[i, j, 0] + xy * old[i, j, 1] + ny
                bx = certain * sums[i, j, 4] + xy * old[i, j, 0] + xx * old[i, j, 1] + nx
                yy += near + small
                xx += near + small
                det = yy * xx - xy * xy
                nodes[i, j, 0] = (xx * by - xy * bx) / det
                nodes[i, j, 1] = (yy * bx - xy * by) / det


@njit(**OPTIONS)
def _spread(nodes, cell, scale, out):
    """Flow [2, H, W] of every pixel, ``scale`` of them to a side of a search pixel."""
    rows, columns = nodes.shape[0], nodes.shape[1]
    half = np.float32(0.5)
    for y in range(out.shape[1]):
        i, v = _place(((np.float32(y) + half) / scale - half) / cell, rows - 1)
        for x in range(out.shape[2]):
            j, u = _place(((np.float32(x) + half) / scale - half) / cell, columns - 1)
            for c in range(2):
                out[c, y, x] = scale * _between(nodes, i, j, v, u, c)


@njit(inline="always", **OPTIONS)
def _cubic(t):
    """Catmull and Rom's four weights for a place between the two in the middle."""
    half = np.float32(0.5)
    return (
        half * t * (-1 + t * (2 - t)),
        half * (2 + t * t * (3 * t - 5)),
        half * t * (1 + t * (4 - 3 * t)),
        half * t * t * (t - 1),
    )


@njit(**OPTIONS)
def _sample(picture, by, out):
    h, w = picture.shape[0], picture.shape[1]
    for y in range(h):
        for x in range(w):
            m, b = _place(np.float32(y) + by[0, y, x], h - 1)
            n, a = _place(np.float32(x) + by[1, y, x], w - 1)
            down, across = _cubic(b), _cubic(a)
            for c in range(picture.shape[2]):
                total = np.float32(0)
                for i in range(4):
                    row = min(max(m + i - 1, 0), h - 1)
                    line = np.float32(0)
                    for j in range(4):
                        line += across[j] * picture[row, min(max(n + j - 1, 0), w - 1), c]
                    total += down[i] * line
                out[y, x, c] = total
