"""Painting with a picture: an object's colours moved to its palette, and its strokes laid over them.

No network and no training: this is the draft of the method ``image``, the start of its feature matching, and
the last coat over what that leaves. The palette keeps the order of light and dark, so that a face stays a
face; the strokes come from the places of the picture whose colours are like those that the palette asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates
from scipy.spatial import cKDTree

from ft2os.colour import LUMA
from ft2os.stylize import luminance
from ft2os.stylize.painting import Painted
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.view_buffers import SurfaceView, masked_blur
from ft2os.tiles.solve import solve_colours, surface_weights

WIDTH = 7.0  # of the picture over the object's extent: finer strokes than that the Gaussians cannot show
HUE = 0.15  # of the object's own differences in hue
_LEVELS = 256
_EVEN = 0.5  # of the difference between lit and shaded sides is left out before the palette answers
_SOFT = 0.08  # of the palette's length: keeps light and dark from tearing where the picture has no middle
_LEAST = 2e-3  # variance added to the object's: a plain object's noise is not blown up into colours
_PLACES = 8  # places of the picture to choose strokes from
_CHOICE = 0.04  # colour difference at which a place is hardly taken any more
_COARSE = 1 / 12  # blur over the picture's longer side: coarser than it are colours, finer are strokes
_SHARP = 6  # power of the normal in the triplanar blend
_STROKES = 1.5  # gain: the solve that follows softens them
_TAKEN = 0.8  # how far the picture's coarse colours replace the palette's
_CALM = 1 / 40  # blur over the view's width, before strokes are chosen
_PAINTS = 48  # colours on the palette that a look may mix
_MIX = 0.08  # colour difference at which a paint is hardly mixed in any more
_SNAP, _RESTORE = 0.6, 0.7  # towards the paints; towards the picture's contrast and saturation
_SAMPLES = 200_000  # pixels that are enough for the object's statistics


@dataclass(frozen=True)
class Palette:
    """Colours of a picture for the colours of an object.

    Parameters
    ----------
    steps : ndarray, [L]
        Luminance of the object, rising.
    ramp : ndarray, float32, [L, 3]
        The picture's mean colour for each step: the darkest of the one for the darkest of the other.
    matrix : ndarray, [3, 3]
    mean, goal : ndarray, [3]
        The linear transport of the object's colours to the picture's: (c − mean) · matrix + goal.
    """

    steps: np.ndarray
    ramp: np.ndarray
    matrix: np.ndarray
    mean: np.ndarray
    goal: np.ndarray

    def transported(self, own: np.ndarray) -> np.ndarray:
        """Colours with the picture's mean and covariance.  [M, 3] -> [M, 3]"""
        return np.clip((own - self.mean) @ self.matrix + self.goal, 0, 1).astype(np.float32)

    def colours(self, own: np.ndarray, hue: float = HUE) -> np.ndarray:
        """Colours in the object's order of light and dark.  [M, 3] -> [M, 3]

        Parameters
        ----------
        own : ndarray, [M, 3]
        hue : float
            How much of the object's own differences in hue stays; 0 colours by light and dark alone.
        """
        luminance = own @ LUMA
        ramp = np.stack([np.interp(luminance, self.steps, self.ramp[:, c]) for c in range(3)], axis=-1)
        mixed = ramp + hue * (self.transported(own) - ramp)
        return np.clip(mixed + (ramp @ LUMA - mixed @ LUMA)[:, None], 0, 1).astype(np.float32)


def palette(own: np.ndarray, picture: np.ndarray) -> Palette:
    """The palette that brings the colours which an object shows to those of a picture.

    The transport is the Monge-Kantorovich one (Pitié and Kokaram, "The linear Monge-Kantorovitch linear
    colour mapping for example-based colour transfer", 2007): of all that match mean and covariance, as ARF
    does before its feature matching, the one that moves colours least.

    Parameters
    ----------
    own : ndarray, [M, 3]
        Shown colours, each as often as it is seen: pixels. At least one.
    picture : ndarray, [H, W, 3]
    """
    own = np.asarray(own[:: max(1, len(own) // _SAMPLES)], np.float64)
    pixels = picture.reshape(-1, 3).astype(np.float64)
    calm = np.stack([gaussian_filter(picture[..., c], 1.0) for c in range(3)], axis=-1).reshape(-1, 3)
    order = np.argsort(calm @ LUMA, kind="stable")
    ramp = np.stack([part.mean(axis=0) for part in np.array_split(calm[order], _LEVELS)])
    ramp = gaussian_filter1d(ramp, _SOFT * _LEVELS, axis=0, mode="nearest")
    steps = np.quantile(own @ LUMA, (np.arange(_LEVELS) + 0.5) / _LEVELS) + 1e-6 * np.arange(_LEVELS)
    source = _LEAST * np.eye(3) + (np.cov(own.T) if len(own) > 1 else 0)
    root, back = _power(source, 0.5), _power(source, -0.5)
    matrix = back @ _power(root @ np.cov(pixels.T) @ root, 0.5) @ back
    return Palette(steps, ramp.astype(np.float32), matrix, own.mean(axis=0), pixels.mean(axis=0))


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T


class Strokes:
    """The picture as a solid texture: at every point of a surface the stroke that goes with a colour there.

    The picture is laid through the object along its three axes, at several places and turns; a point takes
    those whose colour, seen coarsely, is nearest to what is wanted there.

    Parameters
    ----------
    picture : ndarray, [H, W, 3]
    size : float
        Of the strokes; at 1 the picture's longer side is `WIDTH` extents of the object.
    seed : int
        Of the places.
    """

    def __init__(self, picture: np.ndarray, *, size: float = 1.0, seed: int = 0) -> None:
        longer = max(picture.shape[:2])
        coarse = _blurred(picture, _COARSE * longer)
        self._layers = np.ascontiguousarray(np.moveaxis(np.concatenate([coarse, picture - coarse], 2), 2, 0))
        self._scale = longer / (WIDTH * size)
        rng = np.random.default_rng(seed)
        self._places = rng.uniform(0, 2 * longer, (_PLACES, 3, 2))
        turns = rng.uniform(0, 2 * np.pi, (_PLACES, 3))
        cosine, sine = np.cos(turns), np.sin(turns)
        self._turns = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)

    def at(
        self,
        points: np.ndarray,  # [M, 3] in object units
        normals: np.ndarray,  # [M, 3]
        wanted: np.ndarray,  # [M, 3] colours, without detail
    ) -> tuple[np.ndarray, np.ndarray]:  # [M, 3], [M, 3]
        """The picture's colours there seen coarsely, and the strokes as what they add to them."""
        weights = np.abs(normals) ** _SHARP + 1e-4
        weights /= weights.sum(axis=1, keepdims=True)
        total, found = np.zeros((len(points), 1), np.float32), np.zeros((len(points), 6), np.float32)
        for place in range(_PLACES):
            here = self._sample(points, weights, place)
            distance = ((here[:, :3] - wanted) ** 2).sum(axis=1, keepdims=True)
            share = np.exp(-distance / (2 * _CHOICE**2)) + 1e-6
            found += share * here
            total += share
        found /= total
        return found[:, :3], found[:, 3:]

    def _sample(self, points: np.ndarray, weights: np.ndarray, place: int) -> np.ndarray:
        """[M, 6]"""
        found = np.zeros((len(points), 6), np.float32)
        for axis in range(3):
            near = weights[:, axis] > 0.02
            plane = np.delete(points[near], axis, axis=1) @ self._turns[place, axis].T
            where = (plane * self._scale + self._places[place, axis]).T[::-1]
            for c, layer in enumerate(self._layers):
                found[near, c] += weights[near, axis] * map_coordinates(layer, where, order=1, mode="mirror")
        return found


def own_colours(s: SurfaceView, image: np.ndarray | None = None) -> np.ndarray:
    """What the object's pixels show, un-premultiplied: of its ``original``, or of an ``image``.  [P', 3]"""
    alpha = s.view.alpha.reshape(s.mask.shape)[s.mask]
    return ((s.original if image is None else image)[s.mask] / np.maximum(alpha, 1e-3)[:, None]).astype("f4")


def paint(
    prepared: PreparedObject,
    picture: np.ndarray,  # [H, W, 3]
    under: Painted,
    *,
    size: float = 1.0,
    luminance_keep: float = 0.5,
    seed: int = 0,
    on_progress: Callable[[float, np.ndarray], None] | None = None,
) -> Painted:
    """Every view in the picture's palette and strokes.

    Parameters
    ----------
    under : Painted
        What is painted over: the object's own views, or a material's.
    size : float
        Of the strokes.
    luminance_keep : float
        How much of the object's light and dark shows through, 0..1.
    on_progress : callable, optional
        Called as ``on_progress(share, target)`` after each view, with what was painted; may raise to stop.
    """
    below = [_evened(s, own_colours(s, image)) for s, image in zip(prepared.surface_views, under.targets)]
    colours, strokes = palette(np.concatenate(below), picture), Strokes(picture, size=size, seed=seed)
    targets = []
    for i, (s, own) in enumerate(zip(prepared.surface_views, below)):
        base = colours.colours(own)
        calm = np.zeros_like(s.original)
        calm[s.mask] = base
        width = s.mask.shape[1]
        calm = np.stack([masked_blur(calm[..., c], s.mask, _CALM * width)[s.mask] for c in range(3)], axis=-1)
        coarse, detail = strokes.at(prepared.frame.normalised(s.points)[0], s.normals, calm)
        targets.append(_relit(s, base + _TAKEN * (coarse - calm) + _STROKES * detail, luminance_keep))
        if on_progress:
            on_progress((i + 1) / len(prepared.surface_views), targets[-1])
    return Painted(colours.colours(np.clip(under.start, 0, 1)), targets)


def solve(
    prepared: PreparedObject, painted: Painted, *, prior_weight: float = 0.02, iterations: int = 12
) -> np.ndarray:
    """The colours [M, 3] that show the painted views best, never quite white."""
    views = [s.view for s in prepared.surface_views]
    return solve_colours(
        views,
        painted.targets,
        np.clip(painted.start, 0, luminance.CEILING),
        prior_weight=prior_weight,
        iterations=iterations,
        bounds=(0.0, luminance.CEILING),
        weights=[surface_weights(v) for v in views],
    )


def settle(
    prepared: PreparedObject, colours: np.ndarray, picture: np.ndarray, luminance_keep: float
) -> Painted:
    """The last coat: colours back at the picture's paints, its contrast, and the object's light and dark.

    Feature matching leaves hues that no painter mixed (networks hardly mind them) and, where views disagree,
    a grey mean. So each colour goes towards the paints of the picture nearest to it, then all of them to its
    mean and covariance, and the object's light and dark come back.

    Parameters
    ----------
    colours : ndarray, [M, 3]
    luminance_keep : float
        How much of the object's light and dark comes back, 0..1.
    """
    paints = _paints(picture)
    distance, which = cKDTree(paints).query(colours, k=min(4, len(paints)))
    share = np.exp(-((distance / _MIX) ** 2)) + 1e-9
    mixed = ((share / share.sum(axis=1, keepdims=True))[..., None] * paints[which]).sum(axis=1)
    settled = (colours + _SNAP * (mixed - colours)).astype(np.float32)
    shown = np.concatenate([own_colours(s, s.view.image(settled)) for s in prepared.surface_views])
    settled += _RESTORE * (palette(shown, picture).transported(settled) - settled)
    targets = [
        _relit(s, own_colours(s, s.view.image(settled)), luminance_keep) for s in prepared.surface_views
    ]
    return Painted(settled, targets)


def _evened(s: SurfaceView, colours: np.ndarray) -> np.ndarray:
    """Colours [P', 3] whose lit and shaded sides differ less: ink would make them black and white."""
    light = np.zeros(s.mask.shape, np.float32)
    light[s.mask] = colours @ LUMA
    sides = masked_blur(light, s.mask, luminance.COARSE * s.mask.shape[1])[s.mask]
    return colours - _EVEN * (sides - np.median(sides))[:, None]


def _paints(picture: np.ndarray) -> np.ndarray:
    """The colours that a picture is made of.  [K, 3]"""
    step = max(1, max(picture.shape[:2]) // 96)
    pixels = _blurred(picture, step / 2)[::step, ::step].reshape(-1, 3).astype(np.float64)
    if len(np.unique(pixels.round(2), axis=0)) <= _PAINTS:  # a few flat colours: those are the paints
        return np.unique(pixels.round(2), axis=0)
    paints, _ = kmeans2(pixels, _PAINTS, seed=0, minit="++")
    return paints


def _relit(s: SurfaceView, colours: np.ndarray, luminance_keep: float) -> np.ndarray:
    """Colours [P', 3] as a premultiplied view [H, W, 3], with the object's light and dark."""
    target = np.zeros_like(s.original)
    target[s.mask] = luminance.relight(np.clip(colours, 0, 1), s.luminance, s.mask, luminance_keep)
    return target * s.view.alpha.reshape(*s.mask.shape, 1)


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([gaussian_filter(picture[..., c], sigma, mode="mirror") for c in range(3)], axis=-1)


def resized(picture: np.ndarray, longer: int) -> np.ndarray:
    """The picture with this many pixels on its longer side, and at least 32 on the other."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = longer / max(height, width)
    size = (max(32, round(width * scale)), max(32, round(height * scale)))
    channels = [Image.fromarray(np.ascontiguousarray(picture[..., c])).resize(size, 1) for c in range(3)]
    return np.clip(np.stack([np.asarray(c) for c in channels], axis=-1), 0, 1)
