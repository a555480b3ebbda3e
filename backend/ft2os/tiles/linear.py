"""Rendering as a matrix: with geometry fixed a picture is W·c + (1 − W·1)·background, linear in colour.

``build`` computes W, pixels × Gaussians, with the rasterizer's own blending, so that picture and product
agree to rounding. Whatever moves colours only (a solve, a style loop) then never rasterizes again. Colours
are those of one view, max(SH·Y + ½, 0): the picture is linear in them, not in spherical harmonics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians
from ft2os.kernels import OPTIONS, njit, run
from ft2os.threads import workers
from ft2os.tiles import sh
from ft2os.tiles.binning import bin_splats, check_room
from ft2os.tiles.blend import row_span, tile_rows
from ft2os.tiles.layout import COEF_A, DEPTH, LANES, OPACITY, PLAIN, TILE
from ft2os.tiles.numeric import ALPHA_MAX, ALPHA_MIN, T_MIN, exp_minus
from ft2os.tiles.projection import Splats, splat

_ENTRY = 24  # bytes of a weight: value and column in W and in its transpose, and on the way to that

# fields of a cell in the tile's buffer, each LANES floats
_T, _WEIGHT, _COUNT = 0, LANES, 2 * LANES
_CELL = 3 * LANES


@njit(**OPTIONS)
def _weigh(cell, first, half_a, rise, opacity, prune):
    """One splat over eight pixels: its weights, and how many pixels stopped."""
    stopped = np.int32(0)
    for lane in range(LANES):
        u = first + np.float32(lane)
        T = cell[lane + _T]
        alpha = min(ALPHA_MAX, opacity * exp_minus(half_a * u * u + rise))
        hit = (alpha >= ALPHA_MIN) & (T > 0)
        after = T * (np.float32(1) - alpha)
        use = hit & (after > T_MIN)
        stop = hit & (after <= T_MIN)
        weight = alpha * T if use else np.float32(0)
        weight = weight if weight >= prune else np.float32(0)
        cell[lane + _T] = after if use else (-T if stop else T)
        cell[lane + _WEIGHT] = weight
        cell[lane + _COUNT] += np.float32(1) if weight > np.float32(0) else np.float32(0)
        stopped += np.int32(stop)
    return stopped


@njit(**OPTIONS)
def _tile(ids, begin, end, centres, records, left, top, w, h, prune, buffer, alive, cursor, columns, weights):
    """Blend a tile; where ``cursor`` is not empty also write each pixel's columns and weights."""
    rows_left = h
    for k in range(begin, end):
        if rows_left == 0:
            return
        i = ids[k]
        record = records[i]
        cx, cy = centres[i, 0] - (left + 0.5), centres[i, 1] - (top + 0.5)
        half_a, opacity = np.float32(0.5) * record[COEF_A], record[OPACITY]
        y0, y1 = tile_rows(record, cy, h - 1)
        for y in range(y0, y1 + 1):
            if alive[y] == 0:
                continue
            middle, rise, x0, x1 = row_span(record, cx, np.float32(y - cy), w - 1)
            if x1 < x0:
                continue
            stopped = np.int32(0)
            for block in range(x0 // LANES, x1 // LANES + 1):
                cell = buffer[y, block]
                stopped += _weigh(cell, np.float32(block * LANES) - middle, half_a, rise, opacity, prune)
                if len(cursor) == 0:
                    continue
                # every lane that was counted, also those that rounding put just outside the span
                for x in range(block * LANES, min(block * LANES + LANES, w)):
                    weight = cell[_WEIGHT + x - block * LANES]
                    if weight > np.float32(0):
                        place = cursor[top + y, left + x]
                        columns[place], weights[place] = i, weight
                        cursor[top + y, left + x] = place + 1
            if stopped > 0:
                alive[y] -= stopped
                if alive[y] == 0:
                    rows_left -= 1


@njit(**OPTIONS)
def _weights(
    share,
    shares,
    ids,
    ranges,
    turn,
    across,
    width,
    height,
    centres,
    records,
    prune,
    counts,
    cursor,
    columns,
    weights,
):
    buffer = np.empty((TILE, TILE // LANES, _CELL), np.float32)
    alive = np.empty(TILE, np.int32)
    for turn_index in range(share, len(turn), shares):
        t = turn[turn_index]
        left, top = (t % across) * TILE, (t // across) * TILE
        w, h = min(TILE, width - left), min(TILE, height - top)
        buffer[:] = np.float32(0)
        for y in range(h):
            alive[y] = w
            for x in range(w):
                buffer[y, x // LANES, _T + x % LANES] = np.float32(1)
        _tile(
            ids, ranges[t], ranges[t + 1], centres, records, left, top, w, h, prune, buffer, alive,
            cursor, columns, weights,
        )  # fmt: skip
        if len(cursor) == 0:
            for y in range(h):
                for x in range(w):
                    counts[top + y, left + x] = np.int32(buffer[y, x // LANES, _COUNT + x % LANES])


@njit(**OPTIONS)
def _multiply(share, shares, bounds, indptr, indices, data, dense, out):
    """Rows bounds[share] to bounds[share + 1] of csr · ``dense`` [., 4].

    Four columns are one vector register; two sums side by side hide the latency of adding.
    """
    for row in range(bounds[share], bounds[share + 1]):
        a0, a1, a2, a3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        b0, b1, b2, b3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        k, end = np.uint64(indptr[row]), np.uint64(indptr[row + 1])
        while k + np.uint64(1) < end:
            i, w = np.uint64(indices[k]), data[k]
            j, v = np.uint64(indices[k + np.uint64(1)]), data[k + np.uint64(1)]
            a0 += w * dense[i, 0]
            a1 += w * dense[i, 1]
            a2 += w * dense[i, 2]
            a3 += w * dense[i, 3]
            b0 += v * dense[j, 0]
            b1 += v * dense[j, 1]
            b2 += v * dense[j, 2]
            b3 += v * dense[j, 3]
            k += np.uint64(2)
        if k < end:
            i, w = np.uint64(indices[k]), data[k]
            a0 += w * dense[i, 0]
            a1 += w * dense[i, 1]
            a2 += w * dense[i, 2]
            a3 += w * dense[i, 3]
        out[row, 0], out[row, 1], out[row, 2] = a0 + b0, a1 + b1, a2 + b2


def multiply(matrix: csr_matrix, dense: np.ndarray) -> np.ndarray:
    """``matrix`` [M, N] · ``dense`` [N, 3] → float32 [M, 3], on every core (scipy's product runs on one)."""
    if dense.shape != (matrix.shape[1], 3):
        raise ValueError(f"expected [{matrix.shape[1]}, 3], got {dense.shape}")
    padded = np.zeros((len(dense), 4), np.float32)
    padded[:, :3] = dense
    out = np.empty((matrix.shape[0], 3), np.float32)
    shares = 2 * workers()
    # equal shares of the nonzeros, not of the rows
    bounds = np.searchsorted(matrix.indptr, np.linspace(0, matrix.nnz, shares + 1)).astype(np.int64)
    bounds[0], bounds[-1] = 0, matrix.shape[0]
    run(_multiply, bounds, matrix.indptr, matrix.indices, matrix.data, padded, out, shares=shares)
    return out


def over(background: Sequence[float] | np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The background's share of a picture: (1 − alpha [P]) · colour [3], or · picture [P, 3]."""
    return (1.0 - alpha)[:, None] * np.asarray(background, np.float32)


@dataclass(frozen=True)
class LinearView:
    """One view's picture as a matrix of blend weights.

    Parameters
    ----------
    W : csr_matrix, float32, [P, N]
        P = height · width pixels, row-major; within a row nearest first.
    WT : csr_matrix, float32, [N, P]
        Its transpose: the gradient's matrix.
    alpha : ndarray, float32, [P]
        W · 1.
    depths : ndarray, float32, [N]
        Camera z of the Gaussians; 0 where not seen.
    camera : Camera
    """

    W: csr_matrix
    WT: csr_matrix
    alpha: np.ndarray
    depths: np.ndarray
    camera: Camera

    def image(self, colours: np.ndarray, background: Sequence[float] = (0.0, 0.0, 0.0)) -> np.ndarray:
        """The picture of ``colours`` [N, 3].  float32 [H, W, 3]"""
        flat = multiply(self.W, colours) + over(background, self.alpha)
        return flat.reshape(self.camera.height, self.camera.width, 3)

    def gradient(self, image: np.ndarray) -> np.ndarray:
        """Gradient of a loss with respect to colours [N, 3] from its gradient [H, W, 3]."""
        return multiply(self.WT, image.reshape(-1, 3))

    def depth(self) -> np.ndarray:
        """Expected camera z of every pixel, 0 where nothing is seen.  float32 [H, W]"""
        total = self.W @ self.depths
        depth = np.divide(total, self.alpha, out=np.zeros_like(total), where=self.alpha > 0)
        return depth.reshape(self.camera.height, self.camera.width)


def view_colours(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """What the Gaussians show to a camera, max(SH·Y + ½, 0).  float32 [N, 3]"""
    dirs = gaussians.means - camera.position.astype(np.float32)
    return np.maximum(sh.evaluate(gaussians.sh, dirs) + np.float32(0.5), np.float32(0))


def build(
    gaussians: Gaussians, cameras: Sequence[Camera], *, prune: float = 0.0, antialiased: bool = False
) -> list[LinearView]:
    """The linear rendering of every camera.

    Parameters
    ----------
    prune : float
        Leave out weights below this. 0 is exact; 2e-3 halves the memory and is off by up to 0.056 in a pixel,
        so it is for drafts.
    antialiased : bool
        As in ``ft2os.tiles.render``.
    """
    return [_build_one(gaussians, camera, prune, antialiased) for camera in cameras]


def contributions(gaussians: Gaussians, camera: Camera) -> int:
    """How many weights a view's matrix would hold. They are counted before any memory is taken for them."""
    weigh, counts = _weigher(_splats(gaussians, camera, False), camera, 0.0)
    weigh(*_NOTHING)
    return int(counts.sum(dtype=np.int64))


_NOTHING = np.zeros((0, 0), np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)


def _splats(gaussians: Gaussians, camera: Camera, antialiased: bool) -> Splats:
    no_colours = np.zeros((1, len(gaussians), 1, 3), np.float32)
    return splat(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, no_colours, PLAIN,
        camera.viewmat[None], camera.K[None], camera.width, camera.height, antialiased=antialiased,
    )  # fmt: skip


def _weigher(splats: Splats, camera: Camera, prune: float) -> tuple[Callable[..., None], np.ndarray]:
    """``weigh(cursor, columns, weights)``, which with `_NOTHING` only counts, and the counts [H, W]."""
    bins = bin_splats(splats)
    counts = np.zeros((camera.height, camera.width), np.int32)

    def weigh(cursor: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> None:
        run(
            _weights, bins.ids, bins.ranges, bins.turn, bins.across, camera.width, camera.height,
            splats.centres, splats.records, np.float32(prune), counts, cursor, columns, weights,
        )  # fmt: skip

    return weigh, counts


def _build_one(gaussians: Gaussians, camera: Camera, prune: float, antialiased: bool) -> LinearView:
    n, width, height = len(gaussians), camera.width, camera.height
    splats = _splats(gaussians, camera, antialiased)
    weigh, counts = _weigher(splats, camera, prune)
    weigh(*_NOTHING)
    indptr = np.zeros(height * width + 1, np.int64)
    np.cumsum(counts.reshape(-1), out=indptr[1:])
    if indptr[-1] > np.iinfo(np.int32).max:  # before allocating; the kernels index with int32
        raise RequestError(
            f"A picture of {width}×{height} pixels has too many contributions for its linear rendering.",
            "Choose a smaller picture.",
        )
    check_room(_ENTRY * int(indptr[-1]))
    columns, weights = np.zeros(indptr[-1], np.int32), np.zeros(indptr[-1], np.float32)
    weigh(indptr[:-1].reshape(height, width).copy(), columns, weights)
    W = csr_matrix((weights, columns, indptr.astype(np.int32)), shape=(height * width, n))
    seen = splats.boxes[:, 2] > splats.boxes[:, 0]
    return LinearView(
        W=W,
        WT=W.T.tocsr(),
        alpha=np.asarray(W.sum(axis=1), np.float32).reshape(-1),
        depths=np.where(seen, splats.records[:, DEPTH], np.float32(0)),
        camera=camera,
    )
