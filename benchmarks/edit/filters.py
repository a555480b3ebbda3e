"""An outside program's filter as an editor, applied to every view with knobs that nobody turned the same way.

No fit was shaped on this family. The right answer is Pillow's filter with its knobs in the middle, on the
view's own picture. What comes back had its knobs turned, was drawn by another filter in places, moved a
little, and saved as JPEG.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ft2os.colour import to_uint8
from ft2os.stylize.edit.views import GREY
from ft2os.stylize.view_buffers import SurfaceView

LEVELS = {"mild": 0.4, "medium": 1.0, "severe": 1.8}
_INK = ((20, 24, 70), (196, 90, 40), (255, 236, 190))  # dark, middle and light of the toning


class FilterEditor:
    """Tones, sharpens and paints the pictures that it is given by number.

    Parameters
    ----------
    surface_views : sequence of SurfaceView
    level : float
        How far the knobs are turned; 0 is the right answer.
    seed : int
    """

    def __init__(self, surface_views: Sequence[SurfaceView], level: float, seed: int) -> None:
        self._views, self._level, self._seed = surface_views, level, seed

    def truth(self, s: SurfaceView) -> np.ndarray:
        """The right answer for any view, premultiplied over black.  [H, W, 3]"""
        filtered = _filtered(_image(s), np.zeros(5))
        return np.asarray(filtered, np.float32) / 255 * s.view.alpha.reshape(*s.mask.shape, 1)

    def edit(
        self, pictures: Sequence[np.ndarray], rows: Sequence[int], strength: float = 1.0, round: int = 0
    ) -> list[np.ndarray]:
        """The pictures [H, W, 3] of these views, edited; below strength 1 a layer over what they are now."""
        return [self._one(picture, i, strength, round) for picture, i in zip(pictures, rows)]

    def _one(self, picture: np.ndarray, row: int, strength: float, round: int) -> np.ndarray:
        s, rng = self._views[row], np.random.default_rng([self._seed, row, round, 7])
        turned = _filtered(_image(s), rng.normal(0, self._level, 5))
        strokes = turned.filter(ImageFilter.ModeFilter(5)).filter(ImageFilter.GaussianBlur(1))
        turned = Image.composite(strokes, turned, _blobs(rng, turned.size, 0.25 * self._level))
        paper = Image.new("RGB", turned.size, tuple(rng.integers(90, 166, 3).tolist()))
        alpha = Image.fromarray(to_uint8(s.view.alpha.reshape(s.mask.shape)))
        out = _jpeg(_moved(Image.composite(turned, paper, alpha), rng, self._level * strength))
        edited = np.asarray(out, np.float32) / 255
        return (picture + strength * (edited - picture)).astype(np.float32)


def _image(s: SurfaceView) -> Image.Image:
    """The view's own surface, grey where there is none."""
    alpha = s.view.alpha.reshape(*s.mask.shape, 1)
    return Image.fromarray(to_uint8(np.where(alpha > 0.02, s.original / np.maximum(alpha, 0.02), GREY)))


def _filtered(picture: Image.Image, knobs: np.ndarray) -> Image.Image:
    """Toned by lightness, with contrast, colour, brightness and sharpness about a knob's usual turn."""
    toned = ImageOps.colorize(ImageOps.grayscale(picture), *(_INK[i] for i in (0, 2)), mid=_INK[1])
    out = Image.blend(picture, toned, float(np.clip(0.7 + 0.12 * knobs[0], 0, 1)))
    for enhance, middle, knob in (
        (ImageEnhance.Contrast, 1.4, knobs[1]),
        (ImageEnhance.Color, 1.2, knobs[2]),
        (ImageEnhance.Brightness, 1.0, 0.7 * knobs[3]),
        (ImageEnhance.Sharpness, 2.0, 4 * knobs[4]),
    ):
        out = enhance(out).enhance(max(0.0, middle + 0.13 * float(knob)))
    return out


def _blobs(rng: np.random.Generator, size: tuple[int, int], share: float) -> Image.Image:
    """Where the other filter shows: some of a coarse grid's cells, softly.  Mode L"""
    cells = (rng.uniform(size=(6, 6)) < share).astype(np.uint8) * 255
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def _moved(picture: Image.Image, rng: np.random.Generator, much: float) -> Image.Image:
    """Turned, zoomed and shifted by about a hundredth of a side, and bent along a coarse mesh."""
    w, h = picture.size
    cells, bend = 3, 0.008 * much * min(w, h)
    x, y = np.meshgrid(np.linspace(0, w, cells + 1), np.linspace(0, h, cells + 1))
    turn, zoom = rng.normal(0, 0.008 * much), 1 + rng.normal(0, 0.01 * much)
    dx, dy = x - w / 2, y - h / 2
    x2 = w / 2 + zoom * (dx - turn * dy) + rng.normal(0, 0.008 * much * w) + rng.normal(0, bend, x.shape)
    y2 = h / 2 + zoom * (dy + turn * dx) + rng.normal(0, 0.008 * much * h) + rng.normal(0, bend, x.shape)
    mesh = []
    for i in range(cells):
        for j in range(cells):
            box = tuple(round(float(v)) for v in (x[i, j], y[i, j], x[i, j + 1], y[i + 1, j]))
            corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            mesh.append((box, tuple(float(v) for c in corners for v in (x2[c], y2[c]))))
    return picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def _jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")
