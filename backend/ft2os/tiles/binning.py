"""Which splats touch which tile, nearest first.

Depth order comes from one integer sort a camera: a positive float's bits order like the float, so the key is
(depth bits, index) and needs neither a stable sort nor an indirection. Splats are then counted and scattered
in parallel by contiguous stretches of that order, which keeps every tile's list sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ft2os import threads
from ft2os.kernels import OPTIONS, njit, run
from ft2os.tiles.layout import DEPTH, TILE
from ft2os.tiles.projection import Splats


@njit(**OPTIONS)
def _count(share, shares, order, starts, boxes, across, chunks, counts):
    for task in range(share, len(counts), shares):
        c, chunk = task // chunks, task % chunks
        n = starts[c + 1] - starts[c]
        for k in range(starts[c] + chunk * n // chunks, starts[c] + (chunk + 1) * n // chunks):
            i = order[k]
            for y in range(boxes[i, 1], boxes[i, 3]):
                for x in range(boxes[i, 0], boxes[i, 2]):
                    counts[task, y * across + x] += 1


@njit(**OPTIONS)
def _scatter(share, shares, order, starts, boxes, across, chunks, cursors, ids):
    for task in range(share, len(cursors), shares):
        c, chunk = task // chunks, task % chunks
        n = starts[c + 1] - starts[c]
        for k in range(starts[c] + chunk * n // chunks, starts[c] + (chunk + 1) * n // chunks):
            i = order[k]
            for y in range(boxes[i, 1], boxes[i, 3]):
                for x in range(boxes[i, 0], boxes[i, 2]):
                    tile = y * across + x
                    ids[cursors[task, tile]] = i
                    cursors[task, tile] += 1


@dataclass(frozen=True)
class Bins:
    """The splats of every tile of every camera.

    Parameters
    ----------
    ids : ndarray, int32, [I]
        Rows of the splats, tile by tile, nearest first.
    ranges : ndarray, int64, [C*tiles + 1]
        Where each tile's stretch of ``ids`` begins.
    turn : ndarray, int64, [C*tiles]
        Tiles by falling load: workers take them in turn, so that each gets its share of the heavy ones.
    across, down : int
        Tiles in a row, in a column.
    """

    ids: np.ndarray
    ranges: np.ndarray
    turn: np.ndarray
    across: int
    down: int


def _depth_order(splats: Splats) -> tuple[np.ndarray, np.ndarray]:
    """Seen splats sorted by depth, camera after camera, and where each camera begins."""
    n, cameras = splats.count, len(splats.cams)
    orders = []
    for c in range(cameras):
        boxes = splats.boxes[c * n : (c + 1) * n]
        seen = np.flatnonzero(boxes[:, 2] > boxes[:, 0]).astype(np.uint64)
        bits = splats.records[c * n : (c + 1) * n, DEPTH][seen].view(np.uint32).astype(np.uint64)
        key = np.sort((bits << np.uint64(32)) | seen)
        orders.append((key & np.uint64(0xFFFFFFFF)).astype(np.int32) + np.int32(c * n))
    starts = np.zeros(cameras + 1, np.int64)
    np.cumsum([len(o) for o in orders], out=starts[1:])
    return np.concatenate([*orders, np.zeros(0, np.int32)]), starts


def bin_splats(splats: Splats) -> Bins:
    """Sort splats into tiles of 16×16 pixels."""
    across, down = -(-splats.width // TILE), -(-splats.height // TILE)
    cameras, tiles = len(splats.cams), across * down
    order, starts = _depth_order(splats)
    chunks = max(1, min(threads.workers(), len(order) // 4096))
    counts = np.zeros((cameras * chunks, tiles), np.int32)
    run(_count, order, starts, splats.boxes, across, chunks, counts)
    # ids are laid out camera, tile, chunk: within a tile the chunks keep the depth order
    flat = counts.reshape(cameras, chunks, tiles).transpose(0, 2, 1).reshape(-1)
    ends = np.cumsum(flat, dtype=np.int64)
    begins = (ends - flat).reshape(cameras, tiles, chunks)
    ranges = np.append(begins[:, :, 0].reshape(-1), ends[-1] if len(ends) else 0)
    cursors = np.ascontiguousarray(begins.transpose(0, 2, 1)).reshape(cameras * chunks, tiles)
    ids = np.empty(int(ranges[-1]), np.int32)
    run(_scatter, order, starts, splats.boxes, across, chunks, cursors, ids)
    return Bins(ids, ranges, np.argsort(-np.diff(ranges), kind="stable"), across, down)
