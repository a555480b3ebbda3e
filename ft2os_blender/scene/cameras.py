"""The cameras of a capture as Blender cameras under the scene's Empty, so that they move with the scene."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ft2os.cameras.camera import Camera

from . import axes

SENSOR_MM = 36.0
SIZE = "ft2os_size"  # custom property on the camera data: the capture's pixels


def add_cameras(
    cameras: list[Camera], collection: bpy.types.Collection, parent: bpy.types.Object
) -> list[bpy.types.Object]:
    """One camera object a view, named after its image; views with the same lens share the camera data."""
    lenses: dict[tuple, bpy.types.Camera] = {}
    made = []
    for view in cameras:
        key = (view.width, view.height, *np.round(view.K[[0, 0, 1], [0, 2, 2]], 3).tolist())
        if key not in lenses:
            lenses[key] = lens(view)
        obj = bpy.data.objects.new(view.name or "Camera", lenses[key])
        obj.parent = parent
        obj.matrix_basis = Matrix(np.linalg.inv(view.viewmat.astype(np.float64)) @ axes.CAMERA_FLIP)
        collection.objects.link(obj)
        made.append(obj)
    return made


def lens(view: Camera) -> bpy.types.Camera:
    """Camera data with a view's field of view and principal point, exact where pixels are square."""
    data = bpy.data.cameras.new(view.name or "Camera")
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_MM
    data.lens = float(view.K[0, 0]) / view.width * SENSOR_MM
    data.shift_x = (view.width / 2 - float(view.K[0, 2])) / view.width
    data.shift_y = (float(view.K[1, 2]) - view.height / 2) / view.width
    data.clip_start, data.clip_end = 0.01, 1000.0
    data[SIZE] = [view.width, view.height]
    return data


def intrinsics(obj: bpy.types.Object) -> tuple[np.ndarray, int, int] | None:
    """(K [3, 3], width, height) of an imported camera, the inverse of `lens`; None for any other object."""
    size = obj.data.get(SIZE) if obj.type == "CAMERA" else None
    if size is None:
        return None
    width, height, data = int(size[0]), int(size[1]), obj.data
    focal = data.lens / data.sensor_width * width
    centre = width / 2 - data.shift_x * width, height / 2 + data.shift_y * width
    return np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]], np.float32), width, height
