"""The blending loop as the papers write it down, for comparison: every pixel walks its tile's list.

Same splats, same lists, same cutoffs and threads as ``ft2os.tiles``, but one pixel at a time, with libm's exp
and no bound on a splat's rows. It is the baseline of ``benchmarks.rasterizer``, measured in the same process,
so that its ratio can be compared between machines and between moments of a busy one.
"""

from __future__ import annotations

import math

import numpy as np

from ft2os.kernels import OPTIONS, njit, run
from ft2os.tiles.binning import Bins
from ft2os.tiles.layout import COEF_A, COEF_Q, COEF_S, OPACITY, RED, TILE
from ft2os.tiles.numeric import ALPHA_MAX, ALPHA_MIN, T_MIN
from ft2os.tiles.projection import Splats


@njit(**OPTIONS)
def _alpha(record, dx, dy):
    u = dx + record[COEF_S] * dy
    half = np.float32(0.5)
    sigma = half * record[COEF_A] * u * u + half * record[COEF_Q] * dy * dy
    return min(ALPHA_MAX, record[OPACITY] * np.float32(math.exp(-sigma))), u


@njit(**OPTIONS)
def _forward(share, shares, ids, ranges, across, centres, records, features, rest, last):
    height, width = rest.shape
    for t in range(share, len(ranges) - 1, shares):
        left, top = (t % across) * TILE, (t // across) * TILE
        for y in range(top, min(top + TILE, height)):
            for x in range(left, min(left + TILE, width)):
                T, end = np.float32(1), -1
                total = np.zeros(4, np.float32)
                for k in range(ranges[t], ranges[t + 1]):
                    record, centre = records[ids[k]], centres[ids[k]]
                    alpha, _ = _alpha(
                        record, np.float32(x + 0.5 - centre[0]), np.float32(y + 0.5 - centre[1])
                    )
                    if alpha < ALPHA_MIN:
                        continue
                    after = T * (np.float32(1) - alpha)
                    if after <= T_MIN:
                        break
                    for j in range(4):
                        total[j] += alpha * T * record[RED + j]
                    T, end = after, k
                features[y, x], rest[y, x], last[y, x] = total, T, end


@njit(**OPTIONS)
def _backward(share, shares, ids, ranges, across, centres, records, rest, last, grad, grad_rest, out):
    height, width = rest.shape
    for t in range(share, len(ranges) - 1, shares):
        left, top = (t % across) * TILE, (t // across) * TILE
        for y in range(top, min(top + TILE, height)):
            for x in range(left, min(left + TILE, width)):
                T = rest[y, x]
                behind = T * grad_rest[y, x]
                for k in range(last[y, x], ranges[t] - 1, -1):
                    record, centre = records[ids[k]], centres[ids[k]]
                    dy = np.float32(y + 0.5 - centre[1])
                    alpha, u = _alpha(record, np.float32(x + 0.5 - centre[0]), dy)
                    if alpha < ALPHA_MIN:
                        continue
                    inverse = np.float32(1) / (np.float32(1) - alpha)
                    T *= inverse
                    dot = np.float32(0)
                    for j in range(4):
                        dot += record[RED + j] * grad[y, x, j]
                        out[k, 6 + j] += alpha * T * grad[y, x, j]
                    ds = alpha * (behind * inverse - T * dot)
                    behind += alpha * T * dot
                    out[k, 0] += ds
                    out[k, 1] += ds * dy
                    out[k, 2] += ds * dy * dy
                    out[k, 3] += ds * u
                    out[k, 4] += ds * u * dy
                    out[k, 5] += ds * u * u


def blend(splats: Splats, bins: Bins) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One camera's features [H, W, 4], transmittance [H, W], last places [H, W]."""
    shape = (splats.height, splats.width)
    out = np.empty((*shape, 4), np.float32), np.empty(shape, np.float32), np.empty(shape, np.int64)
    run(_forward, bins.ids, bins.ranges, bins.across, splats.centres, splats.records, *out)
    return out


def blend_backward(
    splats: Splats, bins: Bins, rest: np.ndarray, last: np.ndarray, grad: np.ndarray, grad_rest: np.ndarray
) -> np.ndarray:
    """Ten sums of every entry of the lists, [I, 10]."""
    out = np.zeros((len(bins.ids), 10), np.float32)
    run(
        _backward, bins.ids, bins.ranges, bins.across, splats.centres, splats.records, rest, last, grad,
        grad_rest, out,
    )  # fmt: skip
    return out
