"""The gradient of blending, back to front.

Each pixel's transmittance is unwound from the one it ended with, and the colour behind a splat is carried as
one scalar, its product with the upstream gradient. Every (splat, tile) pair writes its ten sums to a row of
its own, the rows of a splat lying together: no atomics, nothing to sort, the same bits on every run.
"""

from __future__ import annotations

import numpy as np

from ft2os.kernels import OPTIONS, njit, run
from ft2os.tiles.binning import Bins
from ft2os.tiles.blend import Blended, row_span, tile_rows
from ft2os.tiles.layout import (
    BLUE,
    COEF_A,
    DEPTH,
    GREEN,
    LANES,
    OPACITY,
    RED,
    SUM_1,
    SUM_RGBD,
    SUM_U,
    SUM_UU,
    SUM_UY,
    SUM_Y,
    SUM_YY,
    SUMS,
    TILE,
)  # fmt: skip
from ft2os.tiles.numeric import ALPHA_MAX, ALPHA_MIN, exp_minus
from ft2os.tiles.projection import Splats

# fields of a cell in the tile's buffer, each LANES floats
_T, _BEHIND, _GRAD, _LAST = 0, LANES, 2 * LANES, 6 * LANES
_CELL = 7 * LANES


@njit(**OPTIONS)
def _cell(cell, first, half_a, rise, opacity, red, green, blue, depth, mark):
    """One splat over eight pixels: Σ ds·(1, u, u²) and Σ w·∂L/∂(red, green, blue, depth)."""
    s_1, s_u, s_uu = np.float32(0), np.float32(0), np.float32(0)
    s_red, s_green, s_blue, s_depth = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for lane in range(LANES):
        u = first + np.float32(lane)
        raw = opacity * exp_minus(half_a * u * u + rise)
        alpha = min(ALPHA_MAX, raw)
        use = (alpha >= ALPHA_MIN) & (cell[lane + _LAST] >= mark)
        free = use & (raw <= ALPHA_MAX)
        inverse = np.float32(1) / (np.float32(1) - alpha)
        before = cell[lane + _T] * inverse
        weight = alpha * before if use else np.float32(0)
        g0, g1 = cell[lane + _GRAD], cell[lane + _GRAD + LANES]
        g2, g3 = cell[lane + _GRAD + 2 * LANES], cell[lane + _GRAD + 3 * LANES]
        dot = red * g0 + green * g1 + blue * g2 + depth * g3
        slope = cell[lane + _BEHIND] * inverse - before * dot
        ds = alpha * slope if free else np.float32(0)
        cell[lane + _BEHIND] += weight * dot
        cell[lane + _T] = before if use else cell[lane + _T]
        s_1 += ds
        s_u += ds * u
        s_uu += ds * u * u
        s_red += weight * g0
        s_green += weight * g1
        s_blue += weight * g2
        s_depth += weight * g3
    return s_1, s_u, s_uu, s_red, s_green, s_blue, s_depth


@njit(**OPTIONS)
def _splat(record, cx, cy, w, h, mark, buffer, sums):
    """One splat's ten sums over a tile, into ``sums`` [10]."""
    half_a, opacity, depth = np.float32(0.5) * record[COEF_A], record[OPACITY], record[DEPTH]
    red, green, blue = record[RED], record[GREEN], record[BLUE]
    sums[:] = np.float32(0)
    y0, y1 = tile_rows(record, cy, h - 1)
    for y in range(y0, y1 + 1):
        dy = np.float32(y - cy)
        middle, rise, x0, x1 = row_span(record, cx, dy, w - 1)
        if x1 < x0:
            continue
        for block in range(x0 // LANES, x1 // LANES + 1):
            first = np.float32(block * LANES) - middle
            s_1, s_u, s_uu, s_red, s_green, s_blue, s_depth = _cell(
                buffer[y, block], first, half_a, rise, opacity, red, green, blue, depth, mark
            )
            sums[SUM_1] += s_1
            sums[SUM_Y] += s_1 * dy
            sums[SUM_YY] += s_1 * dy * dy
            sums[SUM_U] += s_u
            sums[SUM_UY] += s_u * dy
            sums[SUM_UU] += s_uu
            sums[SUM_RGBD] += s_red
            sums[SUM_RGBD + 1] += s_green
            sums[SUM_RGBD + 2] += s_blue
            sums[SUM_RGBD + 3] += s_depth


@njit(**OPTIONS)
def _load(buffer, rest, last, grad_features, grad_rest, c, left, top, w, h):
    """Where the forward pass ended; returns the place of the tile's last contributing splat."""
    buffer[:] = np.float32(0)
    deepest = -1
    for y in range(h):
        for x in range(w):
            cell, lane = buffer[y, x // LANES], x % LANES
            T = rest[c, top + y, left + x]
            cell[_T + lane] = T
            cell[_BEHIND + lane] = T * grad_rest[c, top + y, left + x]
            cell[_LAST + lane] = np.float32(last[c, top + y, left + x])
            deepest = max(deepest, last[c, top + y, left + x])
            for j in range(4):
                cell[_GRAD + j * LANES + lane] = grad_features[c, top + y, left + x, j]
        for x in range(w, TILE):
            buffer[y, x // LANES, _LAST + x % LANES] = np.float32(-1)
    return deepest


@njit(**OPTIONS)
def _blend_backward(
    share, shares, ids, ranges, turn, across, down, centres, records, boxes, slots, rest, last,
    grad_features, grad_rest, out,
):  # fmt: skip
    height, width = rest.shape[1], rest.shape[2]
    tiles = across * down
    buffer = np.empty((TILE, TILE // LANES, _CELL), np.float32)
    for index in range(share, len(turn), shares):
        t = turn[index]
        c, tile = t // tiles, t % tiles
        tile_x, tile_y = tile % across, tile // across
        left, top = tile_x * TILE, tile_y * TILE
        w, h = min(TILE, width - left), min(TILE, height - top)
        deepest = _load(buffer, rest, last, grad_features, grad_rest, c, left, top, w, h)
        for place in range(deepest, -1, -1):
            i = ids[ranges[t] + place]
            box = boxes[i]
            slot = slots[i] + (tile_y - box[1]) * (box[2] - box[0]) + (tile_x - box[0])
            cx, cy = centres[i, 0] - (left + 0.5), centres[i, 1] - (top + 0.5)
            _splat(records[i], cx, cy, w, h, np.float32(place), buffer, out[slot])


def blend_backward(
    splats: Splats, bins: Bins, blended: Blended, grad_features: np.ndarray, grad_rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of every splat's gradient in every tile.

    Parameters
    ----------
    grad_features : ndarray, float32, [C, H, W, 4]
    grad_rest : ndarray, float32, [C, H, W]

    Returns
    -------
    sums : ndarray, float32, [I, 10]
        Columns as in ``layout``.
    slots : ndarray, int64, [C*N + 1]
        Where each splat's rows begin.
    """
    box = splats.boxes
    slots = np.zeros(len(box) + 1, np.int64)
    np.cumsum((box[:, 2] - box[:, 0]).astype(np.int64) * (box[:, 3] - box[:, 1]), out=slots[1:])
    sums = np.zeros((int(slots[-1]), SUMS), np.float32)
    run(
        _blend_backward, bins.ids, bins.ranges, bins.turn, bins.across, bins.down, splats.centres,
        splats.records, box, slots, blended.rest, blended.last, grad_features, grad_rest, sums,
    )  # fmt: skip
    return sums, slots
