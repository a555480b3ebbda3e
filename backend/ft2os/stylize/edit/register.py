"""Edited pictures put back on their view: editors shift and zoom what they return, or return something else.

Edges survive an edit where colours do not. Shift and zoom are found by correlating edge maps at a handful of
zooms, then made exact, with a turn, by Gauss-Newton. How well the edges agree then says whether the picture
shows the object in this view at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, rfft2
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates, zoom

_SIDE = 104  # pixels of the shorter side at which zooms and shifts are searched
_ZOOMS = np.exp(np.linspace(np.log(0.8), np.log(1.26), 19))
_REACH = 0.2  # of the shorter side: the farthest shift
_NEAR = 0.08  # of the shorter side around the object, where an edit should have no edges
_TEXTURE = 0.35  # of an outline: edges that an edit may have anywhere on the object
_FINEST = 1.5  # pixels at 208
_OUTSIDE = 0.012  # of the shorter side, around the object, where an edit may stay
_MASK = 0.25  # alpha from which a pixel is the object's
_SURE = 0.52  # correlation of edges from which a picture shows this view, see benchmarks.edit
_STILL = 1 / 208  # of the shorter side: what is found moves by as much where nothing did, and moving blurs
_STEP = 0.02  # the most that a step changes anything


@dataclass(frozen=True)
class Placed:
    """An edited picture on its view's grid.

    Parameters
    ----------
    picture : ndarray, float32, [H, W, 3]
        Put back; as it came where nothing fits better.
    zoom : float
        How much larger the object came back.
    shift : (float, float)
        Down and right, of the sides.
    turn : float
        In radians.
    sure : float
        Correlation of the edges, -1..1.
    placed : bool
        Whether it shows the object in this view.
    """

    picture: np.ndarray
    zoom: float
    shift: tuple[float, float]
    turn: float
    sure: float
    placed: bool


def register(original: np.ndarray, edited: np.ndarray, alpha: np.ndarray) -> Placed:
    """Find where the edited picture shows the view, and put it back.

    Parameters
    ----------
    original, edited : ndarray, [H, W, 3]
        The view over grey before and after.
    alpha : ndarray, [H, W]
        The object's.
    """
    near = _grown(alpha > _MASK, _NEAR)
    found = [_refined(original, edited, alpha, near, p) for p in _coarse(original, edited, alpha, near)]
    sigma = _FINEST * min(near.shape) / 208
    wanted, shown = _expected(original, alpha, sigma), _edges(edited, sigma)
    found.append(np.zeros(4))
    scores = [_correlation(wanted, _moved(shown, p), near) for p in found]
    best = int(np.argmax(scores))
    p, sure = found[best], scores[best]
    if _displacement(p, alpha > _MASK) <= _STILL * min(near.shape):
        p = np.zeros(4)
    picture = edited if not p.any() else _resampled(edited, p)
    size = float(np.hypot(1 + p[0], p[1]))
    return Placed(
        picture.astype(np.float32),
        zoom=size,
        shift=(float(p[2]), float(p[3])),
        turn=float(np.arctan2(p[1], 1 + p[0])),
        sure=sure,
        placed=sure > _SURE,
    )


def keep_outside(edited: np.ndarray, original: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The edit on the object and just around it, the original elsewhere.  float32 [H, W, 3]"""
    side = min(alpha.shape)
    grown = _grown(alpha > _MASK, _OUTSIDE).astype(np.float32)
    share = np.clip(gaussian_filter(grown, 0.004 * side), 0, 1)[..., None]
    return (edited * share + original * (1 - share)).astype(np.float32)


def _grown(mask: np.ndarray, share: float) -> np.ndarray:
    return binary_dilation(mask, iterations=max(1, round(share * min(mask.shape))))


def _edges(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Edge strength of all channels, the strongest held, of unit spread.  [H, W, C] -> [H, W]"""
    smooth = gaussian_filter(picture, (sigma, sigma, 0))
    edges = np.sqrt((np.square(np.gradient(smooth, axis=(0, 1)))).sum(axis=(0, 3)))
    edges = np.minimum(edges, 3 * edges.mean())
    return (edges - edges.mean()) / (edges.std() + 1e-9)


def _expected(original: np.ndarray, alpha: np.ndarray, sigma: float) -> np.ndarray:
    """Edges that an edit should have: the outline, what is drawn on the object, some texture all over it.

    Beside the object there are none.
    """
    outline = np.hypot(*np.gradient(gaussian_filter(alpha.astype(np.float64), sigma)))
    outline = np.minimum(1, 2 * outline / (outline.max() + 1e-9))
    drawn = _edges(original, sigma)
    drawn = (drawn - drawn.min()) / (np.ptp(drawn) + 1e-9)
    edges = np.maximum(outline, alpha * (_TEXTURE + (1 - _TEXTURE) * drawn))
    return (edges - edges.mean()) / (edges.std() + 1e-9)


def _places(p: np.ndarray, h: int, w: int) -> np.ndarray:
    """Where each pixel of the view lies in the edit, under zoom, turn and shift.  [2, H, W]"""
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    y, x = y - (h - 1) / 2, x - (w - 1) / 2
    a, b, down, right = p
    rows = (1 + a) * y + b * x + down * h + (h - 1) / 2
    return np.stack([rows, (1 + a) * x - b * y + right * w + (w - 1) / 2])


def _moved(channel: np.ndarray, p: np.ndarray) -> np.ndarray:
    return map_coordinates(channel, _places(p, *channel.shape), order=1, mode="nearest")


def _resampled(picture: np.ndarray, p: np.ndarray) -> np.ndarray:
    """A picture put back; by cubics, since what is linear between pixels blurs."""
    places = _places(p, *picture.shape[:2])
    channels = [map_coordinates(picture[..., i], places, order=3, mode="nearest") for i in range(3)]
    return np.clip(np.stack(channels, axis=-1), 0, 1)


def _displacement(p: np.ndarray, mask: np.ndarray) -> float:
    """How far the object's pixels move, in the mean square."""
    h, w = mask.shape
    moved = _places(p, h, w) - _places(np.zeros(4), h, w)
    return float(np.sqrt((moved[:, mask] ** 2).sum(axis=0).mean())) if mask.any() else 0.0


def _correlation(a: np.ndarray, b: np.ndarray, near: np.ndarray) -> float:
    a, b = a[near] - a[near].mean(), b[near] - b[near].mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))


def _coarse(
    original: np.ndarray, edited: np.ndarray, alpha: np.ndarray, near: np.ndarray, best: int = 2
) -> list[np.ndarray]:
    """The likeliest zooms and shifts, by normalised correlation at a reduced size."""
    scale = min(1.0, _SIDE / min(near.shape))
    a, b = (zoom(x, (scale, scale, 1), order=1, grid_mode=True, mode="nearest") for x in (original, edited))
    c, seen = (
        zoom(x.astype(np.float32), scale, order=1, grid_mode=True, mode="nearest") for x in (alpha, near)
    )
    seen = seen > 0.5
    h, w = seen.shape
    wanted = _expected(a, c, 1.5)
    wanted = (wanted - wanted[seen].mean()) * seen
    size = (2 * h, 2 * w)
    template, window = np.conj(rfft2(wanted, size)), np.conj(rfft2(seen.astype(float), size))
    y, x = np.meshgrid(
        *(np.minimum(np.arange(2 * n), 2 * n - np.arange(2 * n)) for n in (h, w)), indexing="ij"
    )
    far = (y > _REACH * h) | (x > _REACH * w)
    shown = _edges(b, 1.5)
    peaks = []
    for z in _ZOOMS:
        there = _moved(shown, np.array([z - 1, 0, 0, 0]))
        spectrum = rfft2(there, size)
        total = irfft2(window * spectrum, size)
        square = irfft2(window * rfft2(there**2, size), size)
        count = seen.sum()
        spread = np.sqrt(np.maximum(square - total**2 / count, 0.05 * count))
        score = irfft2(template * spectrum, size) / (spread * np.linalg.norm(wanted) + 1e-9)
        score[far] = -np.inf
        k = np.unravel_index(int(np.argmax(score)), score.shape)
        down, right = ((k[i] + n) % (2 * n) - n for i, n in enumerate((h, w)))
        peaks.append((float(score[k]), np.array([z - 1, 0, z * down / h, z * right / w])))
    peaks.sort(key=lambda peak: -peak[0])
    return [p for _, p in peaks[:best]]


def _refined(
    original: np.ndarray, edited: np.ndarray, alpha: np.ndarray, near: np.ndarray, p: np.ndarray
) -> np.ndarray:
    """Zoom, turn and shift made exact by Gauss-Newton on edges, coarse to fine."""
    h, w = near.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    y, x = y - (h - 1) / 2, x - (w - 1) / 2
    scale = min(h, w) / 208
    for sigma in (3.0, _FINEST):
        wanted, shown = _expected(original, alpha, sigma * scale), _edges(edited, sigma * scale)
        # Slopes of what is expected: those of the edit are texture's nearly everywhere.
        down, right = np.gradient(wanted)
        slopes = [down * y + right * x, down * x - right * y, down * h, right * w]
        slopes = np.stack(slopes, axis=-1)[near]
        for _ in range(8):
            apart = (wanted - _moved(shown, p))[near]
            weight = 1 / np.maximum(np.abs(apart), 0.5)
            curve = slopes.T @ (slopes * weight[:, None])
            curve += 1e-3 * np.diag(np.diag(curve)) + 1e-9 * np.eye(4)
            p = p + np.clip(np.linalg.solve(curve, slopes.T @ (apart * weight)), -_STEP, _STEP)
    return p
