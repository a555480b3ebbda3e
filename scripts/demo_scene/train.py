"""Fits the Gaussians to the rendered views with our own rasterizer: 3DGS from a surface start.

Each step draws one random training view over a random background, so that nothing can hide in the empty
space, and every few steps the group masks are drawn the same way, so that Gaussians stay on their own
object.  Writes ``layout.WORK / "trained.npz"``.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ft2os.gaussians import Gaussians
from ft2os.render import rasterize
from scripts.demo_scene import layout
from scripts.demo_scene.seeding import Views, load_views, seed
from scripts.demo_scene.voting import clean, votes

log = logging.getLogger("demo_scene.train")

MASK_EVERY = 5
# One far-apart colour a group; row 0 is the background.
CODES = torch.tensor(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 0], [0, 1, 1]], dtype=torch.float32
)
RATES = {"means": 2.5e-4, "quats": 2e-3, "scales": 8e-3, "opacities": 3e-2, "dc": 1.2e-2, "bands": 2.5e-3}
MAX_ASPECT = 8.0


@dataclass(frozen=True)
class Options:
    """Steps at half size, then at full size."""

    coarse: int = 400
    fine: int = 1600
    seed: int = 0


def main() -> None:
    """Seeds, fits and stores; prints the figures of the held-out views."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--coarse", type=int, default=Options.coarse)
    parser.add_argument("--fine", type=int, default=Options.fine)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    every = range(layout.VIEWS)
    training = load_views([v for v in every if not layout.held_out(v)])
    testing = load_views([v for v in every if layout.held_out(v)])
    with np.load(layout.WORK / "surface.npz", allow_pickle=False) as arrays:
        start = seed(dict(arrays), training)
    log.info("%d Gaussians, mean PSNR before training %.2f dB", len(start), np.mean(score(start, testing)))
    fitted = fit(start, training, Options(given.coarse, given.fine))
    fitted = clean(fitted, votes(fitted, training))
    log.info("PSNR of the held-out views: %s", ", ".join(f"{p:.2f}" for p in score(fitted, testing)))
    np.savez(
        layout.WORK / "trained.npz",
        **{k: getattr(fitted, k) for k in ("means", "quats", "scales", "opacities", "sh", "group")},
    )


def parameters(g: Gaussians) -> dict[str, Tensor]:
    """The optimised tensors: means, quats, log scales, opacity logits, DC and higher bands."""
    values = {
        "means": g.means,
        "quats": g.quats,
        "scales": np.log(g.scales),
        "opacities": np.log(g.opacities / (1 - g.opacities)),
        "dc": g.sh[:, :1],
        "bands": g.sh[:, 1:],
    }
    return {k: torch.from_numpy(np.ascontiguousarray(v)).requires_grad_() for k, v in values.items()}


def gaussians(p: dict[str, Tensor], group: np.ndarray) -> Gaussians:
    """The inverse of ``parameters``."""
    with torch.no_grad():
        values = _activated(p)
        sh = torch.cat([p["dc"], p["bands"]], dim=1)
    return Gaussians(*(v.detach().numpy().copy() for v in (*values, sh)), group=group)


def _activated(p: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return p["means"], F.normalize(p["quats"], dim=1), p["scales"].exp(), p["opacities"].sigmoid()


def fit(start: Gaussians, views: Views, options: Options) -> Gaussians:
    """Adam over one random view a step.  The count stays; what turned useless is dropped when packing."""
    torch.manual_seed(options.seed)
    p = parameters(start)
    limits = torch.from_numpy(start.scales.max(axis=1, keepdims=True))
    adam = torch.optim.Adam([{"params": [p[k]], "lr": r, "name": k} for k, r in RATES.items()], eps=1e-15)
    codes = CODES[torch.from_numpy(start.group).long()]
    half, full = Targets(views, 2), Targets(views, 1)
    steps, started = options.coarse + options.fine, time.monotonic()
    order: list[int] = []
    recent: deque[float] = deque(maxlen=100)
    for step in range(steps):
        order = order or torch.randperm(len(views.names)).tolist()
        view = order.pop()
        targets = half if step < options.coarse else full
        _set_rates(adam, step / steps)
        adam.zero_grad(set_to_none=True)
        if step % MASK_EVERY == MASK_EVERY - 1:
            loss = mask_loss(p, codes, targets, view)
        else:
            loss = picture_loss(p, targets, view)
            recent.append(loss.item())
        loss.backward()
        adam.step()
        if step % 25 == 24:
            _keep_shapely(p, limits)
        if step % 100 == 99:
            elapsed = time.monotonic() - started
            log.info("step %d of %d, loss %.4f, %.0f s", step + 1, steps, np.mean(recent), elapsed)
    _keep_shapely(p, limits)
    return gaussians(p, start.group)


class Targets:
    """The training views at one size, as tensors; ``shrink`` averages blocks of pixels."""

    def __init__(self, views: Views, shrink: int):
        alpha = torch.from_numpy(views.alpha)[..., None]
        premultiplied = torch.cat([torch.from_numpy(views.rgb) * alpha, alpha], dim=-1)
        self.rgba = _shrunk(premultiplied, shrink)  # [V, H, W, 4]
        self.codes = _shrunk(CODES[torch.from_numpy(views.ids).long()], shrink)  # [V, H, W, 3]
        self.viewmats = torch.from_numpy(views.viewmats)
        self.K = torch.from_numpy(views.K) / torch.tensor([[shrink], [shrink], [1.0]])
        self.size = views.rgb.shape[1] // shrink


def _shrunk(pictures: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return pictures
    return F.avg_pool2d(pictures.permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)


def picture_loss(p: dict[str, Tensor], targets: Targets, view: int) -> Tensor:
    """0.8·L1 + 0.2·(1 − SSIM), as in 3DGS, over a random background, and L1 of the alpha."""
    background = torch.rand(3)
    rgb, alpha = _draw(p, torch.cat([p["dc"], p["bands"]], dim=1), targets, view, background, 1)
    target = targets.rgba[view]
    wanted = target[..., :3] + (1 - target[..., 3:]) * background
    loss = 0.8 * (rgb - wanted).abs().mean() + 0.2 * (1 - ssim(rgb, wanted))
    return loss + 0.2 * (alpha - target[..., 3:]).abs().mean()


def mask_loss(p: dict[str, Tensor], codes: Tensor, targets: Targets, view: int) -> Tensor:
    """L1 between the drawn group colours and the mask's."""
    drawn, _ = _draw(p, codes, targets, view, torch.zeros(3), None)
    return 0.5 * (drawn - targets.codes[view]).abs().mean()


def _draw(p, colors: Tensor, targets: Targets, view: int, background: Tensor, degree: int | None):
    rgb, alpha, _ = rasterize(
        *_activated(p),
        colors,
        targets.viewmats[view : view + 1],
        targets.K[None],
        targets.size,
        targets.size,
        sh_degree=degree,
        backgrounds=background[None],
    )
    return rgb[0], alpha[0]


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of two pictures [H, W, 3] with an 11-pixel Gaussian window."""
    x = torch.arange(11, dtype=torch.float32) - 5
    window = torch.exp(-(x**2) / (2 * 1.5**2))
    window = window / window.sum()
    stack = torch.stack([a, b, a * a, b * b, a * b]).permute(0, 3, 1, 2).reshape(1, 15, *a.shape[:2])
    # One group a channel: the same arithmetic with the channels as a batch takes 30 times as long.
    down, across = window.view(1, 1, 11, 1).repeat(15, 1, 1, 1), window.view(1, 1, 1, 11).repeat(15, 1, 1, 1)
    blurred = F.conv2d(F.conv2d(stack, down, groups=15), across, groups=15)
    ma, mb, aa, bb, ab = blurred.view(5, 3, *blurred.shape[-2:])
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2)
    return (numerator / ((ma**2 + mb**2 + c1) * (aa - ma**2 + bb - mb**2 + c2))).mean()


def _set_rates(adam: torch.optim.Adam, progress: float) -> None:
    """Positions cool down a hundredfold, the rest tenfold."""
    for group in adam.param_groups:
        group["lr"] = RATES[group["name"]] * (0.01 if group["name"] == "means" else 0.1) ** progress


@torch.no_grad()
def _keep_shapely(p: dict[str, Tensor], limits: Tensor) -> None:
    """No needles, no giants: largest axis at most 2.5 times its start, axes within ``MAX_ASPECT``."""
    scales = torch.minimum(p["scales"], torch.log(2.5 * limits))
    ordered = scales.sort(dim=1).values
    scales = torch.minimum(scales, ordered[:, 1:2] + np.log(4.0))  # longest against middle: no needles
    p["scales"].copy_(torch.maximum(scales, scales.amax(dim=1, keepdim=True) - np.log(MAX_ASPECT)))


def score(g: Gaussians, views: Views) -> list[float]:
    """PSNR over white inside the union of the masks, one a view, drawn by ``ft2os.tiles``."""
    from ft2os import tiles

    size = views.rgb.shape[1]
    Ks = np.repeat(views.K[None], len(views.names), axis=0)
    drawn = tiles.render(g, views.viewmats, Ks, size, size, background=(1, 1, 1)).rgb
    wanted = views.rgb * views.alpha[..., None] + 1 - views.alpha[..., None]
    errors = [((a - b)[ids > 0] ** 2).mean() for a, b, ids in zip(drawn, wanted, views.ids)]
    return [float(-10 * np.log10(e)) for e in errors]


if __name__ == "__main__":
    main()
