"""What a size costs: of the object, of the scene around it, of the batch. Each row comes as it is ready."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from benchmarks.stylize import gauges
from benchmarks.stylize.gauges import Memory
from benchmarks.stylize.paper import PaperLoop
from benchmarks.stylize.subject import Subject, resized
from ft2os.cameras.camera import stack
from ft2os.gaussians import Gaussians
from ft2os.guidance import clip_judge
from ft2os.render import linear, rasterize
from ft2os.stylize import stylize
from ft2os.stylize.view_buffers import cameras_around

SIZES = (5_000, 10_000, 25_000, 50_000, 100_000, 200_000)
CONTEXTS = (0, 100_000, 1_000_000)
BATCHES = (1, 2, 4, 8, 16, 32)
JUDGES = ("ViT-S-32-alt", "MobileCLIP2-S0", "RN50", "ViT-B-32")
_JUDGED = 8
_VIEWS = 4


class Views:
    """A few square views of an object, as linear renderings and for the rasterizer, and its colours."""

    def __init__(self, gaussians: Gaussians, pixels: int, device: str) -> None:
        self.gaussians, self._device = gaussians, device
        self.cameras = cameras_around(gaussians, _VIEWS, pixels)
        self.forms = linear.build(gaussians, self.cameras, device=device)
        self.colours = self._tensor(np.clip(gaussians.base_colours, 0, 1)).requires_grad_()
        self._rest = [
            self._tensor(getattr(gaussians, name)) for name in ("means", "quats", "scales", "opacities")
        ]
        self._viewmats, self._Ks = (torch.from_numpy(a).to(device) for a in stack(self.cameras))

    def build(self) -> None:
        """Make the linear rendering again."""
        linear.build(self.gaussians, self.cameras, device=self._device)

    def linear(self, batch: int) -> torch.Tensor:
        """[batch, 3, H, W], the views in turn."""
        forms = [self.forms[i % len(self.forms)] for i in range(batch)]
        return torch.stack([linear.apply(self.colours, form).permute(2, 0, 1) for form in forms])

    def rasterized(self) -> torch.Tensor:
        """[C, H, W, 3], every view once."""
        size = self.cameras[0].width
        return rasterize(*self._rest, self.colours, self._viewmats, self._Ks, size, size)[0]

    def bytes(self) -> int:
        """Of one view's form, with its transpose."""
        if self._device == "cpu":
            return sum(8 * (form.W.nnz + form.WT.nnz) for form in self.forms) // len(self.forms)
        return sum(12 * (form.W._nnz() + form.WT._nnz()) for form in self.forms) // len(self.forms)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(array, np.float32)).to(self._device)


def by_object(subject: Subject, sizes: tuple[int, ...] = SIZES) -> Iterator[dict]:
    """Synthetic objects of so many Gaussians: a view each way, and the material draft whole."""
    side = subject.judge.image_size
    for count in sizes:
        target = resized(subject.target, count)
        views = Views(target, side, subject.device)

        def drawn(views=views) -> None:
            views.rasterized().sum().backward()

        def multiplied(views=views) -> None:
            views.linear(len(views.forms)).sum().backward()

        each = len(views.forms)
        row = {
            "gaussians": count,
            "build_seconds_view": gauges.seconds(views.build, 1) / each,
            "linear_seconds_view": gauges.seconds(multiplied) / each,
            "rasterizer_seconds_view": gauges.seconds(drawn) / each,
            "form_bytes_view": views.bytes(),
        }
        with Memory() as memory:
            start = gauges.now()
            stats = stylize(subject.request("material", "draft", target=target)).stats
            row["material_draft_seconds"] = gauges.now() - start
        yield row | {"gaussians_split": stats["gaussians"], **memory.row()}


def by_scene(subject: Subject, contexts: tuple[int, ...] = CONTEXTS, steps: int = 3) -> Iterator[dict]:
    """The same object in synthetic surroundings of so many Gaussians: our drafts, and the paper's steps."""
    for count in contexts:
        around = resized(subject.context, count) if count else None
        row = {"context_gaussians": count}
        for method in ("clip", "material"):
            start = gauges.now()
            stylize(subject.request(method, "draft", context=around))
            row[f"{method}_draft_seconds"] = gauges.now() - start
        empty = subject.context.subset(np.zeros(len(subject.context), bool))
        inside = replace(subject, context=around or empty, cameras=subject.cameras[:1])
        loop = PaperLoop(inside)
        yield row | {"paper_seconds_step": gauges.seconds(lambda loop=loop: loop.step(0), steps)}


def by_batch(subject: Subject, batches: tuple[int, ...] = BATCHES) -> Iterator[dict]:
    """A judged step in colour, so many views at once: linear rendering, judge and the way back."""
    views = Views(subject.target, subject.judge.image_size, subject.device)
    for batch in batches:

        def step(batch=batch) -> None:
            views.colours.grad = None
            subject.judge.embed_images(views.linear(batch))[:, 0].sum().backward()

        with Memory() as memory:
            each = gauges.seconds(step, 2) / batch
        yield {"batch": batch, "seconds_judged_view": each, **memory.row()}


def by_judge(subject: Subject, models: tuple[str, ...] = JUDGES) -> Iterator[dict]:
    """What a picture costs with another judge, both ways; random weights cost what learnt ones do."""
    for model in models:
        judge = clip_judge.load(model, clip_judge.RANDOM).to(subject.device)
        side = judge.image_size
        pictures = torch.rand(_JUDGED, 3, side, side, device=subject.device, requires_grad=True)

        def look(judge=judge, pictures=pictures) -> None:
            judge.embed_images(pictures)[:, 0].sum().backward()

        row = {"model": model, "pixels": side, "batch": _JUDGED}
        row["seconds_judged_view"] = gauges.seconds(look, 2) / _JUDGED
        yield row | {"bytes_kept_view": judge.bytes_per_picture}
