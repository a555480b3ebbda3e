"""Which splats touch which tile, nearest first; for a whole picture or for a window of it.

Depth order comes from one integer sort a camera: a positive float's bits order like the float, so the key is
(depth bits, index) and needs neither a stable sort nor an indirection. Splats are then counted and scattered
in parallel by contiguous stretches of that order, which keeps every tile's list sorted.

A splat may touch every tile, so the lists of a whole picture have no bound but splats times tiles.
``windows`` cuts a picture where they or the pixels would become too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ft2os import threads
from ft2os.errors import RequestError
from ft2os.kernels import OPTIONS, njit, run
from ft2os.process import available_memory
from ft2os.tiles.layout import DEPTH, TILE
from ft2os.tiles.projection import Splats

_SMALL = 1 << 28  # bytes that are taken without asking
WINDOW_PIXELS = 1 << 21  # of a window: some 60 bytes each
WINDOW_ENTRIES = 1 << 22  # in the lists of a window: half a second of two cores, should each fill its tile


@njit(**OPTIONS)
def _overlap(box, x0, y0, x1, y1):
    """The part of a splat's tiles within a window: first and end column, first and end row."""
    return max(box[0], x0), min(box[2], x1), max(box[1], y0), min(box[3], y1)


@njit(**OPTIONS)
def _entries(share, shares, boxes, x0, y0, x1, y1, sums):
    n = len(boxes)
    total = 0
    for i in range(share * n // shares, (share + 1) * n // shares):
        left, right, top, bottom = _overlap(boxes[i], x0, y0, x1, y1)
        if left < right and top < bottom:
            total += np.int64(right - left) * np.int64(bottom - top)
    sums[share] = total


@njit(**OPTIONS)
def _count(share, shares, order, starts, boxes, x0, y0, x1, y1, chunks, counts):
    across = x1 - x0
    for task in range(share, len(counts), shares):
        c, chunk = task // chunks, task % chunks
        n = starts[c + 1] - starts[c]
        for k in range(starts[c] + chunk * n // chunks, starts[c] + (chunk + 1) * n // chunks):
            left, right, top, bottom = _overlap(boxes[order[k]], x0, y0, x1, y1)
            for y in range(top, bottom):
                for x in range(left, right):
                    counts[task, (y - y0) * across + x - x0] += 1


@njit(**OPTIONS)
def _scatter(share, shares, order, starts, boxes, x0, y0, x1, y1, chunks, cursors, ids):
    across = x1 - x0
    for task in range(share, len(cursors), shares):
        c, chunk = task // chunks, task % chunks
        n = starts[c + 1] - starts[c]
        for k in range(starts[c] + chunk * n // chunks, starts[c] + (chunk + 1) * n // chunks):
            i = order[k]
            left, right, top, bottom = _overlap(boxes[i], x0, y0, x1, y1)
            for y in range(top, bottom):
                for x in range(left, right):
                    tile = (y - y0) * across + x - x0
                    ids[cursors[task, tile]] = i
                    cursors[task, tile] += 1


@dataclass(frozen=True)
class Window:
    """A part of a picture, cut along tiles: columns x0 to x1 and rows y0 to y1 of them, end exclusive.

    Parameters
    ----------
    x0, y0, x1, y1 : int
        Tiles.
    width, height : int
        Pixels of the picture.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    width: int
    height: int

    @classmethod
    def whole(cls, width: int, height: int) -> Window:
        """The picture itself."""
        return cls(0, 0, -(-width // TILE), -(-height // TILE), width, height)

    @property
    def tiles(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1, as the kernels take them."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def rows(self) -> slice:
        """Of the picture's pixels."""
        return slice(self.y0 * TILE, min(self.y1 * TILE, self.height))

    @property
    def columns(self) -> slice:
        """Of the picture's pixels."""
        return slice(self.x0 * TILE, min(self.x1 * TILE, self.width))

    @property
    def shape(self) -> tuple[int, int]:
        """Its height and width in pixels."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def halves(self) -> tuple[Window, Window]:
        """Its upper and lower half; of a single row of tiles, the left and the right one."""
        if self.y1 - self.y0 > 1:
            middle = (self.y0 + self.y1) // 2
            return replace(self, y1=middle), replace(self, y0=middle)
        middle = (self.x0 + self.x1) // 2
        return replace(self, x1=middle), replace(self, x0=middle)


def entries(splats: Splats, window: Window) -> int:
    """How many places splats take in the lists of a window's tiles, all cameras together."""
    sums = np.zeros(threads.workers(), np.int64)
    run(_entries, splats.boxes, *window.tiles, sums)
    return int(sums.sum())


def check_room(needed: int) -> None:
    """Refuse what a view would need, in bytes, where that does not fit into the memory.

    Raises
    ------
    RequestError
    """
    if needed > _SMALL and needed > available_memory():
        raise RequestError(
            f"Splats cover one another so often that a view needs {needed / 1e9:.1f} GB of memory.",
            "Choose smaller views, or fewer at a time.",
        )


def windows(splats: Splats) -> Iterator[Window]:
    """The picture in parts that are small enough to be drawn, from the top.

    Only a single tile may hold more than `WINDOW_ENTRIES`: every splat once.
    """
    whole = Window.whole(splats.width, splats.height)
    return halved(whole, lambda window: entries(splats, window) <= WINDOW_ENTRIES)


def halved(whole: Window, fits: Callable[[Window], bool] = lambda window: True) -> Iterator[Window]:
    """A window halved until its parts have few enough pixels and ``fits`` likes them, or are single tiles."""
    waiting = [whole]
    while waiting:
        window = waiting.pop()
        height, width = window.shape
        if (height <= TILE and width <= TILE) or (height * width <= WINDOW_PIXELS and fits(window)):
            yield window
        else:
            waiting += reversed(window.halves())


@dataclass(frozen=True)
class Bins:
    """The splats of every tile of a window, for every camera.

    Parameters
    ----------
    ids : ndarray, int32, [I]
        Rows of the splats, tile by tile, nearest first.
    ranges : ndarray, int64, [C*tiles + 1]
        Where each tile's stretch of ``ids`` begins.
    turn : ndarray, int64, [C*tiles]
        Tiles by falling load: workers take them in turn, so that each gets its share of the heavy ones.
    window : Window
    """

    ids: np.ndarray
    ranges: np.ndarray
    turn: np.ndarray
    window: Window

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return self.window.x1 - self.window.x0

    @property
    def down(self) -> int:
        """Tiles in a column."""
        return self.window.y1 - self.window.y0


def depth_order(splats: Splats) -> tuple[np.ndarray, np.ndarray]:
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


def bin_splats(
    splats: Splats, window: Window | None = None, order: tuple[np.ndarray, np.ndarray] | None = None
) -> Bins:
    """Sort splats into tiles of 16×16 pixels.

    Parameters
    ----------
    window : Window, optional
        The whole picture if left out.
    order : optional
        What `depth_order` gave for these splats; worked out here if left out.
    """
    window = window or Window.whole(splats.width, splats.height)
    by_depth, starts = order or depth_order(splats)
    cameras, tiles = len(splats.cams), (window.x1 - window.x0) * (window.y1 - window.y0)
    chunks = max(1, min(threads.workers(), len(by_depth) // 4096))
    counts = np.zeros((cameras * chunks, tiles), np.int32)
    run(_count, by_depth, starts, splats.boxes, *window.tiles, chunks, counts)
    # ids are laid out camera, tile, chunk: within a tile the chunks keep the depth order
    flat = counts.reshape(cameras, chunks, tiles).transpose(0, 2, 1).reshape(-1)
    ends = np.cumsum(flat, dtype=np.int64)
    begins = (ends - flat).reshape(cameras, tiles, chunks)
    ranges = np.append(begins[:, :, 0].reshape(-1), ends[-1] if len(ends) else 0)
    cursors = np.ascontiguousarray(begins.transpose(0, 2, 1)).reshape(cameras * chunks, tiles)
    check_room(4 * int(ranges[-1]))
    ids = np.empty(int(ranges[-1]), np.int32)
    run(_scatter, by_depth, starts, splats.boxes, *window.tiles, chunks, cursors, ids)
    return Bins(ids, ranges, np.argsort(-np.diff(ranges), kind="stable"), window)
