"""The ``render`` method: a composed scene through cameras into the client's mapped file."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.errors import FileError, RequestError
from ft2os.gaussians import C0, Gaussians
from ft2os.protocol import CHANNELS
from ft2os.worker.compose import Composer, cameras, need, numbers

log = logging.getLogger(__name__)

FAR = 1e10  # depth where nothing was hit: Blender's own value for the background
SOLID = 0.5  # alpha from which a pixel has a depth


def render(composer: Composer, params: dict[str, Any]) -> dict[str, Any]:
    """Draw ``params`` of the protocol's ``render``; returns its result."""
    views = cameras(params)
    out = map_pictures(need(params, "out", str), (len(views), views[0].height, views[0].width, CHANNELS))
    limits = _depth_limits(params, views)
    background = None if params.get("background") is None else numbers(params, "background", (3,))
    scene, held = composer.scene(need(params, "instances", list))
    draw = _Drawing(scene, held, need(params, "antialiased", bool, False))
    for i, view in enumerate(views):
        draw(out[i], view, background, None if limits is None else limits[i : i + 1])
    out.flush()
    return {"path": params["out"]}


def map_pictures(path: str, shape: tuple[int, ...], mode: str = "r+") -> np.ndarray:
    """A raw float32 file as an array; it may be longer than the array, not shorter."""
    try:
        size = os.path.getsize(path)
        if size < 4 * np.prod(shape, dtype=np.int64):
            raise RequestError(f"{path} is too small for pictures of shape {shape}.", "Make it larger first.")
        return np.memmap(path, "<f4", mode, shape=shape)
    except OSError as error:
        raise FileError(f"Cannot open {path}: {error.strerror or error}.", "Make the file first.") from error


def uses_cuda() -> bool:
    """Is the drawing done by gsplat on a GPU?  Imports torch only where a GPU's driver is present."""
    return _cuda_rasterizer() is not None


class _Drawing:
    """One scene, ready to be drawn from any number of cameras."""

    def __init__(self, scene: Gaussians | None, held: np.ndarray | None, antialiased: bool) -> None:
        self._scene, self._antialiased = scene, antialiased
        self._share: Gaussians | None = None
        if scene is not None and held is not None:
            black = np.zeros_like(scene.sh[:1])
            black[:, 0] = -0.5 / C0
            self._scene = scene.replace(sh=np.where(held[:, None, None], black, scene.sh))
            shown = np.where(held, -0.5, 0.5).astype(np.float32) / np.float32(C0)  # black or white
            self._share = scene.replace(sh=np.repeat(shown[:, None, None], 3, axis=2))

    def __call__(
        self,
        out: np.ndarray,  # [H, W, 5]
        view: Camera,
        background: np.ndarray | None,  # [3]
        limit: np.ndarray | None,  # [1, H, W]
    ) -> None:
        if self._scene is None or not len(self._scene):
            rgb, total, depth = np.zeros((*out.shape[:2], 3), np.float32), out[..., 3] * 0, out[..., 4] * 0
        else:
            rgb, total, depth = self._rasterize(self._scene, view, limit)
        # What splats that are no holdouts contribute to a pixel: a picture in which they are white tells.
        alpha = total if self._share is None else self._rasterize(self._share, view, limit)[0][..., 0]
        if background is not None:
            rgb = rgb + (1 - total)[..., None] * background.astype(np.float32)
            alpha = alpha + (1 - total)
        out[..., :3], out[..., 3] = rgb, alpha
        out[..., 4] = np.where(total >= SOLID, depth, FAR)

    def _rasterize(
        self, scene: Gaussians, view: Camera, limit: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Colour [H, W, 3] over black, alpha [H, W], depth [H, W]."""
        rasterize = _cuda_rasterizer() if limit is None else None  # gsplat cannot stop at a depth
        return (rasterize or _tiles)(scene, view, self._antialiased, limit)


def _tiles(
    scene: Gaussians, view: Camera, antialiased: bool, limit: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from ft2os import tiles

    drawn = tiles.render(
        scene,
        view.viewmat[None],
        view.K[None],
        view.width,
        view.height,
        antialiased=antialiased,
        depth_limit=limit,
    )
    return drawn.rgb[0], drawn.alpha[0], drawn.depth[0]


@lru_cache(maxsize=1)
def _cuda_rasterizer() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]] | None:
    if os.environ.get("FT2OS_DEVICE") == "cpu" or not _has_nvidia_driver():
        return None
    if not all(importlib.util.find_spec(name) for name in ("torch", "gsplat")):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    from ft2os.render import rasterize

    def draw(scene, view, antialiased, limit):
        def put(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), device="cuda")

        with torch.no_grad():
            arrays = (scene.means, scene.quats, scene.scales, scene.opacities, scene.sh)
            rgb, alpha, depth = rasterize(
                *map(put, arrays),
                put(view.viewmat[None]),
                put(view.K[None]),
                view.width,
                view.height,
                sh_degree=scene.degree,
                antialiased=antialiased,
            )
        return rgb[0].cpu().numpy(), alpha[0, ..., 0].cpu().numpy(), depth[0, ..., 0].cpu().numpy()

    return draw


def _has_nvidia_driver() -> bool:
    if os.name == "nt":
        return Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()


def _depth_limits(params: dict[str, Any], views: list[Camera]) -> np.ndarray | None:
    path = need(params, "depth_limit", str, None)
    if path is None:
        return None
    shape = (len(views), views[0].height, views[0].width)
    return np.array(map_pictures(path, shape, "r"), np.float32)
