"""What the renderer draws: the evaluated scene as instances and a camera in the backend's terms. Read only.

F12 calls this off the main thread, so nothing here changes a scene or holds on to anything of Blender's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ft2os import transforms
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

from ..scene import axes, live, looks, objects

if TYPE_CHECKING:
    from ft2os.looks import Look


@dataclass(frozen=True)
class Item:
    """One instance: an object's Gaussians, its look, where it stands."""

    name: str
    gaussians: Gaussians
    look: Look | str | None  # or the file of one that grows
    strength: float
    matrix: np.ndarray  # [4, 4] object -> right-down-forward world
    holdout: bool


@dataclass(frozen=True)
class View:
    """A pinhole camera of ``width`` × ``height`` pixels, OpenCV axes, world right-down-forward."""

    viewmat: np.ndarray  # [4, 4]
    K: np.ndarray  # [3, 3]
    width: int
    height: int


@dataclass(frozen=True)
class Scene:
    """What is drawn, and why something is not: one object that cannot be drawn must not blank the others."""

    items: list[Item]
    problems: list[RequestError]  # each names its object


def scene(depsgraph: bpy.types.Depsgraph, growing: bool = False) -> Scene:
    """Every visible splat object of the evaluated scene, instances of collections included.

    With ``growing``, those that a job is working on wear what it has so far.
    """
    read: dict[int, tuple[Gaussians, Look | str | None, float]] = {}  # instances are read once
    found = Scene([], [])
    for instance in depsgraph.object_instances:
        obj = instance.object
        if not instance.show_self or not objects.is_splat(obj) or len(obj.data.points) == 0:
            continue
        matrix = axes.to_rdf(np.array(instance.matrix_world))
        try:
            transforms.decompose(matrix)
        except RequestError as error:
            message = f"{obj.name} is not drawn. {error.message}"
            found.problems.append(RequestError(message, error.hint))
            continue
        key = obj.original.as_pointer()
        if key not in read:
            read[key] = (objects.read_gaussians(obj), *_worn(obj, growing, found.problems))
        held = obj.is_holdout or _in_holdout(obj, depsgraph.view_layer)
        found.items.append(Item(obj.name, *read[key], matrix, held))
    return found


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


def background(scene: bpy.types.Scene) -> np.ndarray:
    """The world's plain colour, linear; an environment picture is not drawn.  [3]"""
    world = scene.world
    if world is None:
        return np.zeros(3)
    tree = world.node_tree if world.use_nodes else None
    if tree is None:
        return np.array(world.color[:3])
    node = next((n for n in tree.nodes if n.type == "BACKGROUND"), None)
    if node is None:
        return np.zeros(3)
    return np.array(node.inputs["Color"].default_value[:3]) * node.inputs["Strength"].default_value


def _worn(
    obj: bpy.types.Object, growing: bool, problems: list[RequestError]
) -> tuple[Look | str | None, float]:
    """The look that an object is drawn in, and its strength; without one that cannot be read."""
    shown = live.of(obj) if growing else None
    if shown is not None:
        return shown.path, 1.0
    item = looks.active_look(obj)
    if item is None or item.strength <= 0:
        return None, 0.0
    try:
        return looks.read_look(item), float(item.strength)
    except RequestError as error:
        problems.append(error)
        return None, 0.0


def _in_holdout(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> bool:
    """Is the object in a collection that the view layer holds out?"""
    original = obj.original
    return original.name in view_layer.objects and original.holdout_get(view_layer=view_layer)
