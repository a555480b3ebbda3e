"""The paper's method: move an object's Gaussians until CLIP sees the prompt in its masked renders.

The preset ``seed`` is the baseline of every benchmark: the paper's intent with the slips of its text and code
mended (the masked render is what is embedded, every image has its own denominator, ten negatives, crops that
keep the aspect, cached original renders). ``settings`` holds the numbers, ``views`` what the judge looks at,
``parameters`` what moves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ft2os.cameras.camera import Camera, stack
from ft2os.errors import CancelledError
from ft2os.guidance import clip_judge, negatives, perceptual
from ft2os.looks import Look
from ft2os.losses import content_loss, contrastive_loss, similarity_loss
from ft2os.render import rasterize
from ft2os.stylize import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.clip.parameters import Parameters
from ft2os.stylize.clip.settings import Settings, resolve
from ft2os.stylize.clip.views import object_views, scene_extent, schedule
from ft2os.stylize.outliers import inliers

log = logging.getLogger(__name__)

_PREVIEW_EVERY = 5


def run(
    request: StylizeRequest,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Stylize with CLIP.

    Parameters
    ----------
    request : StylizeRequest
        ``context`` plays no part, since the judge sees the masked object; ``cameras`` are the views, cropped
        to the object.
    progress, cancelled : callable, optional
        Called and asked at every step.

    Raises
    ------
    MissingError
        At once, if the judge's weights (or VGG16's, with a regularisation) are not on this machine.
    RequestError
        If the preset or a setting does not exist.
    CancelledError
        With the look as it was at that step, or None before the first.
    """
    session = _Session(request, resolve(request.preset, request.overrides))
    if progress:
        progress(Progress("views", 0, len(session.steps), None, None, None, {}))
    for step, indices in enumerate(session.steps, start=1):
        if cancelled and cancelled():
            raise CancelledError(partial=session.result() if session.losses else None)
        loss, images = session.step(indices)
        if progress:
            preview = _preview(images) if step % _PREVIEW_EVERY == 1 or step == len(session.steps) else None
            progress(Progress("stylize", step, len(session.steps), session.eta(), loss, preview, {}))
    return session.result()


class _Session:
    """One run: the judge, the views, the parameters, and how far they have come."""

    def __init__(self, request: StylizeRequest, settings: Settings) -> None:
        self.request, self.settings = request, settings
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.judge = clip_judge.load(settings.model, settings.pretrained).to(device)
        vgg = perceptual.load_vgg().to(device) if settings.regularisation else None
        self.negatives = list(settings.negatives or negatives.draw(request.prompt, request.seed))

        keep = inliers(request.target.means) if settings.outliers else np.ones(len(request.target), bool)
        self.parent = np.flatnonzero(keep).astype(np.int32)
        self.object = request.target.subset(self.parent)
        self.views = object_views(self.object, request.cameras, self.judge.image_size)
        extent = scene_extent(request.cameras or self.views)
        self.parameters = Parameters(self.object, settings, extent, device)
        self.background = torch.tensor(settings.background, device=device)

        rng = np.random.default_rng(request.seed)
        self.steps = schedule(len(self.views), settings.batch, settings.epochs, settings.steps, rng)
        texts = self.judge.embed_texts([request.prompt, *self.negatives])
        self.prompt_text, self.negative_texts = texts[0], texts[1:]
        self.regularizer = _Regularizer(vgg, settings.regularisation, self) if vgg else None
        self.losses: list[float] = []
        self.started = time.perf_counter()

    def render(self, indices: np.ndarray) -> Tensor:  # [B, 3, H, W]
        """The object alone as the views with these indices see it, over the background."""
        return render_views([self.views[i] for i in indices], self.parameters.gaussians(), self.background)

    def step(self, indices: np.ndarray) -> tuple[float, Tensor]:
        """One step of Adam; the loss before it, and the pictures it judged."""
        images = self.render(indices)
        loss = self.judgement(images)
        if self.regularizer:
            loss = loss + self.regularizer(images, indices)
        self.parameters.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.parameters.optimizer.step()
        self.losses.append(loss.item())
        return self.losses[-1], images.detach()

    def judgement(self, images: Tensor) -> Tensor:
        """The CLIP loss of a batch of masked renders."""
        embeddings = self.judge.embed_images(images)
        if self.settings.loss == "similarity":
            return similarity_loss(embeddings, self.prompt_text)
        return contrastive_loss(embeddings, self.prompt_text, self.negative_texts, self.settings.temperature)

    def eta(self) -> float:
        """Seconds until the last step, at the pace so far."""
        pace = (time.perf_counter() - self.started) / len(self.losses)
        return pace * (len(self.steps) - len(self.losses))

    def result(self) -> StylizeResult:
        stats = self.stats()
        return StylizeResult(look=_look(self, stats), stats=stats)

    def stats(self) -> dict:
        settings = self.settings
        return {
            "method": "clip",
            "preset": self.request.preset,
            "judge": self.judge.name,
            "loss": settings.loss,
            "temperature": settings.temperature,
            "negatives": self.negatives if settings.loss == "contrastive" else [],
            "frozen": sorted(settings.freeze),
            "gaussians": len(self.object),
            "outliers": len(self.request.target) - len(self.object),
            "views": len(self.views),
            "steps": len(self.losses),
            "judged_views": sum(len(indices) for indices in self.steps[: len(self.losses)]),
            "loss_first": self.losses[0] if self.losses else None,
            "loss_last": self.losses[-1] if self.losses else None,
            "seconds": time.perf_counter() - self.started,
        }


class _Regularizer:
    """The paper's 3.2 against cached original renders, kept by view (not by epoch, as published)."""

    def __init__(self, vgg: perceptual.Vgg16, factor: float, session: _Session) -> None:
        self._vgg, self._factor = vgg, factor
        with torch.no_grad():
            # Half precision halves 3 MB a view and is far below what the loss resolves.
            self._originals = [
                vgg(session.render(np.array([view])))[0].half() for view in range(len(session.views))
            ]

    def __call__(self, images: Tensor, indices: np.ndarray) -> Tensor:
        originals = torch.stack([self._originals[i] for i in indices]).float()
        return content_loss(self._vgg(images), originals, self._factor)


def render_views(
    views: list[Camera],
    gaussians: dict,  # arguments of rasterize
    background: Tensor,  # [3]
) -> Tensor:  # [B, 3, H, W]
    """Views of one size in one call, clamped to what a screen shows."""
    viewmats, Ks = (torch.from_numpy(array).to(background.device) for array in stack(views))
    backgrounds = background.expand(len(views), 3)
    rgb, _, _ = rasterize(
        **gaussians,
        viewmats=viewmats,
        Ks=Ks,
        width=views[0].width,
        height=views[0].height,
        backgrounds=backgrounds,
    )
    return rgb.permute(0, 3, 1, 2).clamp(0, 1)


def _look(session: _Session, stats: dict) -> Look:
    parameters, start = session.parameters, session.object
    return Look(
        parent=session.parent,
        dc=parameters.colour(),
        dc0=None,
        means=start.means,
        quats=start.quats,
        scales=start.scales,
        opacities=start.opacities,
        target=parameters.geometry() or None,
        sh=parameters.bands(),
        name=session.request.prompt,
        prompt=session.request.prompt,
        method="clip",
        seed=session.request.seed,
        stats=stats,
    )


def _preview(images: Tensor) -> np.ndarray:  # uint8 [H, W, 3]
    return (images[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
