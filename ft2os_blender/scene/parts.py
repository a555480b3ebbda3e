"""Taking points of a splat object apart. The parts keep their points' ids, and with them every look."""

from __future__ import annotations

import bpy
import numpy as np

from . import attributes, looks, objects

SELECTION = ".selection"  # Blender's edit mode keeps the selected points here


def selected_points(obj: bpy.types.Object) -> np.ndarray:
    """Which points are selected in edit mode.  [N] bool"""
    selection = obj.data.attributes.get(SELECTION)
    if selection is None:
        # Blender drops the attribute when every point is selected, and has none before edit mode.
        return np.zeros(len(obj.data.points), bool)
    if selection.data_type == "BOOLEAN":
        flags = np.zeros(len(obj.data.points), bool)
        selection.data.foreach_get("value", flags)
        return flags
    return attributes.read(obj.data, SELECTION) > 0


def cloud_of(obj: bpy.types.Object, mask: np.ndarray, name: str) -> bpy.types.PointCloud:
    """A new cloud with the points of ``obj`` where ``mask`` [N] is true."""
    part = objects.read_gaussians(obj).subset(mask)
    cloud = attributes.new_cloud(name, len(part))
    objects.write_gaussians(cloud, part)
    attributes.write(cloud, objects.POINT_ID, "INT", looks.point_ids(obj.data)[mask])
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
    old = obj.data
    obj.data = cloud_of(obj, mask, old.name)
    if old.users == 0:
        bpy.data.pointclouds.remove(old)
