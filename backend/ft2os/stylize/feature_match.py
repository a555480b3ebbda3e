"""Feature matching: colours moved until every patch of the object looks like some patch of a picture.

Nearest-neighbour matching on VGG16's relu3 features (Zhang et al., "ARF: Artistic Radiance Fields", 2022;
Jain et al., "StyleSplat", 2024). ``Matcher`` is the term by itself, for any loop that draws pictures;
``run`` is the whole loop on linear views, where colours alone move. Both need torch and VGG16's weights;
``weights`` looks for them before anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ft2os.device import best_device
from ft2os.errors import MissingError
from ft2os.extras import WEIGHTS
from ft2os.stylize.luminance import CEILING
from ft2os.stylize.patience import OnProgress, patiently
from ft2os.stylize.view_buffers import SurfaceView

if TYPE_CHECKING:
    from torch import Tensor

    from ft2os.guidance.perceptual import Vgg16

LAYERS = ("relu3_1", "relu3_3")
CONTENT_LAYER = "relu3_3"
SAMPLES = 1600  # features of each exemplar to match with
_INSIDE = 0.9  # share of a feature's cell that must show the object
_NEIGHBOURS = 5  # Gaussians that the smoothness compares each with, itself among them


def weights(wanted_by: str) -> Path:
    """Where VGG16's weights are.

    Parameters
    ----------
    wanted_by : str
        What the message says needs them, such as "The preset 'high'".

    Raises
    ------
    MissingError
        If they or torch are not here; the hint names a way that works.
    """
    try:
        from ft2os.guidance.perceptual import find_vgg
    except ImportError as error:
        raise MissingError(
            f"{wanted_by} needs torch, which is not installed.",
            "Install the extra: pip install 'ft2os[engine]', or use the plain preset draft.",
        ) from error
    path = find_vgg()
    if path is None:
        raise MissingError(
            f"{wanted_by} needs VGG16's weights, and there are none on this machine.",
            f"{WEIGHTS['VGG16']} The preset draft does without.",
        )
    return path


def network(path: Path) -> Vgg16:
    """VGG16 where it runs fastest."""
    from ft2os.guidance.perceptual import load_vgg

    return load_vgg(path).to(best_device())


class Matcher:
    """What a style looks like to VGG16, and how far other pictures are from it.

    Parameters
    ----------
    network : Vgg16
    exemplars : sequence of ndarray, [H, W, 3]
        The style at one or more sizes; a stroke is found at the size that it has in one of them.
    layers : sequence of str
        Layers whose features are compared, "relu1_1" to "relu3_3".
    samples : int
        Features to keep of each exemplar, drawn by ``seed``.
    """

    def __init__(
        self,
        network: Vgg16,
        exemplars: Sequence[np.ndarray],
        *,
        layers: Sequence[str] = LAYERS,
        samples: int = SAMPLES,
        seed: int = 0,
    ) -> None:
        import torch
        import torch.nn.functional as F

        self.network, self.names = network, list(layers)
        self.device = device = network.mean.device
        order = np.random.default_rng(seed)
        kept: dict[str, list[Tensor]] = {name: [] for name in layers}
        with torch.no_grad():
            for exemplar in exemplars:
                picture = _batch(torch.from_numpy(np.asarray(exemplar, np.float32)).to(device))
                by_layer = network.layers(picture, self.names)
                for name, features in by_layer.items():
                    flat = features[0].flatten(1)
                    columns = torch.from_numpy(order.permutation(flat.shape[1])[:samples]).to(device)
                    kept[name].append(F.normalize(flat[:, columns], dim=0))
        self.style = {name: torch.cat(parts, dim=1) for name, parts in kept.items()}  # [C, S], unit columns

    def features(self, images: Tensor, also: Sequence[str] = ()) -> dict[str, Tensor]:
        """The network's features of pictures [B, 3, H, W] in 0..1, each [B, C, H', W']."""
        return self.network.layers(images, list({*self.names, *also}))

    def matching_loss(
        self,
        images: Tensor,  # [B, 3, H, W] in 0..1
        mask: Tensor,  # [B, 1, H, W], 1 on the object
        by_layer: dict[str, Tensor] | None = None,  # the images' features, if they are known
    ) -> Tensor:  # []
        """Mean cosine distance of the object's features to their nearest ones of the style, 0..2."""
        import torch
        import torch.nn.functional as F

        by_layer = self.features(images) if by_layer is None else by_layer
        total = images.new_zeros(())
        for name in self.names:
            height, width = by_layer[name].shape[-2:]
            inside = F.adaptive_avg_pool2d(mask, (height, width)).flatten() > _INSIDE
            object_features = F.normalize(by_layer[name].transpose(0, 1).flatten(1)[:, inside], dim=0)
            if not object_features.shape[1]:
                continue
            with torch.no_grad():  # which one is nearest has no gradient
                nearest = (self.style[name].T @ object_features).argmax(dim=0)
            total = total + (1 - (object_features * self.style[name][:, nearest]).sum(dim=0)).mean()
        return total / len(self.names)


@dataclass(frozen=True)
class Terms:
    """Weights of the loss.

    ``match``: the style's features; ``content``: squared distance of the features to those of the painted
    pictures, relative to their size; ``hold``: squared distance of the pictures themselves to the painted
    ones; ``statistics``: mean and covariance of the object's colours to the style's; ``smooth``: squared
    difference of each Gaussian's colour to its neighbours'.
    """

    match: float = 1.0
    content: float = 0.0
    hold: float = 0.0
    statistics: float = 0.0
    smooth: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """How many steps and how large; ``shrink`` 2 looks at views of half the width.

    A step then costs a quarter, and what is matched is no finer than what the Gaussians can show.
    """

    steps: int = 40
    rate: float = 0.02
    shrink: int = 1
    seed: int = 0


Show = Callable[[int, float, dict[str, float], np.ndarray], None]


def run(
    surface_views: Sequence[SurfaceView],
    colours: np.ndarray,  # [N, 3] display-referred, to begin with
    targets: Sequence[np.ndarray],  # of [H, W, 3], painted, premultiplied
    matcher: Matcher,
    terms: Terms,
    schedule: Schedule,
    show: Show,
    *,
    style: np.ndarray | None = None,  # [H, W, 3], whose colour statistics count
    means: np.ndarray | None = None,  # [N, 3], whose neighbours the smoothness compares
    look: OnProgress = lambda share: None,
) -> np.ndarray:  # [N, 3]
    """Matched colours; ``show(step, loss, terms, colours)`` is called after every step, ``look(0.0)`` before.

    Either may raise to stop.
    """
    import torch

    loop = patiently(
        lambda _: _Loop(surface_views, targets, matcher, terms, schedule.shrink, style, means), look
    )
    order = np.random.default_rng(schedule.seed)
    now = torch.from_numpy(np.array(colours, np.float32)).requires_grad_(True)
    optimizer = torch.optim.Adam([now], lr=schedule.rate, betas=(0.9, 0.99))
    queue: list[int] = []
    for step in range(1, schedule.steps + 1):
        queue = queue or order.permutation(len(surface_views)).tolist()
        values = loop.terms(now, queue.pop())
        loss: Any = sum(getattr(terms, name) * value for name, value in values.items())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            now.clamp_(0, CEILING)
        metrics = {name: float(value.detach()) for name, value in values.items()}
        show(step, float(loss.detach()), metrics, now.detach().numpy())
    return now.detach().numpy()


class _Loop:
    """What the steps share: the views, and what is computed once for each."""

    def __init__(self, surface_views, targets, matcher, terms, shrink, style, means) -> None:
        import torch

        self.surface_views, self.targets, self.matcher, self.shrink = surface_views, targets, matcher, shrink
        self.wanted = {f.name for f in fields(terms) if getattr(terms, f.name)}
        if style is None:
            self.wanted.discard("statistics")
        self.content: dict[int, Tensor] = {}
        self.near: Tensor | None = None
        if style is not None:
            pixels = torch.from_numpy(np.ascontiguousarray(style, np.float32)).reshape(-1, 3)
            self.background = pixels.mean(dim=0)
            self.mean, self.cov = (x.to(matcher.device) for x in (self.background, torch.cov(pixels.T)))
        else:
            self.background = torch.zeros(3)
        if means is not None and "smooth" in self.wanted and len(means) > 1:
            from scipy.spatial import cKDTree

            _, near = cKDTree(means).query(means, k=min(_NEIGHBOURS, len(means)))
            self.near = torch.from_numpy(near[:, 1:].astype(np.int64))

    def terms(self, now: Tensor, index: int) -> dict[str, Tensor]:
        """Every term of one view, unweighted."""
        import torch

        image, painted, mask = self._view(now, index)
        also = (CONTENT_LAYER,) if "content" in self.wanted else ()
        by_layer = self.matcher.features(image.clamp(0, 1), also)
        values = {"match": self.matcher.matching_loss(image, mask, by_layer)}
        if also:
            if index not in self.content:
                with torch.no_grad():
                    self.content[index] = self.matcher.features(painted.clamp(0, 1), also)[CONTENT_LAYER]
            goal = self.content[index]
            off = (by_layer[CONTENT_LAYER] - goal).square().mean()
            values["content"] = off / (goal.square().mean() + 1e-6)
        if "hold" in self.wanted:
            values["hold"] = (image - painted).square().mean()
        inside = mask.flatten() > _INSIDE
        if "statistics" in self.wanted and inside.sum() > 3:
            object_colours = image[0].flatten(1)[:, inside]
            off = (object_colours.mean(dim=1) - self.mean).square().sum()
            values["statistics"] = off + 4 * (torch.cov(object_colours) - self.cov).square().sum()
        if self.near is not None:
            # index_select, whose gradient adds up in the same order every time; that of now[near] does not.
            others = now.index_select(0, self.near.flatten()).view(*self.near.shape, 3)
            values["smooth"] = (now[:, None] - others).square().mean()
        return values

    def _view(self, now: Tensor, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """What a view shows, what was painted there (both [1, 3, H', W']), and its mask [1, 1, H', W']."""
        import torch
        import torch.nn.functional as F

        from ft2os.render.linear import apply

        s = self.surface_views[index]
        alpha = torch.from_numpy(s.view.alpha.reshape(*s.mask.shape, 1))
        over = (1 - alpha) * self.background
        target = torch.from_numpy(np.asarray(self.targets[index], np.float32))
        mask = torch.from_numpy(s.mask[None, None].astype(np.float32))
        both = (_batch(x + over) for x in (apply(now, s.view), target))
        shown, painted, mask = (x.to(self.matcher.device) for x in (*both, mask))
        if self.shrink > 1:
            shown, painted, mask = (F.avg_pool2d(x, self.shrink) for x in (shown, painted, mask))
        return shown, painted, mask


def _batch(image: Tensor) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W]"""
    return image.permute(2, 0, 1)[None]
