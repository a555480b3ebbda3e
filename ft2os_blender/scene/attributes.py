"""A thin layer over point attributes: NumPy arrays in, NumPy arrays out, one ``foreach`` call each.

It knows which attributes splats and looks have and of which type; what they mean is for ``objects`` and
``looks``. An attribute of another type belongs to somebody else, or to a file that means harm: it counts as
absent. It also knows the portable way to make a point cloud of N points.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

KINDS = {
    "position": "FLOAT_VECTOR",
    "scale": "FLOAT_VECTOR",
    "rotation": "QUATERNION",
    "radiance:base": "FLOAT_COLOR",
    "radius": "FLOAT",
    "group": "INT",
    "source_row": "INT",
    "point_id": "INT",
    "shown": "FLOAT_COLOR",
    "shown_strength": "FLOAT",
    "parent": "INT",
    "parent_position": "FLOAT_VECTOR",
    "neutral:base": "FLOAT_VECTOR",
    "target:means": "FLOAT_VECTOR",
    "target:quats": "QUATERNION",
    "target:scales": "FLOAT_VECTOR",
    "target:opacities": "FLOAT",
}
_BAND = "radiance:sh_"
# type -> (the element's property, numbers a point, dtype)
_LAYOUT = {
    "FLOAT": ("value", 1, np.float32),
    "INT": ("value", 1, np.int32),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "QUATERNION": ("value", 4, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
}


def kind_of(name: str) -> str:
    """The type of the attribute ``name``; KeyError where we have none of that name."""
    return "FLOAT_VECTOR" if name.startswith(_BAND) else KINDS[name]


def has(cloud: bpy.types.PointCloud, name: str) -> bool:
    """Whether a cloud has the attribute ``name``, of its type."""
    attribute = cloud.attributes.get(name)
    return attribute is not None and _fits(attribute, name)


def bands(cloud: bpy.types.PointCloud) -> int:
    """How many coefficients above degree 0 a cloud has, counted up to the first that is missing."""
    count = 0
    while has(cloud, f"{_BAND}{count}"):
        count += 1
    return count


def write(cloud: bpy.types.PointCloud, name: str, values: np.ndarray) -> None:
    """Store one attribute on the points, replacing what carried its name.

    Parameters
    ----------
    cloud : PointCloud
    name : str
        One of `KINDS`, or ``radiance:sh_<k>``.
    values : ndarray, [N] or [N, 3] or [N, 4]
        One row a point of ``cloud``.

    Raises
    ------
    ValueError
        If the number of values is not the number of points times the type's size.
    """
    kind = kind_of(name)
    key, size, dtype = _LAYOUT[kind]
    flat = np.ascontiguousarray(values, dtype=dtype).reshape(-1)
    if flat.size != len(cloud.points) * size:
        raise ValueError(f"{name}: {flat.size} values for {len(cloud.points)} points of {size}")
    attribute = cloud.attributes.get(name)
    if attribute is not None and not _fits(attribute, name):
        cloud.attributes.remove(attribute)
        attribute = None
    if attribute is None:
        attribute = cloud.attributes.new(name, kind, "POINT")
    if flat.size:
        attribute.data.foreach_set(key, flat)


def read(cloud: bpy.types.PointCloud, name: str) -> np.ndarray | None:
    """One attribute as a new array, [N] or [N, size]; None where the cloud has none of that name and type."""
    if not has(cloud, name):
        return None
    key, size, dtype = _LAYOUT[kind_of(name)]
    flat = np.zeros(len(cloud.points) * size, dtype)
    if flat.size:
        cloud.attributes[name].data.foreach_get(key, flat)
    return flat if size == 1 else flat.reshape(-1, size)


def _fits(attribute: bpy.types.Attribute, name: str) -> bool:
    return attribute.data_type == kind_of(name) and attribute.domain == "POINT"


def remove(cloud: bpy.types.PointCloud, name: str) -> None:
    """Drop an attribute if it is there."""
    attribute = cloud.attributes.get(name)
    if attribute is not None:
        cloud.attributes.remove(attribute)


def new_cloud(name: str, positions: np.ndarray, radius: np.ndarray | None = None) -> bpy.types.PointCloud:
    """A point cloud with points at ``positions`` [N, 3], shown as dots of ``radius`` [N].

    ``PointCloud.resize`` does not exist before Blender 5.1, so nodes make the points of a mesh's vertices.
    The positions go in with the mesh: Blender measures a cloud's bounds once, and positions that are written
    later leave them at the origin, where nothing can be clicked or framed.
    """
    if len(positions) == 0:
        return bpy.data.pointclouds.new(name)
    mesh = bpy.data.meshes.new(name)
    try:
        mesh.vertices.add(len(positions))
        mesh.vertices.foreach_set("co", np.ascontiguousarray(positions, np.float32).reshape(-1))
        held = mesh.attributes.new("radius", "FLOAT", "POINT")
        if radius is not None:
            held.data.foreach_set("value", np.ascontiguousarray(radius, np.float32))
        cloud = _evaluated(name, mesh, _points_of)
    finally:
        bpy.data.meshes.remove(mesh)
    remove(cloud, ".select_vert")  # the mesh had it
    if len(cloud.points) != len(positions):
        raise RuntimeError(f"Blender made {len(cloud.points)} of {len(positions)} points")
    return cloud


def remeasured(cloud: bpy.types.PointCloud) -> bpy.types.PointCloud:
    """A copy of ``cloud`` whose bounds are those of its points as they are now; see `new_cloud`."""
    copy = _evaluated(cloud.name, cloud, _moved_nowhere)
    for material in cloud.materials if not copy.materials else ():
        copy.materials.append(material)
    return copy


def _evaluated(name: str, data: bpy.types.ID, points: Callable) -> bpy.types.PointCloud:
    """A new cloud of the geometry that ``points(tree, socket)`` makes of an object's ``data``.

    A modifier is applied, on objects that live no longer than this call.
    """
    cloud = bpy.data.pointclouds.new(name)
    source, carrier = bpy.data.objects.new(name, data), bpy.data.objects.new(name, cloud)
    bpy.context.scene.collection.objects.link(carrier)
    tree = bpy.data.node_groups.new("ft2os points", "GeometryNodeTree")
    try:
        tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
        info = tree.nodes.new("GeometryNodeObjectInfo")
        info.inputs["Object"].default_value = source
        geometry = points(tree, info.outputs["Geometry"])
        tree.links.new(geometry, tree.nodes.new("NodeGroupOutput").inputs[0])
        modifier = carrier.modifiers.new("Points", "NODES")
        modifier.node_group = tree
        with bpy.context.temp_override(object=carrier, active_object=carrier, selected_objects=[carrier]):
            bpy.ops.object.modifier_apply(modifier=modifier.name)
    finally:
        bpy.data.objects.remove(carrier)
        bpy.data.objects.remove(source)
        bpy.data.node_groups.remove(tree)
    return cloud


def _points_of(tree: bpy.types.NodeTree, mesh: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """Nodes that give a mesh's vertices as points, with the attribute ``radius`` as their size."""
    size = tree.nodes.new("GeometryNodeInputNamedAttribute")
    size.data_type = "FLOAT"
    size.inputs["Name"].default_value = "radius"
    points = tree.nodes.new("GeometryNodeMeshToPoints")
    tree.links.new(mesh, points.inputs["Mesh"])
    tree.links.new(next(s for s in size.outputs if s.type == "VALUE"), points.inputs["Radius"])
    return points.outputs[0]


def _moved_nowhere(tree: bpy.types.NodeTree, cloud: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """A node that sets the position of no point, after which Blender takes the bounds for unknown."""
    node = tree.nodes.new("GeometryNodeSetPosition")
    node.inputs["Selection"].default_value = False
    tree.links.new(cloud, node.inputs["Geometry"])
    return node.outputs[0]
