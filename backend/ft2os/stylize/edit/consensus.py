"""From edited views to colours: what the edits agree about, found by turns with where and how each differs.

Every view was edited by itself. Its colours drifted, its texture lies a few pixels off, some of its detail
and whole patches are nobody else's. One least-squares solve of all (`ft2os.tiles.solve`) averages that into a
blur, and then sharpens its noise. Here the solve takes turns with three corrections. Colour maps bring each
view's slow colours to those of all. Flow puts its detail where it lies in the others. And what still differs
counts less, patch by patch. Colours stay near the mean of all pixels that show a Gaussian, which noise moves
least.

How much the views disagree is measured first. Where they agree this is the plain solve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.ndimage import gaussian_filter

from ft2os import threads
from ft2os.stylize.edit.flow import flow, warp
from ft2os.stylize.edit.views import EditViews, masked_blur
from ft2os.tiles.solve import solve_colours

Tick = Callable[[float], None]
T = TypeVar("T")

_PLAIN = {"prior_weight": 0.01, "iterations": 28}  # the solve of views that agree
_AGREE, _DISAGREE = 0.022, 0.034  # slow differences at which nothing and everything is corrected
_SLOW = 0.03  # blur of a side: texture that is finer need not match where colours are compared
_SHADE = 0.1  # blur of a side: light that is slower must not move the flow
_PATCH = 1.5  # pixels at 208: what differs is judged as a patch
_USUAL = 0.04  # a difference from which a patch counts less
_RIDGE = 0.02  # of colour maps, towards no change
_OBLIQUE = 0.05  # what a pixel counts that is seen along the surface
_FACING = 0.25  # power of the cosine
_PRIOR_WEIGHT = 0.15
_HEAR = 0.2  # seconds after which a view that takes long is asked about a cancel
_TURNS, _ITERATIONS, _LAST = 4, 6, 12


@dataclass(frozen=True)
class Fit:
    """Which corrections are made.

    Parameters
    ----------
    align_colours : bool
        Map every view's colours to those of all.
    flow : bool
        Put every view's detail where it lies in the others.
    reweigh : bool
        Count a patch less that differs from the others.
    turns : int
        How often solve and corrections take turns.
    disagreement : float
        0..1, of the round before. Edits of less than full strength keep slow colours, so that they seem to
        agree where their detail does not.
    """

    align_colours: bool = True
    flow: bool = True
    reweigh: bool = True
    turns: int = _TURNS
    disagreement: float = 0.0


@dataclass(frozen=True)
class Fitted:
    """What the views agree about.

    Parameters
    ----------
    colours : ndarray, float32, [M, 3]
    pictures : list of ndarray, float32, [H, W, 3]
        The edits with their corrections, one a view.
    agreement : list of float
        How much of each edit's slow colours all others share, 0..1.
    disagreement : float
        How far the edits were corrected, 0..1; the next round's `Fit` wants it.
    """

    colours: np.ndarray
    pictures: list[np.ndarray]
    agreement: list[float]
    disagreement: float


def fit(
    views: EditViews,
    edited: Sequence[np.ndarray],
    start: np.ndarray,
    how: Fit = Fit(),
    tick: Tick = lambda share: None,
) -> Fitted:
    """Colours that show what the edits agree about.

    Parameters
    ----------
    views : EditViews
    edited : sequence of ndarray, [H, W, 3]
        One a view, over grey, the object where it is in the view.
    start : ndarray, [M, 3]
        For what no view shows.
    how : Fit
    tick : callable
        Called with the finished share many times; may raise to stop.

    Raises
    ------
    ValueError
        If there is not one edit of the views' size for every view.
    """
    if any(np.shape(e) != (*views.size, 3) for e in edited) or len(edited) != len(views):
        raise ValueError(f"{len(views)} views of {views.size} need as many edits of that size")
    return _Consensus(views, [np.asarray(e, np.float32) for e in edited], start, how, tick).found()


class _Consensus:
    """A fit on its way."""

    def __init__(
        self, views: EditViews, edited: list[np.ndarray], start: np.ndarray, how: Fit, tick: Tick
    ) -> None:
        self._views, self._edited, self._start, self._how, self._tick = views, edited, start, how, tick
        self._pictures, self._share, self._end = edited, 0.0, 1 / (how.turns + 1)
        self._base = [
            w * (_OBLIQUE + (1 - _OBLIQUE) * f**_FACING) for w, f in zip(views.weights, views.facing)
        ]

    def found(self) -> Fitted:
        """All turns."""
        how = self._how
        colours = self._solve(self._base, _ITERATIONS)
        shown = self._shown(colours)
        apart = self._each(lambda i: self._slow_difference(shown[i], i))
        agreement = [float(np.clip(1 - a / (4 * _DISAGREE), 0, 1)) for a in apart]
        much = float(np.clip((np.median(apart) - _AGREE) / (_DISAGREE - _AGREE), 0, 1))
        much = max(much, how.disagreement)
        if not much:
            return Fitted(self._plain(), self._pictures, agreement, much)
        for turn in range(how.turns):
            self._end = (turn + 2) / (how.turns + 1)
            colours, shown = self._turn(shown, _LAST if turn == how.turns - 1 else _ITERATIONS)
        if much < 1:
            colours = (self._plain() * (1 - much) + colours * much).astype(np.float32)
        return Fitted(colours, self._pictures, agreement, much)

    def _turn(self, shown: list[np.ndarray], iterations: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """Correct every view by what all show now, and solve again."""
        how, weights = self._how, self._base
        mapped = self._mapped(shown) if how.align_colours else self._edited
        self._pictures = self._each(lambda i: self._flowed(shown[i], mapped[i], i)) if how.flow else mapped
        if how.reweigh:
            weights = self._each(lambda i: self._reweighed(shown[i], i))
        colours = self._solve(weights, iterations)
        return colours, self._shown(colours)

    def _shown(self, colours: np.ndarray) -> list[np.ndarray]:
        """Every view in these colours, without what is behind the object.  [H, W, 3] a view"""
        shown = []
        for i in range(len(self._views)):
            self._still()
            shown.append(self._views.surface(i, colours))
        return shown

    def _still(self) -> None:
        """Hear of a cancel: at 512² every step of every view takes a while."""
        self._tick(self._share)

    def _plain(self) -> np.ndarray:
        """One solve of the edits as they are."""
        return solve_colours(
            self._views.linear,
            _premultiplied(self._views, self._edited),
            self._start,
            weights=self._views.weights,
            tick=self._still,
            **_PLAIN,
        )

    def _solve(self, weights: list[np.ndarray], iterations: int) -> np.ndarray:
        """Colours [M, 3] near the mean of what the corrected edits show of each Gaussian."""
        targets = _premultiplied(self._views, self._pictures)
        mean = self._mean(weights)
        return solve_colours(
            self._views.linear,
            targets,
            mean,
            prior_weight=_PRIOR_WEIGHT,
            iterations=iterations,
            weights=weights,
            tick=self._still,
        )

    def _mean(self, weights: list[np.ndarray]) -> np.ndarray:
        """Each Gaussian's mean of the pixels that show it, as far as they do; its start where none does."""
        total = np.zeros(self._start.shape, np.float32)
        mass = np.zeros((len(total), 1), np.float32)
        for view, picture, weight in zip(self._views.linear, self._pictures, weights):
            self._still()
            total += view.gradient(np.clip(picture, 0, 1) * weight[..., None])
            mass[:, 0] += view.WT @ weight.reshape(-1)
        return np.where(mass > 1e-3, total / np.maximum(mass, 1e-3), self._start).astype(np.float32)

    def _slow_difference(self, shown: np.ndarray, i: int) -> float:
        """Mean difference of a view's slow colours."""
        mask, weight = self._views.mask[i], self._views.weights[i]
        slow = np.abs(masked_blur(shown - self._pictures[i], mask, _SLOW * len(mask))).mean(axis=-1)
        return float((slow * weight).sum() / max(weight.sum(), 1e-6))

    def _mapped(self, shown: list[np.ndarray]) -> list[np.ndarray]:
        """The edits with each view's colours mapped to those of all.

        The maps' mean is divided out: what all show is paler than each of them, where they disagree, so that
        every map would fade a little towards it.
        """
        maps = self._each(lambda i: self._colour_map(shown[i], i))
        back = np.linalg.inv(np.mean(maps, axis=0))
        return [_recoloured(e, m @ back) for e, m in zip(self._edited, maps)]

    def _colour_map(self, shown: np.ndarray, i: int) -> np.ndarray:
        """The affine map from a view's slow colours to those of all, near identity.  float64 [4, 4]"""
        mask, base = self._views.mask[i], self._base[i]
        counted = base > 0.1
        map_ = np.eye(4)
        if not counted.any():
            return map_
        apart = gaussian_filter(np.abs(shown - self._pictures[i]).mean(axis=-1), 2)
        weight = (base * _weight_of(apart))[counted][:, None].astype(np.float64)
        slow, wanted = (
            masked_blur(x, mask, _SLOW * len(mask))[counted].astype(np.float64)
            for x in (self._edited[i], shown)
        )
        rows = np.concatenate([slow, np.ones((len(slow), 1))], axis=1)
        curve = rows.T @ (rows * weight) + _RIDGE * weight.sum() * np.eye(4)
        map_[:, :3] += np.linalg.solve(curve, rows.T @ ((wanted - slow) * weight))
        return map_

    def _flowed(self, shown: np.ndarray, picture: np.ndarray, i: int) -> np.ndarray:
        """A picture with its detail where all show it; slow light is levelled while it is looked for."""
        views, mask = self._views, self._views.mask[i]
        alpha = views.alpha[i][..., None]
        level = masked_blur(shown - picture, mask, _SHADE * len(mask))
        return warp(picture, flow(shown * alpha, (picture + level) * alpha, self._base[i]))

    def _reweighed(self, shown: np.ndarray, i: int) -> np.ndarray:
        """A view's weights, less where it differs from all: L1 by re-weighted squares.  [H, W]"""
        apart = np.abs(shown - self._pictures[i]).mean(axis=-1)
        apart = gaussian_filter(apart, _PATCH * len(apart) / 208)
        return (self._base[i] * _weight_of(apart)).astype(np.float32)

    def _each(self, work: Callable[[int], T]) -> list[T]:
        """``work`` for every view, on plain threads; what is not begun is dropped where ``tick`` raises."""
        begun = [threads.executor().submit(work, i) for i in range(len(self._views))]
        done, share = [], self._share
        try:
            for i, one in enumerate(begun):
                self._share = share + (self._end - share) * 0.3 * i / len(begun)
                self._still()
                while not wait([one], _HEAR).done:
                    self._still()
                done.append(one.result())
        finally:
            for one in begun:
                one.cancel()
        return done


def _weight_of(apart: np.ndarray) -> np.ndarray:
    return _USUAL / np.maximum(apart, _USUAL)


def _premultiplied(views: EditViews, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The object's share of pictures, with the object's own outline."""
    return [np.clip(p, 0, 1) * a[..., None] for p, a in zip(pictures, views.alpha)]


def _recoloured(picture: np.ndarray, map_: np.ndarray) -> np.ndarray:
    return (picture @ map_[:3, :3] + map_[3, :3]).astype(np.float32)
