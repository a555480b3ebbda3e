"""Writes an object's views for an artist to edit: the first half of the editor "folder".

They are taken as the method ``edit`` takes its own, specks left out, from cameras all around; only larger, so
that there is something to draw on. What comes back is fitted with the same cameras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ft2os.cameras.camera import Camera
from ft2os.colour import to_uint8
from ft2os.files import check_new_folder
from ft2os.gaussians import Gaussians
from ft2os.guidance.editors import view_folder
from ft2os.guidance.editors.door import GREY
from ft2os.guidance.editors.view_folder import Shot
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.units import Units
from ft2os.stylize.view_buffers import cameras_around
from ft2os.tiles import render

PIXELS = 512  # side of a picture, unless another is asked for
LARGEST = 2048


def write_views(
    target: Gaussians,
    path: str | Path,
    *,
    views: int,
    pixels: int = PIXELS,
    scene: str = "",
    group: str = "",
    shown: Gaussians | None = None,
    look: str = "",
    on_progress: Callable[[float], None] = lambda share: None,
) -> list[str]:
    """Write a new folder of views, whole or not at all.

    Parameters
    ----------
    target : Gaussians
        The object alone, as it was before any look.
    path : path
        Nothing, or an empty folder.
    views, pixels : int
        How many pictures, about, and their side.
    scene, group : str
        The scene's file and the object's name, for people.
    shown : Gaussians, optional
        The object in a look, which the pictures show instead.
    look : str
        What that look is called.
    on_progress : callable, optional
        Called as ``on_progress(share)`` after each view; may raise to stop.

    Returns
    -------
    list of str
        The views' names.

    Raises
    ------
    FileError
        If something is in the folder already, or it cannot be written.
    """
    check_new_folder(path)
    units = Units.of(target)  # an object of odd size is looked at as it is stylized
    if units:
        target, shown = units.gaussians(target), units.gaussians(shown) if shown else None
    connected = keep_connected(target)
    whole = target.subset(connected)
    given = whole if shown is None else _without(shown, target.subset(~connected))
    cameras = [
        replace(c, name=view_folder.name_of(i)) for i, c in enumerate(cameras_around(whole, views, pixels))
    ]

    def shots() -> Iterator[Shot]:
        for i, camera in enumerate(cameras):
            original, mask = _drawn(whole, camera)
            picture, mask = (original, mask) if shown is None else _drawn(given, camera)
            yield Shot(units.camera_back(camera) if units else camera, picture, original, mask)
            on_progress((i + 1) / len(cameras))

    look = "" if shown is None else look or "a look"
    view_folder.write(path, shots(), _save, scene=scene, group=group, look=look)
    return [camera.name for camera in cameras]


def _without(shown: Gaussians, specks: Gaussians) -> Gaussians:
    """A look without the specks that it left as they were: their places are the same to the bit."""
    places = [np.ascontiguousarray(g.means, np.float32).view("V12")[:, 0] for g in (shown, specks)]
    return shown.subset(~np.isin(places[0], places[1]))


def _drawn(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The picture over grey, uint8 [H, W, 3], and the object's alpha, uint8 [H, W]."""
    drawn = render(
        gaussians,
        camera.viewmat[None],
        camera.K[None],
        camera.width,
        camera.height,
        background=(GREY, GREY, GREY),
    )
    return to_uint8(drawn.rgb[0]), to_uint8(drawn.alpha[0])


def _save(picture: np.ndarray, path: Path) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path, format="PNG")
