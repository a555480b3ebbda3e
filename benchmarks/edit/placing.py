"""Does registration put mild edits back, and does it refuse pictures of something else?

Mild edits are shifted by up to 12 % of a side and zoomed by 0.85 to 1.18; those count of which four fifths of
the object are still in the picture. Something else is another object, or the same one from 60° away or more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from benchmarks.edit.oracle import LEVELS, MaterialOracle
from benchmarks.edit.subject import Subject
from ft2os.materials import match
from ft2os.stylize.edit.register import Placed, register
from ft2os.stylize.edit.views import EditViews
from ft2os.stylize.painting import Brush

_SHIFT, _ZOOMS = 0.12, (0.85, 1.18)
_KEPT = 0.8  # of the object is in the picture
_BACK = 1.5 / 208  # of a side: as good as put back
_APART = np.cos(np.radians(60))


def moved(picture: np.ndarray, zoom: float, shift: tuple[float, float]) -> np.ndarray:
    """The picture [H, W, C] about its middle ``zoom`` times as large, then shifted by parts of its sides."""
    h, w = picture.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    middle = (h - 1) / 2, (w - 1) / 2
    at = np.stack([(n - m - s * side) / zoom + m for n, m, s, side in zip((y, x), middle, shift, (h, w))])
    channels = [
        map_coordinates(picture[..., i], at, order=1, mode="nearest") for i in range(picture.shape[2])
    ]
    return np.stack(channels, axis=-1)


def off(placed: Placed, zoom: float, shift: tuple[float, float], mask: np.ndarray) -> float:
    """Root mean square of how far the object's pixels are from where they should be, in sides."""
    h, w = mask.shape
    y, x = (n.astype(np.float64)[mask] for n in np.mgrid[0:h, 0:w])
    y, x = y - (h - 1) / 2, x - (w - 1) / 2
    c, s = placed.zoom * np.cos(placed.turn), placed.zoom * np.sin(placed.turn)
    down = c * y + s * x + placed.shift[0] * h - (zoom * y + shift[0] * h)
    right = c * x - s * y + placed.shift[1] * w - (zoom * x + shift[1] * w)
    return float(np.sqrt((down**2 + right**2).mean())) / min(h, w)


def registration(
    subjects: Sequence[Subject], materials: Sequence[str], seed: int, each: int = 3
) -> Iterator[dict]:
    """A row an object: what came back, what was refused of it and of what it is not.

    ``each`` is how often a view is tried.
    """
    edits = [_mild(of, material, seed) for of, material in zip(subjects, materials)]
    for number, of in enumerate(subjects):
        rng = np.random.default_rng([seed, number])
        views = EditViews.of(of.prepared)
        apart, sure, wrong = [], [], []
        for row in range(len(views)):
            for _ in range(each):
                zoom, shift = float(rng.uniform(*_ZOOMS)), tuple(rng.uniform(-_SHIFT, _SHIFT, 2).tolist())
                mask = views.mask[row]
                if (
                    moved(mask[..., None].astype(np.float32), zoom, shift).sum()
                    < _KEPT * zoom**2 * mask.sum()
                ):
                    continue
                edit = moved(edits[number][row], zoom, shift)
                placed = register(views.originals[row], edit, views.alpha[row])
                apart.append(off(placed, zoom, shift, mask))
                sure.append(placed)
            wrong += [
                register(views.originals[row], picture, views.alpha[row])
                for picture in _something_else(views, edits, number, row, rng)
            ]
        yield {
            "subject": of.name,
            "edits": len(sure),
            "back": float(np.mean(np.array(apart) <= _BACK)),
            "median_off": float(np.median(apart)),
            "refused": float(np.mean([not p.placed for p in sure])),
            "foreign": len(wrong),
            "foreign_refused": float(np.mean([not p.placed for p in wrong])),
            "sure": np.percentile([p.sure for p in sure], [2, 5, 10, 50]).round(3).tolist(),
            "foreign_sure": np.percentile([p.sure for p in wrong], [50, 90, 95, 98]).round(3).tolist(),
        }


def _mild(of: Subject, material: str, seed: int) -> list[np.ndarray]:
    brush = Brush(match(material).material, scale=2.0)
    oracle = MaterialOracle(of.prepared.surface_views, of.prepared.frame, brush, LEVELS["mild"], seed)
    views = EditViews.of(of.prepared)
    return oracle.edit(views.originals, range(len(views)))


def _something_else(
    views: EditViews, edits: Sequence[list[np.ndarray]], own: int, row: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """An edit of every other object, and two of this one from far around."""
    others = [pictures[int(rng.integers(len(pictures)))] for i, pictures in enumerate(edits) if i != own]
    forward = np.array([view.camera.viewmat[2, :3] for view in views.linear])
    far = np.flatnonzero(forward @ forward[row] <= _APART)
    return others + [edits[own][i] for i in rng.permutation(far)[:2]]
