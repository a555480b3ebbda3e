"""The ``render`` method: a composed scene through cameras into the client's file, part by part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ft2os import device
from ft2os.cameras.camera import Camera
from ft2os.errors import MissingError
from ft2os.gaussians import Gaussians, dc_of
from ft2os.protocol import CHANNELS
from ft2os.worker.compose import Composer, Look
from ft2os.worker.pictures import Pictures

if TYPE_CHECKING:
    from ft2os.tiles import Window

log = logging.getLogger(__name__)

FAR = 1e10  # depth where nothing was hit: Blender's own value for the background
SOLID = 0.5  # alpha from which a pixel has a depth
WHOLE_PIXELS = 1 << 24  # pictures larger than this are never drawn in one piece

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]  # colour [h, w, 3] over black, alpha [h, w], depth [h, w]


def render(composer: Composer, params: dict[str, Any], look: Look = lambda: None) -> dict[str, Any]:
    """Draw what ``render`` of the protocol asks for; returns its result.

    Parameters
    ----------
    composer : Composer
    params : dict
        As ``params`` has checked them.
    look : callable, optional
        Called at least about once a second; may raise to stop.
    """
    views = params["views"]
    shape = (len(views), views[0].height, views[0].width)
    with Pictures(params["out"], (*shape, CHANNELS)) as out:
        draw = _Drawing(*composer.scene(params["instances"], look), params["antialiased"])
        for i, view in enumerate(views):
            for window, pixels in draw(view, params["background"]):
                out.write(i, window, pixels)
                look()
    return {"path": params["out"]}


def uses_cuda() -> bool:
    """Is the drawing done by gsplat on a GPU?  Imports torch only where a GPU's driver is present."""
    return _cuda_rasterizer() is not None


class _Drawing:
    """One scene, ready to be drawn from any number of cameras."""

    def __init__(self, scene: Gaussians | None, held: np.ndarray | None, antialiased: bool) -> None:
        self._scene, self._antialiased = scene if scene is None or len(scene) else None, antialiased
        self._share: Gaussians | None = None
        if scene is not None and held is not None:
            black = np.zeros_like(scene.sh[:1])
            black[:, 0] = dc_of(0.0)
            self._scene = scene.replace(sh=np.where(held[:, None, None], black, scene.sh))
            white = (~held).astype(np.float32)
            self._share = scene.replace(sh=np.repeat(dc_of(white)[:, None, None], 3, axis=2))

    def __call__(self, view: Camera, background: np.ndarray | None) -> Iterator[tuple[Window, np.ndarray]]:
        """The picture's parts: where they lie, and their pixels [h, w, 5]."""
        scenes = [scene for scene in (self._scene, self._share) if scene is not None]
        for window, ((rgb, total, depth), *share) in _parts(scenes, view, self._antialiased):
            # What splats that are no holdouts contribute to a pixel: a picture in which they are white tells.
            alpha = share[0][0][..., 0] if share else total
            if background is not None:
                rgb = rgb + (1 - total)[..., None] * background.astype(np.float32)
                alpha = alpha + (1 - total)
            far = np.where(total >= SOLID, depth, FAR)
            yield window, np.concatenate([rgb, alpha[..., None], far[..., None]], axis=2, dtype=np.float32)


def _parts(scenes: list[Gaussians], view: Camera, antialiased: bool) -> Iterator[tuple[Window, list[Drawn]]]:
    """Scenes of the same Gaussians in different colours, part by part; none at all is an empty picture."""
    from ft2os.tiles import Window, halved

    whole = Window.whole(view.width, view.height)
    if not scenes:
        for window in halved(whole):
            zeros = np.zeros(window.shape, np.float32)
            yield window, [(np.zeros((*window.shape, 3), np.float32), zeros, zeros)]
        return
    if view.width * view.height <= WHOLE_PIXELS:
        drawn = _on_gpu(scenes, view, antialiased)
        if drawn is not None:
            yield whole, drawn
            return
    for parts in zip(*(_on_cpu(scene, view, antialiased) for scene in scenes)):
        yield parts[0][0], [drawn for _, drawn in parts]


def _on_cpu(scene: Gaussians, view: Camera, antialiased: bool) -> Iterator[tuple[Window, Drawn]]:
    from ft2os import tiles

    for window, drawn in tiles.render_parts(
        scene, view.viewmat, view.K, view.width, view.height, antialiased=antialiased
    ):
        yield window, (drawn.rgb[0], drawn.alpha[0], drawn.depth[0])


def _on_gpu(scenes: list[Gaussians], view: Camera, antialiased: bool) -> list[Drawn] | None:
    """Whole pictures; None where there is no GPU, or not enough memory on it."""
    rasterize = _cuda_rasterizer()
    if rasterize is None:
        return None
    import torch

    try:
        return [rasterize(scene, view, antialiased) for scene in scenes]
    except MissingError as error:
        log.warning("%s The picture is drawn on the CPU.", error.message)
        return None
    except RuntimeError as error:
        if not device.lacks_memory(error):
            raise
        torch.cuda.empty_cache()
        log.warning("the picture does not fit into the GPU's memory: it is drawn on the CPU")
        return None


@lru_cache(maxsize=1)
def _cuda_rasterizer() -> Callable[[Gaussians, Camera, bool], Drawn] | None:
    # What takes seconds is asked last: torch is not imported where its answer is known without it.
    if not device.has_driver() or not device.has_gsplat() or device.best_device() != device.CUDA:
        return None
    import torch

    from ft2os.render import rasterize

    def draw(scene, view, antialiased):
        def put(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), device=device.CUDA)

        with torch.no_grad():
            rgb, alpha, depth = rasterize(
                put(scene.means),
                put(scene.quats),
                put(scene.scales),
                put(scene.opacities),
                put(scene.sh),
                put(view.viewmat[None]),
                put(view.K[None]),
                view.width,
                view.height,
                sh_degree=scene.degree,
                antialiased=antialiased,
            )
        return rgb[0].cpu().numpy(), alpha[0, ..., 0].cpu().numpy(), depth[0, ..., 0].cpu().numpy()

    return draw
