"""A pinhole camera as the backend has it, from a camera object or from the two matrices of a view."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ft2os.errors import RequestError

from . import axes


@dataclass(frozen=True)
class View:
    """A pinhole camera of ``width`` × ``height`` pixels, OpenCV axes, world right-down-forward."""

    viewmat: np.ndarray  # [4, 4]
    K: np.ndarray  # [3, 3]
    width: int
    height: int


def camera_view(camera: bpy.types.Object, depsgraph: bpy.types.Depsgraph, width: int, height: int) -> View:
    """The view of a camera object with its lens, sensor fit, shift and the scene's pixel aspect.

    Raises
    ------
    RequestError
        If there is no camera, or it is not a perspective one.
    """
    if camera is None or camera.type != "CAMERA":
        raise RequestError("The scene has no camera.", "Add a camera, or make one the active one.")
    if camera.data.type != "PERSP":
        raise RequestError(
            f"The camera {camera.name} is not a perspective one; splats are drawn in perspective only.",
            "Set the lens type of the camera to Perspective.",
        )
    render = depsgraph.scene.render
    projection = camera.calc_matrix_camera(
        depsgraph, x=width, y=height, scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    to_world = np.array(camera.matrix_world.normalized(), np.float64)  # a camera's scale means nothing
    return view(np.linalg.inv(to_world), np.array(projection, np.float64), width, height)


def view(world_to_camera: np.ndarray, projection: np.ndarray, width: int, height: int) -> View:
    """A pinhole view from OpenGL's two matrices [4, 4] (Blender's world, camera looking along −z)."""
    K = np.array(
        [
            [projection[0, 0] * width / 2, 0, (1 - projection[0, 2]) * width / 2],
            [0, projection[1, 1] * height / 2, (1 + projection[1, 2]) * height / 2],
            [0, 0, 1],
        ]
    )
    return View(axes.CAMERA_FLIP @ world_to_camera @ axes.TO_BLENDER, K, width, height)
