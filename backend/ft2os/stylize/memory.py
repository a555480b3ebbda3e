"""Checks before a job starts whether it fits into the memory, and finds the largest batch that does.

A method describes what it will hold as a `Job` and calls ``fit_batch``: it gets the batch it wanted, a
smaller one where that does not fit, or a ``RequestError`` that says what is lacking and what would fit.
The figures are estimates from measured runs, meant to be right to within a factor of two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ft2os.errors import RequestError
from ft2os.process import MEMORY_ENV
from ft2os.process import available_memory as available
from ft2os.stylize.preparation import Preparation
from ft2os.stylize.split import max_gaussians

log = logging.getLogger(__name__)

_ENTRY = 16  # bytes of a weight: value and column, in W and in its transpose
_PIXEL = 120  # bytes a pixel of a view: surface points, normals, luminance, original, target
_GAUSSIAN = 900  # bytes each, of degree 3: the object, the split set, their colours, targets and orders
_MOVED = 16  # bytes a number that an optimiser moves: itself, its gradient, Adam's two moments
_DRAWN = 260  # bytes a Gaussian and view of a batch that the rasterizer draws and goes back through
_DENSITY = 0.125  # Gaussians that show in a pixel, over the square root of how many there are
_PICTURE = 48  # bytes a pixel of a picture in a batch: drawn, cut, resized, and their gradients
_BACKWARD = 1.35  # what a network takes at its peak over what it keeps for the way back
VGG_PIXEL = 1260
"""Bytes that VGG16 up to relu3 keeps of a pixel until the gradient has come back, counted."""
VGG_PASS = 600
"""Bytes a pixel that it holds at once when no gradient is wanted: two of its widest layers."""
_LEAST_VIEWS, _LEAST_PIXELS = 6, 96  # below these no advice is given: the result would not be worth it


@dataclass(frozen=True)
class Job:
    """What a run will hold in memory.

    Parameters
    ----------
    gaussians : int
        Of the object, after splitting.
    views : int
        Kept as linear views; 0 where a rasterizer draws every step.
    pixels : int
        Side of a view.
    judged_views, judged_pixels : int
        Linear views for the judge that are kept too, and their side.
    per_picture : int
        Bytes that a network keeps of one picture until the gradient has come back, as
        ``guidance.precision.kept_bytes`` and a judge's ``bytes_per_picture`` say.
    pictures : int
        How many pictures the network sees for each of a batch: itself and what is cut from it.
    moved : int
        Numbers a Gaussian that an optimiser moves: 3 for colours, 14 with geometry, 59 with all bands.
    rasterized : bool
        Whether the steps draw with the rasterizer.
    fixed : int
        Bytes of anything else that stays: cached features, a network that is yet to be loaded.
    """

    gaussians: int
    views: int
    pixels: int
    judged_views: int = 0
    judged_pixels: int = 0
    per_picture: int = 0
    pictures: int = 1
    moved: int = 0
    rasterized: bool = False
    fixed: int = 0

    @classmethod
    def of_prepared(cls, count: int, settings: Preparation, *, grown: int = 0, **more: Any) -> Job:
        """Of a method that prepares ``count`` Gaussians, out of which ``grown`` more may grow."""
        return cls(max_gaussians(count, settings.limit + grown), settings.views, settings.pixels, **more)

    def parts(self, batch: int) -> dict[str, int]:
        """Bytes by what they are for, with ``batch`` views a step."""
        seen, judged = self.views * self.pixels**2, self.judged_views * self.judged_pixels**2
        weights = _DENSITY * self.gaussians**0.5 * _ENTRY  # bytes a pixel
        drawn = batch * _DRAWN * self.gaussians if self.rasterized else 0
        picture = max(self.judged_pixels, self.pixels) ** 2 * _PICTURE
        return {
            "views": int(seen * (weights + _PIXEL) + judged * weights),
            "gaussians": self.gaussians * (_GAUSSIAN + _MOVED * self.moved) + drawn,
            "judge": int(batch * self.pictures * (self.per_picture * _BACKWARD + picture)),
            "other": self.fixed,
        }

    def bytes(self, batch: int) -> int:
        """Bytes in all, with ``batch`` views a step."""
        return sum(self.parts(batch).values())


@dataclass(frozen=True)
class Fit:
    """The batch that fits, the batch that was wanted, the bytes that it needs, and those that may be used."""

    batch: int
    wanted: int
    needed: int
    available: int

    def stats(self) -> dict[str, int]:
        """For a result's ``stats["memory"]``."""
        return asdict(self)


def fit_batch(wanted: int, job: Job, *, device: str = "cpu") -> Fit:
    """The largest batch up to ``wanted`` with which the job fits.

    Call it once everything that is shared between runs is loaded (the judge, its weights) and before anything
    that the job describes is made; use ``fit.batch`` and put ``fit.stats()`` into ``stats["memory"]``. A
    lowered batch is logged. A method without batches (``material``) wants 1.

    Parameters
    ----------
    wanted : int
        Views a step, at least 1.
    job : Job
    device : str
        "cpu" or "cuda", where the job will live.

    Raises
    ------
    RequestError
        If not even one view a step fits; its hint names what would.
    """
    room = available(device)
    batch = next((b for b in range(wanted, 0, -1) if job.bytes(b) <= room), 0)
    if not batch:
        raise _refusal(job, room, device)
    fit = Fit(batch, wanted, job.bytes(batch), room)
    if batch < wanted:
        log.warning(
            "%s are free: %d views a step instead of %d, which would take %s",
            _text(room), batch, wanted, _text(job.bytes(wanted)),
        )  # fmt: skip
    return fit


def check_views(weights: float) -> None:
    """Refuse views that do not fit into the memory as linear ones, by the number of their weights.

    Raises
    ------
    RequestError
        If they would not: where many faint Gaussians lie over each other a `Job` cannot know.
    """
    needed, room = int(weights * _ENTRY), available()
    if needed > room:
        raise RequestError(
            f"The pictures of this object need about {_text(needed)} of memory, since very many faint "
            f"Gaussians lie over each other, and {_text(room)} may be used.",
            f"Choose the preset draft or fewer views. {MEMORY_ENV} sets how many bytes may be used.",
        )


def _refusal(job: Job, room: int, device: str) -> RequestError:
    needed = _text(job.bytes(1))
    where = "on the GPU" if device.startswith("cuda") else "of memory"
    return RequestError(
        f"This needs about {needed} {where}, and {_text(room)} may be used.",
        f"{_advice(job, room)} {MEMORY_ENV} sets how many bytes may be used.",
    )


def _advice(job: Job, room: int) -> str:
    """What would fit, in the words of the settings."""
    fewer = _largest(lambda n: replace(job, judged_views=n), _LEAST_VIEWS, job.judged_views, room)
    if fewer:
        return f"Choose {fewer} views for the judge instead of {job.judged_views}, or the preset draft."
    job = replace(job, judged_views=min(job.judged_views, _LEAST_VIEWS))
    fewer = _largest(lambda n: replace(job, views=n), _LEAST_VIEWS, job.views, room)
    if fewer:
        return f"Choose {fewer} views instead of {job.views}, or the preset draft."
    if job.per_picture and replace(job, per_picture=job.per_picture // 2).bytes(1) <= room:
        return "Choose a smaller judge, for example the model ViT-S-32-alt."
    small = replace(job, views=min(job.views, _LEAST_VIEWS))
    pixels = _largest(lambda n: replace(small, pixels=n), _LEAST_PIXELS, job.pixels, room)
    if pixels:
        return f"Choose {small.views} views of {pixels} pixels instead of {job.views} of {job.pixels}."
    small = replace(small, pixels=min(job.pixels, _LEAST_PIXELS))
    limit = _largest(lambda n: replace(small, gaussians=n), 1000, job.gaussians, room)
    if limit:
        return f"Choose {small.views} views of {small.pixels} pixels and a limit of {limit} Gaussians."
    return "Close other programs, or use a machine with more memory."


def _largest(changed: Callable[[int], Job], low: int, high: int, room: int) -> int | None:
    """The largest number from ``low`` to below ``high`` with which one view a step fits."""
    best = None
    while low < high:
        middle = (low + high) // 2
        if changed(middle).bytes(1) <= room:
            best, low = middle, middle + 1
        else:
            high = middle
    return best


def _text(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.0f} MB"
