"""The scene around the object: what its pictures must go on showing wherever the object was not.

Wide views of the whole scene, drawn once as it was. Whatever differs later beyond the object's own outline,
dilated by as far as its Gaussians may move, is spill: over neighbours, or over nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ft2os.cameras.camera import Camera, stack
from ft2os.gaussians import Gaussians
from ft2os.losses import spill_loss
from ft2os.render import rasterize
from ft2os.stylize.geometry.shape import GEOMETRY, Shape

WIDER = 1.6  # times the judge's windows, which lie close around the object
_SEEN = 0.02  # share of a pixel that counts as the object's
_SLACK = 2.0  # pixels, for the edges of splats


class Surroundings:
    """What `spill_loss` compares with, view by view.

    Parameters
    ----------
    shape : Shape
        Before it has moved.
    views : sequence of Camera
        Of one size; they are widened here.
    context : Gaussians, optional
        The rest of the scene, drawn in place.
    reach : float
        World units that the outline is dilated by.
    """

    def __init__(
        self, shape: Shape, views: Sequence[Camera], context: Gaussians | None, reach: float
    ) -> None:
        self.views = [wider(view) for view in views]
        self._context = _near(context, self.views, shape)
        with torch.no_grad():
            drawn = [self._draw(shape, [view]) for view in self.views]
            self._original = torch.cat([colours for colours, _ in drawn])
            self._rest = torch.cat([rest for _, rest in drawn])
            self._outside = torch.stack([self._beyond(shape, view, reach) for view in self.views])

    def loss(self, shape: Shape, indices: Sequence[int] | np.ndarray, backgrounds: Tensor) -> Tensor:
        """The spill in the views with these ``indices``, over ``backgrounds`` [B, 3]."""
        index = torch.as_tensor(np.asarray(indices), device=self._rest.device)
        behind = backgrounds[:, :, None, None]
        colours, rest = self._draw(shape, [self.views[i] for i in indices])
        original = self._original[index] + self._rest[index] * behind
        return spill_loss(colours + rest * behind, original, self._outside[index])

    def _draw(self, shape: Shape, views: list[Camera]) -> tuple[Tensor, Tensor]:  # [B, 3, H, W], [B, 1, H, W]
        """The whole scene over black, and how much of what is behind it still shows."""
        return _draw({**_joined(shape.gaussians(), self._context), "sh_degree": self._degree(shape)}, views)

    def _degree(self, shape: Shape) -> int:
        degree = int(shape.gaussians()["sh_degree"])
        return degree if self._context is None else max(degree, self._context["sh_degree"])

    def _beyond(self, shape: Shape, view: Camera, reach: float) -> Tensor:  # [1, H, W]
        """1 where the object, dilated, is not seen."""
        arrays = _joined(shape.gaussians(), self._context)
        seen = torch.zeros(len(arrays["means"]), 3, device=arrays["means"].device)
        seen[: len(shape)] = 1.0
        share, _ = _draw({**arrays, "colors": seen}, [view])
        mask = share[0, 0].cpu().numpy() > _SEEN
        centre = shape.neutral["means"].mean(dim=0).cpu().numpy()
        depth = max(float(view.viewmat[2, :3] @ centre + view.viewmat[2, 3]), 1e-6)
        pixels = reach * float(view.K[0, 0]) / depth + _SLACK
        beyond = distance_transform_edt(~mask) > pixels if mask.any() else np.ones_like(mask)
        return torch.from_numpy(beyond[None].astype(np.float32)).to(share.device)


def wider(view: Camera, factor: float = WIDER) -> Camera:
    """The same picture size with ``factor`` times as much of the world in it, around the same middle."""
    K = view.K.copy()
    K[0, 0], K[1, 1] = K[0, 0] / factor, K[1, 1] / factor
    K[0, 2] = view.width / 2 + (K[0, 2] - view.width / 2) / factor
    K[1, 2] = view.height / 2 + (K[1, 2] - view.height / 2) / factor
    return replace(view, K=K)


def _draw(arrays: dict, views: list[Camera]) -> tuple[Tensor, Tensor]:
    viewmats, Ks = (torch.from_numpy(array).to(arrays["means"].device) for array in stack(views))
    size = views[0].width, views[0].height
    rgb, alpha, _ = rasterize(**arrays, viewmats=viewmats, Ks=Ks, width=size[0], height=size[1])
    return rgb.permute(0, 3, 1, 2), 1 - alpha.permute(0, 3, 1, 2)


def _joined(own: dict, context: dict | None) -> dict:
    """The object's arrays, then the context's; colours padded to the higher degree."""
    names = [*GEOMETRY.values(), "colors"]
    if context is None:
        return {name: own[name] for name in names}
    joined = {name: torch.cat([own[name], context[name]]) for name in GEOMETRY.values()}
    bands = max(own["colors"].shape[1], context["colors"].shape[1])
    padded = [
        torch.nn.functional.pad(part["colors"], (0, 0, 0, bands - part["colors"].shape[1]))
        for part in (own, context)
    ]
    return {**joined, "colors": torch.cat(padded)}


def _near(context: Gaussians | None, views: Sequence[Camera], shape: Shape) -> dict | None:
    """Tensors of what may be seen in any of the views: the cost must not grow with the scene."""
    if context is None or not len(context):
        return None
    seen = np.zeros(len(context), bool)
    reach = 3.0 * context.scales.max(axis=1)
    for view in views:
        x, y, z = view.viewmat[:3, :3] @ context.means.T + view.viewmat[:3, 3:]
        near = z + reach > 0.01
        z = np.maximum(z, 0.01)
        for axis, along, size in ((0, x, view.width), (1, y, view.height)):
            centre = view.K[axis, axis] * along / z + view.K[axis, 2]
            radius = view.K[axis, axis] * reach / z
            near &= (centre + radius > 0) & (centre - radius < size)
        seen |= near
    kept = context.subset(seen)
    if not len(kept):
        return None
    device = shape.parent.device
    arrays = {n: torch.from_numpy(np.array(getattr(kept, n), np.float32)) for n in GEOMETRY.values()}
    arrays["colors"] = torch.from_numpy(np.array(kept.sh, np.float32))
    return {**{name: array.to(device) for name, array in arrays.items()}, "sh_degree": kept.degree}
