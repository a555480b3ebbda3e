"""Taking points of a splat object apart. The parts keep their points' ids, and with them every look."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from . import attributes, looks, objects

SELECTION = ".selection"  # Blender's edit mode keeps the selected points here


def selected_points(obj: bpy.types.Object) -> np.ndarray:
    """Which points are selected in edit mode.  [N] bool"""
    selection = obj.data.attributes.get(SELECTION)
    if selection is None:
        # Blender drops the attribute when every point is selected, and has none before edit mode.
        return np.zeros(len(obj.data.points), bool)
    selected = np.zeros(len(obj.data.points), bool if selection.data_type == "BOOLEAN" else np.float32)
    selection.data.foreach_get("value", selected)
    return selected > 0


def cloud_of(obj: bpy.types.Object, mask: np.ndarray, name: str) -> bpy.types.PointCloud:
    """A new cloud with the points of ``obj`` where ``mask`` [N] is true."""
    part = objects.read_gaussians(obj).subset(mask)
    cloud = objects.new_cloud(name, part, looks.point_ids(obj.data)[mask])
    for material in obj.data.materials:
        cloud.materials.append(material)
    return cloud


def take(obj: bpy.types.Object, mask: np.ndarray, name: str) -> bpy.types.Object:
    """A new object beside ``obj`` with the points where ``mask`` is true and everything else that it has."""
    part = obj.copy()
    part.name = name
    part.data = cloud_of(obj, mask, name)
    for collection in obj.users_collection:
        collection.objects.link(part)
    return part


def keep(obj: bpy.types.Object, mask: np.ndarray) -> None:
    """Leave an object only the points where ``mask`` is true."""
    objects.put_data(obj, cloud_of(obj, mask, obj.data.name))


def centre(obj: bpy.types.Object) -> None:
    """Move an object's origin into the middle of its points; what is seen stays where it is."""
    positions = attributes.read(obj.data, "position")
    origin = objects.middle(positions)
    attributes.write(obj.data, "position", positions - origin)
    objects.put_data(obj, attributes.remeasured(obj.data))
    obj.matrix_basis = obj.matrix_basis @ Matrix.Translation(origin)
