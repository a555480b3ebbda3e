"""Front-to-back blending of tiles: the pixel loop.

A thread draws one tile at a time in a buffer of cells of eight pixels. A cell holds its pixels'
transmittance, colour, depth, last splat and depth limit side by side in one array, so that LLVM sees
constant distances between them and makes the loop one vector's worth of straight instructions. Cutoffs are
gsplat's; a stopped pixel keeps its transmittance with the sign turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ft2os.kernels import OPTIONS, njit, run
from ft2os.tiles.binning import Bins
from ft2os.tiles.layout import (
    BLUE,
    COEF_A,
    COEF_Q,
    COEF_S,
    DEPTH,
    GREEN,
    LANES,
    OPACITY,
    REACH_Y,
    RED,
    SIGMA_MAX,
    TILE,
    TWO_OVER_A,
)  # fmt: skip
from ft2os.tiles.numeric import ALPHA_MAX, ALPHA_MIN, T_MIN, exp_minus
from ft2os.tiles.projection import Splats

# fields of a cell in the tile's buffer, each LANES floats
_T, _RGBD, _LAST, _LIMIT = 0, LANES, 5 * LANES, 6 * LANES
_CELL = 7 * LANES
UNLIMITED = np.float32(3e38)  # not inf: the kernels are compiled with fastmath


@njit(inline="always", **OPTIONS)
def tile_rows(record, centre_y, last_y):
    """The rows of a tile that a splat reaches: first, last."""
    first = max(0, int(np.ceil(centre_y - record[REACH_Y])))
    return first, min(last_y, int(np.floor(centre_y + record[REACH_Y])))


@njit(inline="always", **OPTIONS)
def row_span(record, centre_x, dy, last_x):
    """Of a row ``dy`` below the centre: its middle, ½q·dy², and its pixels x0..x1 of alpha ≥ 1/255."""
    rise = np.float32(0.5) * record[COEF_Q] * dy * dy
    middle = centre_x - record[COEF_S] * np.float64(dy)
    rest = record[SIGMA_MAX] - rise
    if rest <= 0:
        return np.float32(0), rise, 1, 0
    half = np.sqrt(record[TWO_OVER_A] * rest)
    x0, x1 = int(np.ceil(middle - half)), int(np.floor(middle + half))
    return np.float32(middle), rise, max(0, x0), min(last_x, x1)


@njit(**OPTIONS)
def _cell(cell, first, half_a, rise, opacity, red, green, blue, depth, mark):
    """One splat over eight pixels; returns how many of them stopped."""
    stopped = np.int32(0)
    for lane in range(LANES):
        u = first + np.float32(lane)
        T = cell[lane + _T]
        alpha = min(ALPHA_MAX, opacity * exp_minus(half_a * u * u + rise))
        hit = (alpha >= ALPHA_MIN) & (T > 0) & (depth <= cell[lane + _LIMIT])
        after = T * (np.float32(1) - alpha)
        use = hit & (after > T_MIN)
        stop = hit & (after <= T_MIN)
        weight = alpha * T if use else np.float32(0)
        cell[lane + _T] = after if use else (-T if stop else T)
        cell[lane + _RGBD] += weight * red
        cell[lane + _RGBD + LANES] += weight * green
        cell[lane + _RGBD + 2 * LANES] += weight * blue
        cell[lane + _RGBD + 3 * LANES] += weight * depth
        cell[lane + _LAST] = mark if use else cell[lane + _LAST]
        stopped += np.int32(stop)
    return stopped


@njit(**OPTIONS)
def _tile(ids, begin, end, centres, records, left, top, w, h, buffer, alive):
    """Blend the splats ids[begin:end] into the buffer."""
    rows_left = h
    for k in range(begin, end):
        if rows_left == 0:
            return
        record = records[ids[k]]
        cx, cy = centres[ids[k], 0] - (left + 0.5), centres[ids[k], 1] - (top + 0.5)
        half_a, opacity, depth = np.float32(0.5) * record[COEF_A], record[OPACITY], record[DEPTH]
        red, green, blue = record[RED], record[GREEN], record[BLUE]
        mark = np.float32(k - begin)
        y0, y1 = tile_rows(record, cy, h - 1)
        for y in range(y0, y1 + 1):
            if alive[y] == 0:
                continue
            middle, rise, x0, x1 = row_span(record, cx, np.float32(y - cy), w - 1)
            if x1 < x0:
                continue
            stopped = np.int32(0)
            for block in range(x0 // LANES, x1 // LANES + 1):
                first = np.float32(block * LANES) - middle
                stopped += _cell(
                    buffer[y, block], first, half_a, rise, opacity, red, green, blue, depth, mark
                )  # fmt: skip
            if stopped > 0:
                alive[y] -= stopped
                if alive[y] == 0:
                    rows_left -= 1


@njit(**OPTIONS)
def _clear(buffer, alive, limits, c, left, top, w, h):
    """An empty tile; pixels outside the picture have no transmittance, so nothing reaches them."""
    buffer[:] = np.float32(0)
    for y in range(h):
        alive[y] = w
        for x in range(w):
            cell, lane = buffer[y, x // LANES], x % LANES
            cell[_T + lane] = np.float32(1)
            cell[_LAST + lane] = np.float32(-1)
            cell[_LIMIT + lane] = UNLIMITED
            if len(limits) > 0:
                cell[_LIMIT + lane] = limits[c, top + y, left + x]


@njit(**OPTIONS)
def _blend(share, shares, ids, ranges, turn, x0, y0, x1, y1, centres, records, limits, features, rest, last):
    height, width = rest.shape[1], rest.shape[2]
    across, tiles = x1 - x0, (x1 - x0) * (y1 - y0)
    buffer = np.empty((TILE, TILE // LANES, _CELL), np.float32)
    alive = np.empty(TILE, np.int32)
    for index in range(share, len(turn), shares):
        t = turn[index]
        c, tile = t // tiles, t % tiles
        left, top = (tile % across) * TILE, (tile // across) * TILE
        w, h = min(TILE, width - left), min(TILE, height - top)
        _clear(buffer, alive, limits, c, left, top, w, h)
        _tile(
            ids, ranges[t], ranges[t + 1], centres, records, x0 * TILE + left, y0 * TILE + top, w, h,
            buffer, alive,
        )  # fmt: skip
        for y in range(h):
            for x in range(w):
                cell, lane = buffer[y, x // LANES], x % LANES
                rest[c, top + y, left + x] = abs(cell[_T + lane])
                last[c, top + y, left + x] = np.int32(cell[_LAST + lane])
                for j in range(4):
                    features[c, top + y, left + x, j] = cell[_RGBD + j * LANES + lane]


@dataclass(frozen=True)
class Blended:
    """What blending leaves.

    Parameters
    ----------
    features : ndarray, float32, [C, H, W, 4]
        Σ weight · (red, green, blue, depth) of a window's pixels; no background.
    rest : ndarray, float32, [C, H, W]
        Transmittance left, 1 − alpha.
    last : ndarray, int32, [C, H, W]
        Place of the last contributing splat in its tile's list, −1 where there is none.
    """

    features: np.ndarray
    rest: np.ndarray
    last: np.ndarray


def blend(splats: Splats, bins: Bins, depth_limit: np.ndarray | None = None) -> Blended:
    """Blend the window of ``bins`` for every camera.

    A splat deeper than ``depth_limit`` [C, H, W], the window's, is left out there.
    """
    shape = (len(splats.cams), *bins.window.shape)
    out = Blended(np.empty((*shape, 4), np.float32), np.empty(shape, np.float32), np.empty(shape, np.int32))
    limits = np.zeros((0, 1, 1), np.float32)
    if depth_limit is not None:
        limits = np.fmin(depth_limit, UNLIMITED, dtype=np.float32)
    run(
        _blend, bins.ids, bins.ranges, bins.turn, *bins.window.tiles, splats.centres, splats.records,
        limits, out.features, out.rest, out.last,
    )  # fmt: skip
    return out
