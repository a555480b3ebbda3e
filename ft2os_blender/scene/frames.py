"""Matrices between Blender and the backend's right-down-forward world.

The backend's world is Blender's turned so that y points down: the turn that the Empty of an ordinary import
carries, undone. Which Empty an object hangs on does not matter.
"""

from __future__ import annotations

import bpy
import numpy as np

from ft2os.cameras.camera import Camera

from .build import UP

_TURN = np.eye(4)
_TURN[:3, :3] = UP["-Y"]
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def to_world(obj: bpy.types.Object) -> np.ndarray:
    """Object coordinates -> right-down-forward world.  [4, 4] float64"""
    return _TURN.T @ np.array(obj.matrix_world, dtype=np.float64)


def capture_view(obj: bpy.types.Object) -> Camera | None:
    """An imported camera object as the view that it was; None for other cameras."""
    size = obj.data.get("ft2os_size") if obj.type == "CAMERA" else None
    if size is None:
        return None
    width, height = int(size[0]), int(size[1])
    matrix = to_world(obj) @ _FLIP
    matrix[:3, :3] /= np.cbrt(np.linalg.det(matrix[:3, :3]))  # a scaled scene does not scale its cameras
    focal = obj.data.lens / obj.data.sensor_width * width
    centre = width / 2 - obj.data.shift_x * width, height / 2 + obj.data.shift_y * width
    K = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]], np.float32)
    return Camera(np.linalg.inv(matrix).astype(np.float32), K, width, height, obj.name)
