"""Looks <-> point-cloud data-blocks that hang on their object.

A look holds only the Gaussians that a stylization made, each with the id of the point it stands for, so a
look costs what it changed. The ids become rows when it is read. Points deleted since then take their part of
the look with them; where all of them are gone, reading fails instead of drawing something else. Points moved
since then, as by Set Origin, move their part of the look.
"""

from __future__ import annotations

import json

import bpy
import numpy as np

from ft2os.errors import RequestError

from . import attributes

PARENT, PARENT_POSITION = "parent", "parent_position"
# A look's columns -> attributes. Colour and opacity are one, ``radiance:base``; bands are one each.
_ATTRIBUTES = {
    "means": "position",
    "quats": "rotation",
    "scales": "scale",
    "dc0": "neutral:base",
    "target_means": "target:means",
    "target_quats": "target:quats",
    "target_scales": "target:scales",
    "target_opacities": "target:opacities",
}
_NEEDED = (PARENT, "position", "rotation", "scale", "radiance:base")


def add_look(
    obj: bpy.types.Object, look, ids: np.ndarray | None = None, positions: np.ndarray | None = None
) -> bpy.types.PropertyGroup:
    """Hang a look on its object and make it the active one.

    Parameters
    ----------
    obj : Object
        The splat object that the look was made for.
    look : ft2os.looks.Look
        ``parent`` are rows of the points that the object had when they were sent to be stylized.
    ids : ndarray, int32, [N], optional
    positions : ndarray, [N, 3], optional
        The ids and places of those points; by default the object's present ones.
    """
    ids = point_ids(obj.data) if ids is None else ids
    positions = attributes.read(obj.data, "position") if positions is None else positions
    if look.parent.size and not 0 <= look.parent.min() <= look.parent.max() < len(ids):
        raise RequestError(
            f"The look does not fit {obj.name}: it names points that the object does not have.",
            "Stylize the object again.",
        )
    columns = look.columns()
    cloud = attributes.new_cloud(f"{obj.name} – {look.prompt or look.name}", columns.pop("means"))
    rows = columns.pop("parent")
    attributes.write(cloud, PARENT, ids[rows])
    attributes.write(cloud, PARENT_POSITION, positions[rows])
    write_columns(cloud, columns)
    item = obj.ft2os.looks.add()
    item.name = look.prompt or look.name
    item.title = look.name
    item.pointcloud = cloud
    item.prompt, item.method, item.seed = look.prompt, look.method, int(look.seed)
    item.stats = json.dumps(look.stats, default=str)
    obj.ft2os.active_look = len(obj.ft2os.looks) - 1
    return item


def read_look(item: bpy.types.PropertyGroup):
    """The look of a list item, its parents as rows of the object's present points.

    Raises
    ------
    RequestError
        If the look's data is gone, or none of the points it was made for is left.
    """
    from ft2os.looks import Look

    obj, cloud = item.id_data, item.pointcloud
    if not is_whole(item):
        raise RequestError(
            f"The data of the look '{item.name}' of {obj.name} is gone or damaged.",
            "Remove the look and stylize again.",
        )
    rows = parent_rows(item)
    kept = rows >= 0
    if not kept.any():
        raise RequestError(
            f"None of the points that the look '{item.name}' was made for is left in {obj.name}.",
            "Undo the deletion, or remove the look and stylize again.",
        )
    columns = {name: values[kept] for name, values in read_columns(cloud).items()}
    moved = _moved(item, rows)[kept]
    for name in {"means", "target_means"} & columns.keys():
        columns[name] = columns[name] + moved
    return Look.of(
        {"parent": rows[kept], **columns},
        name=item.title,
        prompt=item.prompt,
        method=item.method,
        seed=item.seed,
        stats=stats(item),
    )


def write_columns(cloud: bpy.types.PointCloud, columns: dict[str, np.ndarray]) -> None:
    """Store a look's columns (see ``ft2os.looks.Look.columns``) except the parents; those not given stay."""
    columns = dict(columns)
    if "dc" in columns:  # they share an attribute, and come together
        base = np.concatenate([columns.pop("dc"), columns.pop("opacities")[:, None]], axis=1)
        attributes.write(cloud, "radiance:base", base)
    for k, band in enumerate(np.moveaxis(columns.pop("sh", np.empty((0, 0, 3))), 1, 0)):
        attributes.write(cloud, f"radiance:sh_{k}", band)
    for name, values in columns.items():
        attributes.write(cloud, _ATTRIBUTES[name], values)


def read_columns(cloud: bpy.types.PointCloud) -> dict[str, np.ndarray]:
    """What `write_columns` stored; the cloud is `is_whole`."""
    base = attributes.read(cloud, "radiance:base")
    columns = {"dc": base[:, :3].copy(), "opacities": base[:, 3].copy()}
    bands = [attributes.read(cloud, f"radiance:sh_{k}") for k in range(attributes.bands(cloud))]
    if bands:
        columns["sh"] = np.stack(bands, axis=1)
    for name, attribute in _ATTRIBUTES.items():
        if (values := attributes.read(cloud, attribute)) is not None:
            columns[name] = values
    return columns


def is_whole(item: bpy.types.PropertyGroup) -> bool:
    """Whether a look's cloud has all that a look needs: a .blend may hold anything."""
    cloud = item.pointcloud
    return cloud is not None and all(attributes.has(cloud, name) for name in _NEEDED)


def stats(item: bpy.types.PropertyGroup) -> dict:
    """What the stylization measured; empty where the note cannot be read."""
    try:
        noted = json.loads(item.stats or "{}")
    except (ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


def active_look(obj: bpy.types.Object) -> bpy.types.PropertyGroup | None:
    """The look that an object wears, or None where it wears its own colours."""
    index = obj.ft2os.active_look
    return obj.ft2os.looks[index] if 0 <= index < len(obj.ft2os.looks) else None


def parent_rows(item: bpy.types.PropertyGroup) -> np.ndarray:
    """Row of the point that each Gaussian of a look stands for, −1 where deleted.  [M] int32"""
    return rows_of(attributes.read(item.pointcloud, PARENT), point_ids(item.id_data.data))


def _moved(item: bpy.types.PropertyGroup, rows: np.ndarray) -> np.ndarray:
    """How far the point at each of ``rows`` [M] has moved since the look was made.  [M, 3]"""
    then = attributes.read(item.pointcloud, PARENT_POSITION)
    if then is None:  # looks of version 0.1.0 do not hold it
        return np.zeros((len(rows), 3), np.float32)
    return attributes.read(item.id_data.data, "position")[rows] - then


def point_ids(cloud: bpy.types.PointCloud) -> np.ndarray:
    """The points' ids; clouds that never had any count from 0.  [N] int32"""
    ids = attributes.read(cloud, "point_id")
    return np.arange(len(cloud.points), dtype=np.int32) if ids is None else ids


def rows_of(wanted: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Row of each wanted id, −1 where it is gone; of equal ids the first counts.  [M], [N] -> [M] int32"""
    if not ids.size:
        return np.full(len(wanted), -1, np.int32)
    unique, first = np.unique(ids, return_index=True)
    at = np.minimum(np.searchsorted(unique, wanted), len(unique) - 1)
    return np.where(unique[at] == wanted, first[at], -1).astype(np.int32)
