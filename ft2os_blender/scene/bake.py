"""An object's own transform put into its points: places, turns, sizes, colours by direction, looks and all.

Blender's own Apply moves points and leaves covariances and colours as they were.
"""

from __future__ import annotations

import bpy
import numpy as np

from ft2os import transforms
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

from . import animation, attributes, axes, display, looks, objects


def check(obj: bpy.types.Object) -> None:
    """Ask before anything is changed whether `bake` can do it.

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
    """A look's two states; it may have the target of some attributes only."""
    base = attributes.read(cloud, "radiance:base")
    degree = objects.degree(cloud)
    bands = [attributes.read(cloud, f"radiance:sh_{k}") for k in range((degree + 1) ** 2 - 1)]
    neutral = Gaussians(
        means=attributes.read(cloud, "position"),
        quats=attributes.read(cloud, "rotation"),
        scales=attributes.read(cloud, "scale"),
        opacities=base[:, 3].copy(),
        sh=np.stack([base[:, :3], *bands], axis=1),
    )
    moved = transforms.apply(neutral, matrix)
    _write(cloud, moved)
    then = attributes.read(cloud, looks.PARENT_POSITION)
    if then is not None:
        then = transforms.apply(neutral.replace(means=then), matrix).means
        attributes.write(cloud, looks.PARENT_POSITION, then)
    found = {name: attributes.read(cloud, f"target:{name}") for name in ("means", "quats", "scales")}
    target = neutral.replace(**{name: values for name, values in found.items() if values is not None})
    target = transforms.apply(target, matrix)
    for name, values in found.items():
        if values is not None:
            attributes.write(cloud, f"target:{name}", getattr(target, name))


def _write(cloud: bpy.types.PointCloud, gaussians: Gaussians) -> None:
    """What a turn changes; colours of degree 0, opacities and ids keep their bits."""
    attributes.write(cloud, "position", gaussians.means)
    attributes.write(cloud, objects.ROTATION, gaussians.quats)
    attributes.write(cloud, objects.SCALE, gaussians.scales)
    for k in range(1, gaussians.sh.shape[1]):
        attributes.write(cloud, f"radiance:sh_{k - 1}", gaussians.sh[:, k])
