"""The prepared object: made ready for new colours, the same way for every method.

Specks are left out, what is too coarse to carry a texture is split, and the result is looked at from all
around. A method only has to find colours for the finer set; ``PreparedObject.look`` turns them into a look
whose strength blends from the object as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ft2os.cameras.camera import Camera, stack
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians, dc_of
from ft2os.looks import Look
from ft2os.stylize import memory
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.patience import OnProgress, patiently
from ft2os.stylize.refit import refit_opacities
from ft2os.stylize.request import StylizeRequest
from ft2os.stylize.split import max_gaussians, split
from ft2os.stylize.view_buffers import (
    Frame,
    SurfaceView,
    cameras_around,
    frame_of,
    surface_view_of,
    surface_views_of,
    visibility,
)
from ft2os.tiles import render
from ft2os.tiles.linear import contributions
from ft2os.tiles.rasterizer import Rendered
from ft2os.tiles.solve import solve_colours

STAGES = {"prepare": 1, "split": 4, "fit": 30, "views": 36, "match": 13}
"""The stages of ``prepare``, and their durations relative to each other, measured."""

_DEEPEST = 80.0  # Gaussians a pixel; real objects that are split reach 70
_DEEP, _DEEPER = 60.0, 0.01  # the same for an object of one Gaussian, and what each further one adds

T = TypeVar("T")


@dataclass(frozen=True)
class PreparedObject:
    """An object split finely, and what it looks like.

    Parameters
    ----------
    rows : ndarray, int32, [R]
        Rows of the target that make up the object; the others are specks.
    whole : Gaussians
        Those R, as they are.
    fine : Gaussians
        The M that stand for them.
    parent : ndarray, int32, [M]
        Row in the *target* that each comes from.
    neutral : ndarray, float32, [M, 3]
        Display-referred base colours with which ``fine`` shows ``whole`` best.
    frame : Frame
        The object's box.
    surface_views : list of SurfaceView
        What is shown at full strength, seen from all around.
    deformed : Gaussians, optional
        ``fine`` in another form, see `ft2os.stylize.form`, in the object's colours with light of its own.
    """

    rows: np.ndarray
    whole: Gaussians
    fine: Gaussians
    parent: np.ndarray
    neutral: np.ndarray
    frame: Frame
    surface_views: list[SurfaceView]
    deformed: Gaussians | None = None

    @property
    def shown(self) -> Gaussians:
        """What is seen at full strength, M in the object's colours."""
        return self.fine if self.deformed is None else self.deformed

    @property
    def own_colours(self) -> np.ndarray:
        """Base colours with which ``shown`` looks like the object.  [M, 3]"""
        if self.deformed is None:
            return self.neutral
        return np.clip(self.neutral + self.deformed.base_colours - self.fine.base_colours, 0.0, 1.0)

    def __len__(self) -> int:
        return len(self.fine)

    def picture(self, colours: np.ndarray) -> np.ndarray:
        """The first view in these colours [M, 3], for previews.  uint8 [H, W, 3]"""
        first = self.surface_views[0]
        return first.on_grey(first.view.image(colours))

    def look(
        self,
        request: StylizeRequest,
        colours: np.ndarray,
        stats: dict,
        *,
        target: dict[str, np.ndarray] | None = None,
        sh: np.ndarray | None = None,
        name: str = "",
    ) -> Look:
        """The look that shows ``colours`` at full strength.

        Parameters
        ----------
        request : StylizeRequest
            Whose prompt, method and seed are noted.
        colours : ndarray, [M, 3]
            Display-referred.
        stats : dict
            Figures of the run.
        target : dict of ndarray, optional
            Geometry at full strength, see `Look`; that of ``deformed`` if left out.
        sh : ndarray, [M, K-1, 3], optional
            Coefficients from degree 1 at full strength; zero if left out.
        name : str
            What the artist sees; the prompt if left out.
        """
        if target is None and self.deformed is not None:
            target = {
                name: getattr(self.deformed, name) for name in ("means", "quats", "scales", "opacities")
            }
        return Look(
            parent=self.parent,
            dc=dc_of(colours).astype(np.float32),
            dc0=dc_of(self.neutral).astype(np.float32),
            means=self.fine.means,
            quats=self.fine.quats,
            scales=self.fine.scales,
            opacities=self.fine.opacities,
            target=target,
            sh=sh,
            name=name or request.prompt.strip(),
            prompt=request.prompt,
            method=request.method,
            seed=request.seed,
            stats=stats,
        )


def prepare(
    target: Gaussians,
    *,
    views: int,
    pixels: int,
    max_split_scale: float,
    limit: int,
    refit: int = 0,
    cameras: Sequence[Camera] | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    on_first_view: Callable[[PreparedObject], None] | None = None,
) -> PreparedObject:
    """Make an object ready.

    Parameters
    ----------
    target : Gaussians
        The object alone.
    views, pixels : int
        How many pictures to take of it, and their side.
    max_split_scale : float
        Longest axis after splitting, over the object's extent.
    limit : int
        Gaussians after splitting; or up to twice the object's own where that is more.
    refit : int
        Steps of re-fitting the split set's opacities to the object, one view each.
    cameras : sequence of Camera, optional
        Views of one size to look from, instead of so many of so many pixels on rings around the object.
    on_progress : callable, optional
        Called as ``on_progress(stage, share)``, a key of `STAGES` and 0..1, many times a second; may raise to
        stop.
    on_first_view : callable, optional
        Called once, as soon as there is anything to draw on: with an object of one view, not yet fitted.
    """

    def staged(stage: str, work: Callable[[OnProgress], T]) -> T:
        return patiently(work, lambda share: on_progress(stage, share) if on_progress else None)

    rows = staged("prepare", lambda _: np.flatnonzero(keep_connected(target)).astype(np.int32))
    whole = target.subset(rows)
    frame = frame_of(whole)
    seen = list(cameras) if cameras else staged("split", lambda _: cameras_around(whole, views, pixels))
    fine, parent = staged("split", lambda _: _split(whole, max_split_scale * frame.extent, limit, seen))
    if on_first_view:
        first = staged("split", lambda _: _seen([surface_view_of(fine, seen[0])]))
        on_first_view(PreparedObject(rows, whole, fine, rows[parent], fine.base_colours, frame, first))
    wanted = staged("fit", lambda _: render(whole, *stack(seen), seen[0].width, seen[0].height))
    fine = staged("fit", lambda share: refit_opacities(fine, seen, wanted, refit, share))
    surface_views = staged("views", lambda share: _seen(surface_views_of(fine, seen, share)))
    neutral = staged("match", lambda _: _neutral(fine, surface_views, wanted))
    return PreparedObject(rows, whole, fine, rows[parent], neutral, frame, surface_views)


def _split(
    whole: Gaussians, max_scale: float, limit: int, cameras: list[Camera]
) -> tuple[Gaussians, np.ndarray]:
    """The finer set, and each one's row in ``whole``: as fine as wanted, unless it is too deep to draw.

    A pixel that many wide Gaussians share takes memory and time for each; a coarser split has fewer of them.
    """
    worth, limit = visibility(whole), max_gaussians(len(whole), limit)
    deepest = min(_DEEPEST, _DEEP + _DEEPER * len(whole))
    while True:
        fine, parent = split(whole, max_scale, limit, worth)
        depth = _depth(fine, cameras)
        if depth <= deepest:
            return fine, parent
        if len(fine) <= len(whole):  # the object is as deep before any split
            memory.check_views(depth * sum(camera.width * camera.height for camera in cameras))
            return fine, parent
        limit = max(len(whole), min(limit, len(fine)) // 3)


def _depth(gaussians: Gaussians, cameras: list[Camera]) -> float:
    """How many Gaussians a pixel shows, on average over one view from the front and one from above."""
    few = (cameras[0], cameras[-1])
    return sum(contributions(gaussians, camera) / (camera.width * camera.height) for camera in few) / len(few)


def _seen(surface_views: list[SurfaceView]) -> list[SurfaceView]:
    """``surface_views`` as they are; refused where none shows enough of the object to paint on."""
    if not any(s.mask.any() for s in surface_views):
        raise RequestError(
            "The object is too transparent to paint on: nowhere does it cover half of what is behind it.",
            "Choose another object, or raise its Gaussians' opacity.",
        )
    return surface_views


def _neutral(fine: Gaussians, surface_views: list[SurfaceView], wanted: Rendered) -> np.ndarray:
    """Base colours [M, 3] that show what is wanted best; the higher bands stay the parents'."""
    base = fine.base_colours.astype(np.float32)
    views = [s.view for s in surface_views]
    targets = [w - s.original + s.view.image(base) for w, s in zip(wanted.rgb, surface_views)]
    return solve_colours(views, targets, base, prior_weight=0.05, iterations=8, bounds=(-1.0, 2.0))
