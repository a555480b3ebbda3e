"""The cameras of a capture as Blender cameras under the scene's Empty, and Blender's cameras as a capture's.

An imported camera remembers its picture's pixels and their aspect: `look_through` gives them to the render
settings, and what F12 then draws lies over the photo to the pixel.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ft2os.cameras.camera import Camera

from . import axes, views

log = logging.getLogger("ft2os")

SENSOR_MM = 36.0
_MAX_SIDE = 65536  # pixels, as Blender's own render settings
SIZE = "ft2os_size"  # custom properties on the camera data: the capture's pixels,
ASPECT = "ft2os_aspect"  # and the height of one over its width


def add_cameras(
    cameras: list[Camera], collection: bpy.types.Collection, parent: bpy.types.Object
) -> list[bpy.types.Object]:
    """One camera object a view, named after its image; views with the same lens share the camera data."""
    lenses: dict[tuple, bpy.types.Camera] = {}
    added = []
    for view in cameras:
        # A photo hangs on the camera data, so only views without one can share theirs.
        key = (view.width, view.height, view.photo, *np.round(view.K[[0, 1, 0, 1], [0, 1, 2, 2]], 3).tolist())
        if key not in lenses:
            lenses[key] = lens(view)
        obj = bpy.data.objects.new(view.name or "Camera", lenses[key])
        obj.parent = parent
        obj.matrix_basis = Matrix(np.linalg.inv(view.viewmat.astype(np.float64)) @ axes.CAMERA_FLIP)
        collection.objects.link(obj)
        added.append(obj)
    return added


def lens(view: Camera) -> bpy.types.Camera:
    """Camera data with a view's field of view, principal point and photo."""
    data = bpy.data.cameras.new(view.name or "Camera")
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_MM
    data.lens = float(view.K[0, 0]) / view.width * SENSOR_MM
    tall = float(view.K[0, 0] / view.K[1, 1])  # of a pixel: its height over its width
    data.shift_x = (view.width / 2 - float(view.K[0, 2])) / view.width
    data.shift_y = (float(view.K[1, 2]) - view.height / 2) * tall / view.width
    data.clip_start, data.clip_end = 0.01, 1000.0
    data[SIZE] = [view.width, view.height]
    data[ASPECT] = tall
    if view.photo is not None:
        _hang(view.photo, data)
    return data


def _hang(photo: Path, data: bpy.types.Camera) -> None:
    """Show the photo behind the scene, half transparent; leave out a picture that Blender cannot open."""
    try:
        image = bpy.data.images.load(str(photo), check_existing=True)
    except RuntimeError:
        log.warning("cannot open the photo %s", photo)
        return
    data.show_background_images = True
    background = data.background_images.new()
    background.image = image
    background.frame_method = "STRETCH"
    background.alpha = 0.5


def look_through(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Make ``camera`` the scene's, and give an imported one's pixels to the render settings."""
    scene.camera = camera
    picture = _picture(camera.data)
    if picture is None:
        return
    render = scene.render
    render.resolution_x, render.resolution_y, tall = picture
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = max(1 / tall, 1.0), max(tall, 1.0)


def of_scene(objs: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """The cameras among ``objs`` by name."""
    return sorted((obj for obj in objs if obj.type == "CAMERA"), key=lambda obj: obj.name)


def captured(
    camera: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    frame: np.ndarray,
    size: tuple[int, int],
    name: str,
) -> Camera:
    """A Blender camera as it is at this moment, for a file.

    Parameters
    ----------
    camera : Object
    depsgraph : Depsgraph
    frame : ndarray, [4, 4]
        Matrix in the world of the scene's Empty: the file's cameras are in its axes.
    size : (width, height)
        Pixels of its pictures.
    name : str
    """
    view = views.camera_view(camera.evaluated_get(depsgraph), depsgraph, *size)
    # The view looks from the right-down-forward world; ``frame`` says where the file's own axes lie in it.
    to_camera = view.viewmat @ axes.TO_BLENDER.T @ frame
    to_camera[:3] /= np.cbrt(np.linalg.det(to_camera[:3, :3]))  # the scene may be scaled, a camera is not
    return Camera(to_camera.astype(np.float32), view.K.astype(np.float32), *size, name)


def intrinsics(obj: bpy.types.Object) -> tuple[np.ndarray, int, int] | None:
    """(K [3, 3], width, height) of an imported camera, the inverse of `lens`; None for any other object."""
    picture = _picture(obj.data) if obj.type == "CAMERA" else None
    if picture is None:
        return None
    (width, height, tall), data = picture, obj.data
    focal = data.lens / data.sensor_width * width
    centre = width / 2 - data.shift_x * width, height / 2 + data.shift_y * width / tall
    K = np.array([[focal, 0, centre[0]], [0, focal / tall, centre[1]], [0, 0, 1]], np.float32)
    return K, width, height


def _picture(data: bpy.types.Camera) -> tuple[int, int, float] | None:
    """(width, height, aspect of a pixel) as noted on an imported camera; None where that is not there."""
    try:
        width, height = (int(value) for value in data[SIZE])
        tall = float(data.get(ASPECT, 1.0))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    sane = 1 <= min(width, height) <= max(width, height) <= _MAX_SIDE and 0.01 <= tall <= 100
    return (width, height, tall) if sane else None


def size_of(photo: Path) -> tuple[int, int]:
    """(width, height) of a photo. Blender reads it, since its Python has no library for that."""
    import imbuf

    try:
        picture = imbuf.load(str(photo))
    except (OSError, ValueError) as error:
        raise ValueError(f"the photo {photo.name} cannot be opened") from error
    size = tuple(picture.size)
    picture.free()
    return size
