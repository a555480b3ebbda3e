"""``ft2os render``: pictures of a scene, from its own cameras, a file of cameras or an orbit. No torch."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os.cli import console
from ft2os.colour import to_uint8
from ft2os.errors import RequestError
from ft2os.process import available_memory

if TYPE_CHECKING:
    from PIL.Image import Image

    from ft2os.cameras import Camera
    from ft2os.formats import Scene
    from ft2os.gaussians import Gaussians

DEFAULT_ORBIT = 8
DEFAULT_SIZE = (512, 512)
_PIXEL = 5  # bytes that Pillow takes for a pixel, and for packing it
_SMALL = 1 << 28  # bytes that are taken without asking


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("render", help="draw a scene")
    console.add_scene(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    views = parser.add_mutually_exclusive_group()
    views.add_argument(
        "--cameras",
        type=Path,
        metavar="PATH",
        help="cameras.json, transforms.json or a COLMAP folder (default: the scene's own)",
    )
    views.add_argument("--orbit", type=console.positive, metavar="N", help="N cameras around the scene")
    parser.add_argument("--size", type=console.size, metavar="WxH", help="pixels (default: the cameras')")
    parser.add_argument(
        "--background", choices=("black", "white"), help="default: as the scene was trained, else black"
    )
    parser.add_argument(
        "--antialiased",
        action="store_true",
        help="for scenes trained so (Mip-Splatting, gsplat's antialiased)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Draw the pictures and print their paths."""
    from ft2os.files import replacing
    from ft2os.formats import load_scene

    with console.progress() as report:
        scene = load_scene(args.scene, drop_invalid=args.drop_invalid, progress=report)
        cameras = choose_cameras(scene, args.cameras, args.orbit, args.size)
        white = scene.settings.get("white_background") is True
        background = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0)}[
            args.background or ("black", "white")[white]
        ]
        written = []
        for i, (camera, name) in enumerate(zip(cameras, file_names(cameras), strict=True)):
            report("rendering", i, len(cameras), name)
            picture = draw(scene.gaussians, camera, background, args.antialiased)
            with replacing(args.out / name) as temporary:
                picture.save(temporary, format="PNG")
            written.append(args.out / name)
    for path in written:
        print(path)


def draw(
    gaussians: Gaussians, camera: Camera, background: tuple[float, float, float], antialiased: bool = False
) -> Image:
    """The picture in 8 bits, of which no more than parts ever exist as floats.

    Raises
    ------
    RequestError
        If not even that would fit into the memory.
    """
    from PIL import Image

    from ft2os.tiles import render_parts

    needed = _PIXEL * camera.width * camera.height
    if needed > _SMALL and needed > available_memory():
        raise RequestError(
            f"A picture of {camera.width}×{camera.height} pixels needs {needed / 1e9:.1f} GB of memory.",
            "Choose a smaller one with --size.",
        )
    picture = Image.new("RGB", (camera.width, camera.height))
    for window, drawn in render_parts(
        gaussians,
        camera.viewmat,
        camera.K,
        camera.width,
        camera.height,
        background=background,
        antialiased=antialiased,
    ):
        picture.paste(Image.fromarray(to_uint8(drawn.rgb[0])), (window.columns.start, window.rows.start))
    return picture


def choose_cameras(
    scene: Scene, file: Path | None, orbit_count: int | None, size: tuple[int, int] | None
) -> list[Camera]:
    """The cameras to draw from, at the size asked for."""
    from ft2os.cameras import load_cameras, orbit

    cameras = load_cameras(file) if file else ([] if orbit_count else scene.cameras)
    if not cameras:
        return orbit(scene.gaussians, orbit_count or DEFAULT_ORBIT, size or DEFAULT_SIZE)
    return [fitted(c, *size) for c in cameras] if size else cameras


def fitted(camera: Camera, width: int, height: int) -> Camera:
    """The view in another frame: nothing is squashed or cut off, a longer side shows more."""
    scale = min(width / camera.width, height / camera.height)
    K = camera.K.astype(np.float64).copy()
    K[:2] *= scale
    K[0, 2] += (width - scale * camera.width) / 2
    K[1, 2] += (height - scale * camera.height) / 2
    return replace(camera, K=K.astype(np.float32), width=width, height=height)


def file_names(cameras: list[Camera]) -> list[str]:
    """A PNG name for each camera: its own, without anything that leads out of the folder, made unique."""
    names, used = [], set()
    for i, camera in enumerate(cameras):
        stem = re.sub(r"[^\w.-]", "_", Path(camera.name.replace("\\", "/")).stem).strip(".") or f"{i:05d}"
        if stem.casefold() in used:
            stem = f"{stem}_{i:05d}"
        used.add(stem.casefold())
        names.append(f"{stem}.png")
    return names
