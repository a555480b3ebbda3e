"""Applies an object's transform to its points: positions, rotations, scales, bands, and all of its looks.

Blender's own Apply moves points and leaves covariances and colours as they were.
"""

from __future__ import annotations

import bpy
import numpy as np

from ft2os import transforms
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

from . import animation, attributes, axes, display, looks, objects

_MOVED = ("means", "quats", "scales")  # what a transform changes, besides the bands


def check(obj: bpy.types.Object) -> None:
    """Refuse what `bake` cannot do, before anything is changed.

    Raises
    ------
    RequestError
        If the transform is more than a turn, a move and an even scale, or animated, or another object shares
        the points.
    """
    matrix = _own(obj)
    if np.array_equal(matrix, np.eye(4)):
        return
    transforms.decompose(matrix)
    if animation.moves(obj):
        raise RequestError(
            f"The transform of {obj.name} is animated: applied, its keyframes would move it a second time.",
            "Clear its keyframes and drivers first: Object > Animation > Clear Keyframes.",
        )
    if obj.data.users > 1:
        raise RequestError(
            f"{obj.name} shares its points with another object.",
            "Make it single-user: Object > Relations > Make Single User > Object & Data.",
        )


def bake(obj: bpy.types.Object) -> bool:
    """Apply ``obj``'s location, rotation and scale, children staying; whether there was anything to apply.

    Raises
    ------
    RequestError
        See `check`.
    """
    check(obj)
    matrix = _own(obj)
    if np.array_equal(matrix, np.eye(4)):
        return False
    moved = transforms.apply(objects.read_gaussians(obj), matrix)  # all that can fail comes first
    _write(obj.data, moved)
    attributes.write(obj.data, objects.RADIUS, objects.display_radius(moved))
    objects.put_data(obj, attributes.remeasured(obj.data))
    for item in obj.ft2os.looks:
        if not looks.is_whole(item):
            continue
        if item.pointcloud.users > 1:  # a duplicate of the object shows it too, and stays where it is
            item.pointcloud = item.pointcloud.copy()
        _bake_look(item.pointcloud, matrix)
    for child in obj.children:
        child.matrix_parent_inverse = obj.matrix_basis @ child.matrix_parent_inverse
    obj.matrix_basis.identity()
    display.show(obj)
    return True


def _own(obj: bpy.types.Object) -> np.ndarray:
    return axes.snapped(np.array(obj.matrix_basis, np.float64))


def _bake_look(cloud: bpy.types.PointCloud, matrix: np.ndarray) -> None:
    """A look's two states and its parents' places; it may have the target of some columns only."""
    columns = looks.read_columns(cloud)
    count = (objects.degree(cloud) + 1) ** 2 - 1  # bands of an incomplete degree stay as they are
    bands = columns.get("sh", np.empty((len(cloud.points), 0, 3), np.float32))[:, :count]
    neutral = Gaussians(
        **{name: columns[name] for name in (*_MOVED, "opacities")},
        sh=np.concatenate([columns["dc"][:, None], bands], axis=1),
    )
    targets = [name for name in _MOVED if f"target_{name}" in columns]
    target = neutral.replace(**{name: columns[f"target_{name}"] for name in targets})
    moved, moved_target = transforms.apply(neutral, matrix), transforms.apply(target, matrix)
    changed = {name: getattr(moved, name) for name in _MOVED} | {"sh": moved.sh[:, 1:]}
    changed |= {f"target_{name}": getattr(moved_target, name) for name in targets}
    looks.write_columns(cloud, changed)
    places = attributes.read(cloud, looks.PARENT_POSITION)
    if places is not None:
        places = transforms.apply(neutral.replace(means=places), matrix).means
        attributes.write(cloud, looks.PARENT_POSITION, places)


def _write(cloud: bpy.types.PointCloud, gaussians: Gaussians) -> None:
    """What a turn changes; colours of degree 0, opacities and ids keep their bits."""
    attributes.write(cloud, "position", gaussians.means)
    attributes.write(cloud, objects.ROTATION, gaussians.quats)
    attributes.write(cloud, objects.SCALE, gaussians.scales)
    for k in range(1, gaussians.sh.shape[1]):
        attributes.write(cloud, f"radiance:sh_{k - 1}", gaussians.sh[:, k])
