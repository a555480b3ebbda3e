"""What every measurement looks at: a few of the scene's cameras, drawn once before and once after.

Two kinds of picture: the whole scene as its cameras show it, for what happened around the object, and square
windows of the object alone on grey, for what happened to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ft2os.cameras import Camera, orbit, stack
from ft2os.evaluate.matching import Pair
from ft2os.gaussians import Gaussians, dc_of
from ft2os.stylize.framing import crop_to_object, object_box
from ft2os.tiles import render

LONGEST = 640  # pixels of a scene view's longer side; larger cameras are drawn smaller
WINDOW = 224  # pixels of a window: what CLIP and LPIPS take
GREY = 0.5  # behind the object alone: neither dark nor bright looks win by their background
ORBIT_SIZE = (480, 360)
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Drawn:
    """One view, before and after; H × W pixels.

    ``before``, ``after`` [H, W, 3] display-referred in 0..1; ``covered_before``, ``covered_after`` [H, W]:
    how much of a pixel shows the object, 0..1; ``depth_before``, ``depth_after`` [H, W]: expected depth.
    """

    camera: Camera
    before: np.ndarray
    after: np.ndarray
    covered_before: np.ndarray
    covered_after: np.ndarray
    depth_before: np.ndarray
    depth_after: np.ndarray


def choose(target: Gaussians, cameras: Sequence[Camera], count: int) -> tuple[list[Camera], str]:
    """``count`` cameras that see the object, evenly spread over the list, or an orbit where none does.

    Returns
    -------
    cameras : list of Camera
        No side longer than `LONGEST`.
    kind : str
        ``"cameras"`` or ``"orbit"``.
    """
    seeing = [c for c in cameras if object_box(target, c) is not None]
    if not seeing:
        return orbit(target, count, ORBIT_SIZE), "orbit"
    picked = np.unique(np.linspace(0, len(seeing) - 1, min(count, len(seeing))).round().astype(int))
    return [_bounded(seeing[i]) for i in picked], "cameras"


def scenes(pair: Pair, cameras: Sequence[Camera], tick: Tick, background: float = 0.0) -> list[Drawn]:
    """The whole scene from each camera."""
    masks = [_painted(pair.before, pair.inside_before), _painted(pair.after, pair.inside_after)]
    drawn = []
    for i, camera in enumerate(cameras):
        tick("drawing the scene", i, len(cameras))
        a, b = (draw(g, camera, background)[0] for g in (pair.before, pair.after))
        (cover_a, _, depth_a), (cover_b, _, depth_b) = (draw(g, camera) for g in masks)
        drawn.append(Drawn(camera, a, b, cover_a[..., 0], cover_b[..., 0], depth_a, depth_b))
    return drawn


def windows(pair: Pair, cameras: Sequence[Camera], tick: Tick) -> list[Drawn]:
    """The object alone in square windows around where it was before."""
    objects = pair.objects
    drawn = []
    for i, camera in enumerate(cameras):
        tick("drawing the object", i, len(cameras))
        window = crop_to_object(objects[0], camera, WINDOW)
        if window is None:
            continue
        (a, alpha_a, depth_a), (b, alpha_b, depth_b) = (draw(g, window, GREY) for g in objects)
        drawn.append(Drawn(window, a, b, alpha_a, alpha_b, depth_a, depth_b))
    return drawn


def draw(g: Gaussians, camera: Camera, background: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture [H, W, 3] as a screen shows it (clamped), alpha [H, W] and expected depth [H, W]."""
    out = render(
        g, *stack([camera]), camera.width, camera.height, background=(background, background, background)
    )
    return np.clip(out.rgb[0], 0.0, 1.0), out.alpha[0], out.depth[0]


def _painted(g: Gaussians, inside: np.ndarray) -> Gaussians:
    """The object white, all else black: its picture is how much of each pixel shows the object."""
    white = inside.astype(np.float32)[:, None, None].repeat(3, axis=2)
    return g.replace(sh=dc_of(white))


def _bounded(camera: Camera) -> Camera:
    scale = LONGEST / max(camera.width, camera.height)
    if scale >= 1:
        return camera
    return camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
