"""The paper's method: move an object's Gaussians until CLIP sees the prompt in its masked renders.

The preset ``paper`` is the baseline of every benchmark: the paper's intent with the slips of its text and
code mended (the masked render is what is embedded, every image has its own denominator, ten negatives, crops
that keep the aspect, cached original renders). ``settings`` holds the numbers, ``views`` what the judge looks
at, ``parameters`` what moves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ft2os.colour import to_uint8
from ft2os.device import best_device
from ft2os.guidance import clip_judge, negatives
from ft2os.looks import Look
from ft2os.losses import contrastive_loss, similarity_loss
from ft2os.stylize import memory
from ft2os.stylize.clip import checkpoint, steps
from ft2os.stylize.clip.content import Regularizer
from ft2os.stylize.clip.parameters import Parameters
from ft2os.stylize.clip.settings import PaperSettings
from ft2os.stylize.clip.views import object_views, scene_extent, schedule
from ft2os.stylize.geometry import draw
from ft2os.stylize.outliers import inliers
from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult
from ft2os.stylize.run import Run

log = logging.getLogger(__name__)

_SHARES = {"views": 0.0, "stylize": 1.0}


class PaperRun:
    """One run: the judge, the views, the parameters, and how far they have come; ``run`` once."""

    def __init__(
        self,
        request: StylizeRequest,
        settings: PaperSettings,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        started = time.perf_counter()
        self.request = request
        device = best_device()
        self.judge = clip_judge.load(settings.model, settings.pretrained).to(device)
        self.memory = memory.fit_batch(settings.batch, _job(request, settings, self.judge), device=device)
        self.settings = settings = replace(settings, batch=self.memory.batch)
        self.regularizer = Regularizer(settings, device) if settings.regularisation else None
        self.digest = checkpoint.digest(request, settings, self.judge.name)
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
        if self.regularizer:
            with torch.no_grad():
                for view in range(len(self.views)):
                    self.regularizer.keep(view, self.render(np.array([view])))
        self.this = Run(request, _SHARES, progress, cancelled, self.save, len(self.steps))
        self.resume()
        self.prepare_seconds = time.perf_counter() - started

    def run(self) -> StylizeResult:
        """The steps that are left, and the look that comes of them."""
        this, total = self.this, len(self.steps)
        this.report("views", 0.0)
        while (taken := len(this.history.losses)) < total:
            this.report.stop_if_cancelled()
            loss, images = self.step(self.steps[taken])
            this.report.result = self.result
            ends = taken in (0, total - 1)
            this.step("stylize", (taken + 1) / total, loss, {}, partial(_preview, images), at_once=ends)
        result = self.result()
        this.forget_checkpoint()
        return result

    def render(self, indices: np.ndarray) -> Tensor:  # [B, 3, H, W]
        """The object alone as the views with these indices see it, over the background."""
        views = [self.views[i] for i in indices]
        return draw(self.parameters, views, self.background.expand(len(views), 3))

    def step(self, indices: np.ndarray) -> tuple[float, Tensor]:
        """One step of Adam; the loss before it, and the pictures it judged."""
        images = self.render(indices)
        loss = self.judgement(images)
        if self.regularizer:
            loss = loss + self.regularizer(images, indices)
        self.parameters.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.parameters.optimizer.step()
        return loss.item(), images.detach()

    def judgement(self, images: Tensor) -> Tensor:
        """The CLIP loss of a batch of masked renders."""
        embeddings = self.judge.embed_images(images)
        if self.settings.loss == "similarity":
            return similarity_loss(embeddings, self.prompt_text)
        return contrastive_loss(embeddings, self.prompt_text, self.negative_texts, self.settings.temperature)

    def resume(self) -> None:
        """Go on from the checkpoint, if that was asked for and it is there."""
        path = self.request.checkpoint
        kept = checkpoint.load(path, self.digest) if path and self.request.resume else None
        if kept and (shape := kept.state("shape")):
            self.parameters.load_state_dict(shape)
            self.this.history.restore(kept.facts["losses"], {})

    def save(self, path: Path) -> None:
        """Write the checkpoint, if there is anything to keep."""
        if not self.this.history.losses:
            return
        tensors, facts = checkpoint.packed(self.parameters.state_dict(), "shape")
        facts |= {"digest": self.digest, "losses": self.this.history.losses}
        checkpoint.save(path, tensors, facts)

    def result(self) -> StylizeResult:
        stats = self.stats()
        return StylizeResult(look=_look(self, stats), stats=stats)

    def stats(self) -> dict:
        settings, history, times = self.settings, self.this.history, self.this.report.times()
        judged = sum(len(indices) for indices in self.steps[: len(history.losses)])
        return {
            "method": "clip",
            "preset": self.request.preset,
            "judge": self.judge.name,
            "loss": settings.loss,
            "temperature": settings.temperature,
            "negatives": self.negatives if settings.loss == "contrastive" else [],
            "frozen": sorted(settings.freeze),
            "batch": settings.batch,
            "memory": self.memory.stats(),
            "gaussians": len(self.object),
            "outliers": len(self.request.target) - len(self.object),
            "views": len(self.views),
            **steps.figures(history, judged),
            **history.copied(),
            "seconds": self.prepare_seconds + times["seconds"],
            "stages": {"prepare": self.prepare_seconds, **times["stages"]},
        }


def _job(request: StylizeRequest, settings: PaperSettings, judge: clip_judge.ClipJudge) -> memory.Job:
    """The memory that the run will take: every band of every Gaussian, its pictures, and no linear views."""
    side, bands = judge.image_size, 3 * request.target.sh.shape[1]
    features = memory.VGG_PIXEL * side**2 if settings.regularisation else 0
    return memory.Job(
        gaussians=len(request.target),
        views=0,
        pixels=side,
        per_picture=judge.bytes_per_picture + features,
        moved=bands + 11,
        rasterized=True,
    )


def _look(run: PaperRun, stats: dict) -> Look:
    parameters, start = run.parameters, run.object
    return Look(
        parent=run.parent,
        dc=parameters.colour(),
        dc0=None,
        means=start.means,
        quats=start.quats,
        scales=start.scales,
        opacities=start.opacities,
        target=parameters.geometry() or None,
        sh=parameters.bands(),
        name=run.request.prompt,
        prompt=run.request.prompt,
        method="clip",
        seed=run.request.seed,
        stats=stats,
    )


def _preview(images: Tensor) -> np.ndarray:  # uint8 [H, W, 3]
    return to_uint8(images[0].permute(1, 2, 0).cpu().numpy())
