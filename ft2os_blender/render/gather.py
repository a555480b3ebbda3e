"""What is drawn, by F12 and by the viewport: the evaluated scene as instances, and its film. Read only.

F12 calls this off the main thread, so nothing here changes a scene or holds on to anything of Blender's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ft2os import transforms
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

from ..scene import axes, live, looks, objects
from . import colour

if TYPE_CHECKING:
    from ft2os.looks import Look


@dataclass(frozen=True)
class Item:
    """One instance: an object's Gaussians, its look, where it stands."""

    uid: int  # the object's session_uid
    name: str
    points: Gaussians | str  # or the key of those that the worker has
    look: Look | str | None  # or the file of one that the worker can read
    look_uid: int | None  # the session_uid of the look's cloud; None without a look, or while it grows
    strength: float
    matrix: np.ndarray  # [4, 4] object -> right-down-forward world
    holdout: bool


@dataclass(frozen=True)
class Known:
    """What the worker has of an object that has not changed since, so that it need not be read again."""

    points: str  # their key
    looks: dict[int, str]  # files of its looks, by the session_uid of their clouds


@dataclass(frozen=True)
class Scene:
    """What is drawn, and why something is not: one object that cannot be drawn must not blank the others."""

    items: list[Item] = field(default_factory=list)
    problems: list[RequestError] = field(default_factory=list)  # each names its object
    gaussians: int = 0  # of all items


@dataclass(frozen=True)
class Film:
    """What decides a picture besides objects and camera: a new setting of the engine goes here."""

    background: tuple[float, float, float] | None  # display-referred; None: transparent
    antialiased: bool


def film(scene: bpy.types.Scene) -> Film:
    """The film of a scene, cheap enough to be read at every redraw."""
    behind = None
    if not scene.render.film_transparent:
        behind = tuple(float(value) for value in colour.to_display(background(scene)))
    return Film(behind, scene.ft2os.antialiased)


def scene(
    depsgraph: bpy.types.Depsgraph, growing: bool = False, known: Mapping[int, Known] | None = None
) -> Scene:
    """Every visible splat object of the evaluated scene, instances of collections included.

    Parameters
    ----------
    depsgraph : Depsgraph
    growing : bool
        Draw an object that a job works on in its growing look.
    known : mapping, optional
        What the worker has of objects, by their session_uid: these are not read.
    """
    read: dict[int, tuple] = {}  # by session_uid: an object is read once, however many instances it has
    items, problems, count = [], [], 0
    for instance in depsgraph.object_instances:
        obj = instance.object
        if not instance.show_self or not objects.is_splat(obj) or len(obj.data.points) == 0:
            continue
        matrix = axes.to_rdf(np.array(instance.matrix_world))
        try:
            transforms.decompose(matrix)
        except RequestError as error:
            problems.append(RequestError(f"{obj.name} is not drawn. {error.message}", error.hint))
            continue
        uid = obj.original.session_uid
        if uid not in read:
            held = None if known is None else known.get(uid)
            points = objects.read_gaussians(obj) if held is None else held.points
            read[uid] = (points, *_worn(obj, growing, held, problems))
        count += len(obj.data.points)
        holdout = obj.is_holdout or _in_holdout(obj, depsgraph.view_layer)
        items.append(Item(uid, obj.name, *read[uid], matrix, holdout))
    return Scene(items, problems, count)


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
    obj: bpy.types.Object, growing: bool, known: Known | None, problems: list[RequestError]
) -> tuple[Look | str | None, int | None, float]:
    """The look that an object is drawn in: look, look_uid, strength of `Item`; none if it cannot be read."""
    grown = live.of(obj) if growing else None
    if grown is not None:
        return grown.path, None, 1.0
    item = looks.active_look(obj)
    if item is None or item.strength <= 0:
        return None, None, 0.0
    uid = item.pointcloud.original.session_uid if item.pointcloud is not None else None
    if known is not None and uid in known.looks:
        return known.looks[uid], uid, float(item.strength)
    try:
        return looks.read_look(item), uid, float(item.strength)
    except RequestError as error:
        problems.append(error)
        return None, None, 0.0


def _in_holdout(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> bool:
    """Is the object in a collection that the view layer holds out?"""
    original = obj.original
    return original.name in view_layer.objects and original.holdout_get(view_layer=view_layer)
