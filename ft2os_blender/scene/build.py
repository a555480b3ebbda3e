"""A loaded scene file -> one Empty, a collection, one object a group, the cameras.

Everything is under the Empty, whose turn is the only change of coordinates: the data keeps the file's axes.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ft2os.formats import registry
from ft2os.gaussians import Gaussians

from . import cameras, display, objects

# The file's axis that points up -> rows of the turn that makes it Blender's +z. Exact numbers, no angles.
UP = {
    "-Y": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "+Y": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "+Z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "-Z": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "+X": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    "-X": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
}
REST = "Rest"
TINY = 0.001  # groups with a smaller share of the scene are part of the Rest


def add_scene(context: bpy.types.Context, loaded, up: str = "-Y", centred: bool = True) -> bpy.types.Object:
    """Show a scene in Blender.

    Parameters
    ----------
    context : Context
    loaded : ft2os.formats.Scene
    up : str
        Which axis of the file points up, a key of `UP`.
    centred : bool
        Put each object's origin in its middle; otherwise all are at the file's.

    Returns
    -------
    Object
        The Empty. Whatever fails on the way leaves nothing behind.
    """
    name = scene_name(loaded.path)
    collection = bpy.data.collections.new(name)
    context.scene.collection.children.link(collection)
    try:
        root = _root(name, collection, loaded, up)
        for label, group_id, part in split(loaded.gaussians, loaded.labels, name):
            origin = objects.middle(part.means) if centred else None
            obj = objects.new_object(label, part, collection, root, origin)
            obj.data.materials.append(display.material())
            obj.ft2os.label, obj.ft2os.group_id = label, group_id
            remember_source(obj, loaded.gaussians)
        add_cameras(context, loaded.cameras, collection, root)
    except Exception:
        discard(collection)
        raise
    if display.untouched_colour_management(context.scene):
        display.set_standard_view(context.scene)
    return root


def split(gaussians: Gaussians, labels: dict[int, str], name: str) -> list[tuple[str, int, Gaussians]]:
    """(name, group id, Gaussians) of every object that a scene becomes; each row is in exactly one.

    Unassigned and tiny groups make the object "Rest" with id −1; a scene without groups stays whole.
    """
    group = gaussians.group
    ids, counts = (np.array([]), np.array([])) if group is None else np.unique(group, return_counts=True)
    shown = [int(i) for i, n in zip(ids, counts) if i >= 0 and n >= TINY * len(gaussians)]
    if not shown:
        return [(name, -1, gaussians)]
    parts = [(labels.get(i) or f"Group {i}", i, gaussians.subset(group == i)) for i in shown]
    rest = ~np.isin(group, shown)
    if rest.any():
        parts.append((REST, -1, gaussians.subset(rest)))
    return parts


def scene_name(path: Path) -> str:
    """What to call a scene: its file, or its folder where every file has the same name."""
    path = Path(path)
    folder = next((p for p in path.parents if p.name == "point_cloud"), None)
    if folder is not None and folder.parent.name:
        return folder.parent.name
    file_format = registry.by_name(path)
    if file_format is None:
        return path.name
    if path.name == file_format.index:
        return path.parent.name
    return path.name[: len(path.name) - len(file_format.ending_of(path.name))]


def remember_source(obj: bpy.types.Object, gaussians: Gaussians) -> None:
    """Note on an object which file its rows came from."""
    if gaussians.source is not None:
        obj.ft2os.source_sha256 = gaussians.source.sha256
        obj.ft2os.source_path = str(gaussians.source.path or "")


def discard(collection: bpy.types.Collection) -> None:
    """Remove a half-made scene and all its data."""
    for obj in list(collection.all_objects):
        data = obj.data
        bpy.data.objects.remove(obj)
        if isinstance(data, bpy.types.PointCloud) and data.users == 0:
            bpy.data.pointclouds.remove(data)
        elif isinstance(data, bpy.types.Camera) and data.users == 0:
            bpy.data.cameras.remove(data)
    for child in list(collection.children_recursive):
        bpy.data.collections.remove(child)
    bpy.data.collections.remove(collection)


def root_of(obj: bpy.types.Object) -> bpy.types.Object | None:
    """The Empty of the scene that an object belongs to, or None."""
    while obj is not None and not obj.ft2os.is_root:
        obj = obj.parent
    return obj


def group_names(root: bpy.types.Object | None) -> dict[int, str]:
    """Names of a scene's groups by id; empty where its Empty is gone or its note cannot be read."""
    try:
        noted = json.loads(root.ft2os.labels) if root is not None else {}
        return {int(i): str(name) for i, name in noted.items() if 0 <= int(i) < 2**31}
    except (ValueError, AttributeError, RecursionError):
        return {}


def turn(up: str) -> Matrix:
    """The Empty's matrix for an up axis."""
    return Matrix(UP[up]).to_4x4()


def _root(name: str, collection: bpy.types.Collection, loaded, up: str) -> bpy.types.Object:
    # The plain name is left for the object of a scene that has only one.
    root = bpy.data.objects.new(f"{name} Scene", None)
    root.matrix_basis = turn(up)
    low, high = objects.spread(loaded.gaussians.means)
    root.empty_display_size = float(max((high - low).max() / 4, 1e-3))
    root.ft2os.is_root = True
    root.ft2os.format = loaded.format
    root.ft2os.labels = json.dumps({str(i): label for i, label in loaded.labels.items()})
    remember_source(root, loaded.gaussians)
    collection.objects.link(root)
    return root


def _hide(layer: bpy.types.LayerCollection, collection: bpy.types.Collection) -> None:
    """Close the eye of a collection in the outliner; its cameras can still be looked through."""
    for child in layer.children:
        if child.collection == collection:
            child.hide_viewport = True
        _hide(child, collection)


def add_cameras(
    context: bpy.types.Context, views: list, collection: bpy.types.Collection, root: bpy.types.Object
) -> None:
    """Hang a capture's cameras under its Empty, in a collection of their own whose eye is closed."""
    if not views:
        return
    folder = bpy.data.collections.new(f"{collection.name} Cameras")
    collection.children.link(folder)
    added = cameras.add_cameras(views, folder, root)
    for camera in {obj.data for obj in added}:
        camera.display_size = root.empty_display_size / 4
    _hide(context.view_layer.layer_collection, folder)  # dozens of frusta in front of the scene
    if context.scene.camera is None:
        cameras.look_through(context.scene, added[0])
