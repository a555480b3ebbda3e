"""An editor whose right answer is known: a material on the object's surface, spoilt a view.

What comes back differs from the right answer in the ways that edits of single views by diffusion do: colours
drift (hue, gain, offset, a slow shading), texture lies at the wrong place in space and in the picture, where
the outline moves along, detail is drawn anew in each view, the autoencoder blurs, patches are wrong, and
things appear beside the object. Each way has one number; `Spoil.level` scales them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from ft2os.stylize import painting
from ft2os.stylize.edit.views import GREY
from ft2os.stylize.painting import Brush
from ft2os.stylize.view_buffers import Frame, SurfaceView

FINE = 0.03  # of a side: what is smaller counts as detail
_FREE = 0.12  # of a side: the blur that an edit of strength 1 leaves of the picture it starts from


@dataclass(frozen=True)
class Spoil:
    """How much of each; standard deviations where nothing else is said."""

    hue: float = 12.0  # degrees
    gain: float = 0.08  # a channel
    offset: float = 0.03
    shade: float = 0.06  # of a slow field
    shift: float = 0.012  # of the object's extent, a coordinate
    warp: float = 0.012  # of a side, rms
    redraw: float = 0.5  # 0..1 of the detail is this view's own
    blur: float = 0.7  # pixels
    patches: float = 1.5  # wrong ones a view
    halo: float = 0.5  # beside the object, 0..1

    def level(self, k: float) -> Spoil:
        """So many times as much of all but the blur."""
        names = ("hue", "gain", "offset", "shade", "shift", "warp", "patches", "halo")
        more = {name: getattr(self, name) * k for name in names}
        return replace(self, **more, redraw=min(1.0, self.redraw * k))


LEVELS = {"mild": Spoil().level(0.4), "medium": Spoil(), "severe": Spoil().level(1.8)}


class MaterialOracle:
    """Paints the views that it is given by number, each spoilt in its own way.

    Parameters
    ----------
    surface_views : sequence of SurfaceView
    frame : Frame
    brush : Brush
        The right answer.
    spoil : Spoil
    seed : int
    """

    def __init__(
        self, surface_views: Sequence[SurfaceView], frame: Frame, brush: Brush, spoil: Spoil, seed: int
    ) -> None:
        self._views, self._frame, self._brush = surface_views, frame, brush
        self._tone, self._spoil, self._seed = painting.tone_of(list(surface_views)), spoil, seed

    def truth(self, s: SurfaceView) -> np.ndarray:
        """The right answer for any view, premultiplied over black.  [H, W, 3]"""
        return painting.picture(s, self._frame, self._brush, self._tone)

    def edit(
        self, pictures: Sequence[np.ndarray], rows: Sequence[int], strength: float = 1.0, round: int = 0
    ) -> list[np.ndarray]:
        """The pictures [H, W, 3] of these views, edited."""
        return [self._one(picture, i, strength, round) for picture, i in zip(pictures, rows)]

    def _one(self, picture: np.ndarray, row: int, strength: float, round: int) -> np.ndarray:
        spoil, s = self._spoil, self._views[row]
        h, w = s.mask.shape
        rng = np.random.default_rng([self._seed, row, round])
        misplaced = min(1.0, strength)  # an edit that starts from the picture misplaces less
        rgb = _drift(_patched(self._drawn(s, rng, misplaced), spoil, rng), spoil, rng)
        alpha = s.view.alpha.reshape(h, w, 1)
        behind = GREY + spoil.halo * 0.25 * _fields(rng, h, w, h / 12, 3)
        out = rgb * alpha + behind * (1 - alpha)
        bend = np.moveaxis(_fields(rng, h, w, h / 7, 2), -1, 0) * spoil.warp * h * misplaced / np.sqrt(2)
        out = _sampled(out, np.mgrid[0:h, 0:w] + bend)
        out = gaussian_filter(out, (spoil.blur, spoil.blur, 0)) if spoil.blur else out
        if strength < 1:  # noise hides what is finer than a cutoff and keeps the rest
            kept = masked_blur(picture - out, s.mask, _FREE * h * strength**2)
            out = out + kept * s.mask[..., None]
        return np.clip(out, 0, 1).astype(np.float32)

    def _drawn(self, s: SurfaceView, rng: np.random.Generator, misplaced: float) -> np.ndarray:
        """The material misplaced, a part of its detail from another pattern.  [H, W, 3]"""
        shift = rng.standard_normal(3) * self._spoil.shift * misplaced
        own_brush = replace(self._brush, seed=int(rng.integers(1, 2**30)))
        same, own = (self._painted(s, brush, shift) for brush in (self._brush, own_brush))
        slow = masked_blur(same, s.mask, FINE * s.mask.shape[0])
        own_slow = masked_blur(own, s.mask, FINE * s.mask.shape[0])
        share = self._spoil.redraw
        detail = (1 - share) * (same - slow) + share * (own - own_slow)
        return slow + detail / np.hypot(1 - share, share)

    def _painted(self, s: SurfaceView, brush: Brush, shift: np.ndarray) -> np.ndarray:
        moved = replace(s, points=(s.points + shift * self._frame.extent).astype(np.float32))
        picture = painting.picture(moved, self._frame, brush, self._tone)
        return picture / np.maximum(s.view.alpha.reshape(*s.mask.shape, 1), 1e-3) * s.mask[..., None]


def masked_blur(image: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Blur of a picture [H, W, 3] that takes in masked pixels only."""
    weight = gaussian_filter(mask.astype(np.float32), sigma)[..., None]
    return gaussian_filter(image * mask[..., None], (sigma, sigma, 0)) / np.maximum(weight, 1e-3)


def _patched(rgb: np.ndarray, spoil: Spoil, rng: np.random.Generator) -> np.ndarray:
    """With round patches of a wrong colour."""
    h, w = rgb.shape[:2]
    y, x = np.mgrid[0:h, 0:w]
    for _ in range(rng.poisson(spoil.patches)):
        cy, cx = rng.uniform(0.15, 0.85, 2) * (h, w)
        radius = rng.uniform(0.04, 0.1) * h
        share = 0.85 * np.exp(-((((y - cy) ** 2 + (x - cx) ** 2) / radius**2) ** 2))[..., None]
        rgb = rgb * (1 - share) + share * rng.uniform(0, 1, 3)
    return rgb


def _drift(rgb: np.ndarray, spoil: Spoil, rng: np.random.Generator) -> np.ndarray:
    """With this view's own colours."""
    h, w = rgb.shape[:2]
    turn = _hue(rng.normal(0, spoil.hue)) * (1 + rng.normal(0, spoil.gain, 3))
    rgb = rgb @ turn.T + rng.normal(0, spoil.offset, 3)
    return rgb + spoil.shade * _fields(rng, h, w, h / 5, 3) * np.array([1, 0.6, 0.6])


def _fields(rng: np.random.Generator, h: int, w: int, sigma: float, count: int) -> np.ndarray:
    """Smooth random fields of unit spread.  [H, W, count]"""
    made = []
    for _ in range(count):
        field = gaussian_filter(rng.standard_normal((h, w)), sigma, mode="reflect")
        made.append(field / (field.std() + 1e-9))
    return np.stack(made, axis=-1)


def _hue(degrees: float) -> np.ndarray:
    """The turn of colours around grey.  [3, 3]"""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)) / np.sqrt(3)
    m = np.full((3, 3), (1 - c) / 3)
    return m + np.array([[c, -s, s], [s, c, -s], [-s, s, c]])


def _sampled(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The picture [H, W, C] at the places [2, H, W]."""
    channels = [
        map_coordinates(picture[..., i], at, order=1, mode="nearest") for i in range(picture.shape[-1])
    ]
    return np.stack(channels, axis=-1)
