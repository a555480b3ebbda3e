"""The second gear within the CLIP method: geometry, then colours once more on the linear form rebuilt.

`ft2os.stylize.geometry` has the loop and its terms; here are the judge that it asks, the views with room for
what grows, and what a checkpoint has to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ft2os.cameras.camera import Camera, stack
from ft2os.gaussians import C0, Gaussians
from ft2os.looks import Look
from ft2os.stylize import geometry
from ft2os.stylize.clip import checkpoint
from ft2os.stylize.clip.colours import ColourGear, Originals
from ft2os.stylize.clip.pool import Pool
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.luminance import CEILING
from ft2os.tiles import render

if TYPE_CHECKING:
    from ft2os.stylize.clip.session import Session

_FINISH = 0.25  # of the first gear's steps, for the colours after the geometry
_REACH = 0.06  # in extents of the object, at full strength
# Gentler than the gear's own: a weak judge's pull is mostly noise, and what has a form should keep it.
_PACE = 0.25  # times the gear's rates
_ANCHOR = 20.0
_TRAVEL = 0.6  # in reaches, how far one that is pulled one way all the time may come
_FORMED_TRAVEL = 0.3  # the same where the prompt's form was given beforehand
_ROOM = 1.15  # of the views around the first gear's windows


def steps(settings: Settings, strength: float) -> int:
    """Steps of the second gear at some strength."""
    return max(1, round(settings.geometry_steps * strength))


def finishing_steps(settings: Settings) -> int:
    """Colour steps after it."""
    return max(1, round(_FINISH * settings.steps))


def recoloured(gaussians: Gaussians, colours: np.ndarray) -> Gaussians:
    """The same Gaussians in display-referred colours [M, 3], without bands."""
    return gaussians.replace(sh=((colours[:, None] - 0.5) / C0).astype(np.float32))


class SecondGear:
    """The shape, and after it colours once more.

    Parameters
    ----------
    session : Session
        Whose first gear is done.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.judged = 0
        self.gear: ColourGear | None = None  # of the finish
        self._now: Callable[[], dict[str, Any]] | None = None  # the loop's state, once there is one
        made, request = session.prepared, session.request
        self.shape = geometry.Shape(
            recoloured(made.shown, session.gear.now()),
            neutral=recoloured(made.fine, made.neutral),
            parent=made.parent,
            freeze=session.settings.freeze,
            rates={name: _PACE * rate for name, rate in geometry.RATES.items()},
            extent=made.frame.extent,
            device=session.device,
        )
        self._views = [geometry.wider(camera, _ROOM) for camera in session.pool.cameras]
        self._context = request.context

    def run(self, kept: tuple[dict, dict] | None) -> None:
        """Both parts, from where they stood or from their start."""
        state = checkpoint.unpacked(kept, "shape") if kept else None
        self._deform(state)
        self._finish(kept)

    def _deform(self, state: Mapping[str, Any] | None) -> None:
        session, settings = self._session, self._session.settings
        total = steps(settings, session.strength)
        crops = round(settings.crops * settings.batch)
        travel = _TRAVEL if session.prepared.deformed is None else _FORMED_TRAVEL
        whole = max(1, settings.batch - crops)
        number = int(state["number"]) if state else 0
        self.judged = number * (whole + crops)

        def judge(images: Tensor, cameras: list[Camera]) -> tuple[Tensor, dict[str, float]]:
            nonlocal number
            number += 1
            rng = np.random.default_rng((session.request.seed, 4, number))
            anywhere = np.ones((len(images), *images.shape[-2:]), bool)
            terms = session.judgement.terms(images, crops, anywhere, rng)
            loss = sum(getattr(settings, name) * term for name, term in terms.items())
            return loss, {name: float(term.detach()) for name, term in terms.items()}

        def on_progress(step: geometry.Step) -> None:
            self._now = step.state
            self.judged += len(step.images) + crops
            # Both gears have an anchor, each its own.
            terms = {"shape_anchor" if name == "anchor" else name: v for name, v in step.terms.items()}
            session.note(step.loss, terms)
            share = step.number / step.total
            session.report("geometry", share, loss=step.loss, metrics=terms, preview=session.preview)

        geometry.deform(
            self.shape,
            self._views,
            judge,
            geometry.Settings(
                steps=total, batch=whole, anchor=_ANCHOR, reach=_REACH * session.strength, travel=travel
            ),
            np.random.default_rng((session.request.seed, 5)),
            context=self._context,
            on_progress=on_progress,
            state=state,
        )

    def _finish(self, kept: tuple[dict, dict] | None) -> None:
        """Colours once more, over the linear form of the new shape; none where they are frozen."""
        session = self._session
        if "colour" in session.settings.freeze:
            return
        moved = self._moved()
        pool = Pool(moved, self._views, session.backgrounds(len(self._views)), session.device)
        start = np.clip(moved.base_colours, 0, CEILING).astype(np.float32)
        forms = Originals(pool, torch.from_numpy(start).to(session.device), session.judgement)
        self.gear = session.make_gear(pool, start, moved.means, forms, finishing_steps(session.settings), 2)
        if kept and "finish" in kept[1]:
            self.gear.restore(checkpoint.part(kept[0], "finish"), *kept[1]["finish"])
        try:
            session.move(self.gear, "finish")
        finally:
            pool.close()

    def _moved(self) -> Gaussians:
        """The shape as it is, without bands."""
        arrays = self.shape.gaussians()
        names = ("means", "quats", "scales", "opacities")
        parts = {name: arrays[name].detach().cpu().numpy().copy() for name in names}
        return Gaussians(**parts, sh=self.shape.colour()[:, None])

    def look(self, stats: dict) -> Look:
        """The look of the shape as it is, in the colours as they are."""
        request, parts = self._session.request, self.shape.look_parts()
        if self.gear:
            parts["dc"] = recoloured(self._moved(), self.gear.now()).sh[:, 0]
        return Look(
            **parts, name=request.prompt.strip(), prompt=request.prompt, method="clip", seed=request.seed,
            stats=stats,
        )  # fmt: skip

    def picture(self, camera: Camera) -> np.ndarray:  # [H, W, 3]
        """The shape from a camera, over mid grey."""
        moved = self._moved()
        if self.gear:
            moved = recoloured(moved, self.gear.now())
        grey = np.full((1, 3), 0.5, np.float32)
        viewmats, Ks = stack([camera])
        return render(moved, viewmats, Ks, camera.width, camera.height, background=grey).rgb[0]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts for a checkpoint."""
        if not self._now:
            return {}, {}
        tensors, facts = checkpoint.packed(self._now(), "shape")
        if self.gear:
            tensors |= checkpoint.packed(self.gear.state(), "finish")[0]
            facts["finish"] = [self.gear.number, self.gear.judged]
        return tensors, facts
