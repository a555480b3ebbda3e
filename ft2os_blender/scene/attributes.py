"""A thin typed layer over point attributes: NumPy arrays in, NumPy arrays out, one ``foreach`` call each.

It knows the attribute types that splats use and the portable way to make a point cloud of N points. It
does not know what the attributes mean; that is ``objects`` and ``looks``.
"""

from __future__ import annotations

import bpy
import numpy as np

# type -> (the element's property, numbers a point, dtype)
_LAYOUT = {
    "FLOAT": ("value", 1, np.float32),
    "INT": ("value", 1, np.int32),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "QUATERNION": ("value", 4, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
}


def write(cloud: bpy.types.PointCloud, name: str, kind: str, values: np.ndarray) -> None:
    """Store one attribute on the points, replacing what carried its name.

    Parameters
    ----------
    cloud : PointCloud
    name : str
    kind : str
        ``FLOAT``, ``INT``, ``FLOAT_VECTOR``, ``QUATERNION`` or ``FLOAT_COLOR``.
    values : ndarray, [N] or [N, 3] or [N, 4]
        One row a point of ``cloud``.

    Raises
    ------
    ValueError
        If the number of values is not the number of points times the type's size.
    """
    key, size, dtype = _LAYOUT[kind]
    flat = np.ascontiguousarray(values, dtype=dtype).reshape(-1)
    if flat.size != len(cloud.points) * size:
        raise ValueError(f"{name}: {flat.size} values for {len(cloud.points)} points of {size}")
    attribute = cloud.attributes.get(name)
    if attribute is not None and (attribute.data_type != kind or attribute.domain != "POINT"):
        cloud.attributes.remove(attribute)
        attribute = None
    if attribute is None:
        attribute = cloud.attributes.new(name, kind, "POINT")
    if flat.size:
        attribute.data.foreach_set(key, flat)


def read(cloud: bpy.types.PointCloud, name: str) -> np.ndarray | None:
    """One attribute as a new array, [N] or [N, size]; None where the cloud has none of that name."""
    attribute = cloud.attributes.get(name)
    if attribute is None or attribute.data_type not in _LAYOUT:
        return None
    key, size, dtype = _LAYOUT[attribute.data_type]
    flat = np.zeros(len(cloud.points) * size, dtype)
    if flat.size:
        attribute.data.foreach_get(key, flat)
    return flat if size == 1 else flat.reshape(-1, size)


def remove(cloud: bpy.types.PointCloud, name: str) -> None:
    """Drop an attribute if it is there."""
    attribute = cloud.attributes.get(name)
    if attribute is not None:
        cloud.attributes.remove(attribute)


def new_cloud(name: str, count: int) -> bpy.types.PointCloud:
    """A point cloud of ``count`` points at the origin.

    ``PointCloud.resize`` does not exist before Blender 5.1, so a Points node makes them and the modifier is
    applied, on an object that lives no longer than this call.
    """
    cloud = bpy.data.pointclouds.new(name)
    if count == 0:
        return cloud
    carrier = bpy.data.objects.new(name, cloud)
    bpy.context.scene.collection.objects.link(carrier)
    tree = _points_tree(count)
    try:
        modifier = carrier.modifiers.new("Points", "NODES")
        modifier.node_group = tree
        with bpy.context.temp_override(object=carrier, active_object=carrier, selected_objects=[carrier]):
            bpy.ops.object.modifier_apply(modifier=modifier.name)
    finally:
        bpy.data.objects.remove(carrier)
        bpy.data.node_groups.remove(tree)
    if len(cloud.points) != count:
        raise RuntimeError(f"Blender made {len(cloud.points)} of {count} points")
    return cloud


def _points_tree(count: int) -> bpy.types.NodeTree:
    tree = bpy.data.node_groups.new("ft2os points", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    points = tree.nodes.new("GeometryNodePoints")
    points.inputs["Count"].default_value = count
    tree.links.new(points.outputs[0], tree.nodes.new("NodeGroupOutput").inputs[0])
    return tree
