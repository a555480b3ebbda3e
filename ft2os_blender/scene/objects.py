"""Gaussians <-> point-cloud objects.

The attribute names are those that Blender 5.3 draws as splats by itself. Values go in and come out with the
same bits, so an object that nobody touched is still its source file. ``point_id`` names a point for life:
looks refer to it, and so survive deleting points and joining objects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import bpy
import numpy as np

from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians

from . import attributes

BASE, SCALE, ROTATION = "radiance:base", "scale", "rotation"
SOURCE_ROW, POINT_ID, GROUP, RADIUS = "source_row", "point_id", "group", "radius"


def is_splat(obj: bpy.types.Object | None) -> bool:
    """Whether an object's points are Gaussians: ours, or anybody's with the same attribute names."""
    if obj is None or obj.type != "POINTCLOUD":
        return False
    return all(attributes.has(obj.data, name) for name in (BASE, SCALE, ROTATION))


def splats(objects) -> list[bpy.types.Object]:
    """The splat objects among ``objects``, in their order."""
    return [obj for obj in objects if is_splat(obj)]


def degree(cloud: bpy.types.PointCloud) -> int:
    """Degree of the spherical harmonics that a cloud carries, 0 to 4 (incomplete bands do not count)."""
    return min(int(np.sqrt(attributes.bands(cloud) + 1)) - 1, 4)


def new_cloud(name: str, gaussians: Gaussians, ids: np.ndarray) -> bpy.types.PointCloud:
    """A cloud of Gaussians.

    Parameters
    ----------
    name : str
    gaussians : Gaussians
        ``identity`` and ``source`` stay out: the file is found again through the object's ``source_path``.
    ids : ndarray, int32, [N]
        The points' names for life.
    """
    cloud = attributes.new_cloud(name, gaussians.means, display_radius(gaussians))
    base = np.concatenate([gaussians.sh[:, 0], gaussians.opacities[:, None]], axis=1)
    attributes.write(cloud, SCALE, gaussians.scales)
    attributes.write(cloud, ROTATION, gaussians.quats)
    attributes.write(cloud, BASE, base)
    for k, band in enumerate(_bands(gaussians.sh)):
        attributes.write(cloud, f"radiance:sh_{k}", band)
    if gaussians.group is not None:
        attributes.write(cloud, GROUP, gaussians.group)
    row = np.full(len(gaussians), -1, np.int32) if gaussians.row is None else gaussians.row
    attributes.write(cloud, SOURCE_ROW, row)
    attributes.write(cloud, POINT_ID, ids)
    return cloud


def _bands(sh: np.ndarray) -> Iterator[np.ndarray]:
    """Each coefficient from degree 1 as a contiguous array [N, 3], while threads copy the next two."""
    with ThreadPoolExecutor(2) as pool:
        ahead = deque()
        for k in range(1, sh.shape[1]):
            ahead.append(pool.submit(np.ascontiguousarray, sh[:, k]))
            if len(ahead) > 2:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def display_radius(gaussians: Gaussians) -> np.ndarray:
    """Radius of the opaque dot that stands for a Gaussian while navigating.  [N]

    Its middle axis, less where it is faint, and no more than twice the usual, or the few large and faint ones
    would hide the rest.
    """
    x, y, z = gaussians.scales.T
    size = np.maximum(np.minimum(x, y), np.minimum(np.maximum(x, y), z))  # np.median sorts: ten times slower
    return np.minimum(size, 2 * np.median(size)) * np.sqrt(gaussians.opacities)


def read_gaussians(obj: bpy.types.Object) -> Gaussians:
    """The object's own points as they are now, edits included, in the object's own coordinates.

    ``row`` is set where the object came from a file, ``source`` is not: only the exporter reads the file.

    Raises
    ------
    RequestError
        If the object is not a splat object or has no points.
    """
    if not is_splat(obj):
        raise RequestError(
            f"{obj.name if obj else 'Nothing'} is not a splat object.", "Select an imported splat object."
        )
    cloud = obj.data
    if len(cloud.points) == 0:
        raise RequestError(f"{obj.name} has no points left.", "Undo the deletion or import the scene again.")
    base = attributes.read(cloud, BASE)
    bands = [base[:, :3]]
    bands += [attributes.read(cloud, f"radiance:sh_{k}") for k in range((degree(cloud) + 1) ** 2 - 1)]
    return Gaussians(
        means=attributes.read(cloud, "position"),
        quats=attributes.read(cloud, ROTATION),
        scales=attributes.read(cloud, SCALE),
        opacities=base[:, 3].copy(),
        sh=np.stack(bands, axis=1),
        group=attributes.read(cloud, GROUP),
        row=attributes.read(cloud, SOURCE_ROW),
    )


def new_object(
    name: str,
    gaussians: Gaussians,
    collection: bpy.types.Collection,
    parent: bpy.types.Object | None = None,
    origin: np.ndarray | None = None,
) -> bpy.types.Object:
    """A splat object in ``collection``, with point ids that no other object of the file has.

    Its origin is at ``origin`` [3] in the Gaussians' own coordinates, by default at theirs.

    Raises
    ------
    RequestError
        If there is no Gaussian to show.
    """
    if len(gaussians) == 0:
        raise RequestError(f"{name} has no Gaussians.", "Choose a file or a group that holds some.")
    first = _next_id(len(gaussians))
    if origin is not None:
        gaussians = gaussians.replace(means=gaussians.means - origin)
    obj = bpy.data.objects.new(name, new_cloud(name, gaussians, first + np.arange(len(gaussians))))
    obj.parent = parent
    if origin is not None:
        obj.location = origin
    obj.ft2os.id_end = first + len(gaussians)
    collection.objects.link(obj)
    return obj


def put_data(obj: bpy.types.Object, cloud: bpy.types.PointCloud) -> None:
    """Give an object another cloud, under the old one's name; the old one goes where nothing else uses it."""
    old, name = obj.data, obj.data.name
    obj.data = cloud
    if old.users == 0:
        bpy.data.pointclouds.remove(old)
    cloud.name = name


def middle(means: np.ndarray) -> np.ndarray:
    """Where most of some points are: the centre of the box of 90 % of them.  [N, 3] -> [3] float32"""
    low, high = spread(means)
    return ((low + high) / 2).astype(np.float32)


def spread(means: np.ndarray) -> np.ndarray:
    """Corners of the box that leaves out 5 % of the points on each side of each axis.  [2, 3]"""
    some = means[:: max(len(means) // 50_000, 1)]  # enough for a size
    return np.percentile(some, [5, 95], axis=0)


def _next_id(count: int) -> int:
    """First of ``count`` ids above all in use; ids start again where int32 ends."""
    first = max((obj.ft2os.id_end for obj in bpy.data.objects), default=0)
    return first if first + count < 2**31 else 0
