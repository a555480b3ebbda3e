"""Splat objects -> one set of Gaussians for a file: looks applied, transforms baked, source rows in order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ft2os import gaussians as G
from ft2os import transforms
from ft2os.errors import FileError, RequestError

from . import axes, build, cameras, looks, objects

_LOST = "All values are written as computed; put the file back where it was to keep its bits."


@dataclass
class Collected:
    """What goes into a file, and what should be said about it.

    ``inherit`` [N] is the source row whose further properties a row takes over, −1 where it has its own.
    """

    gaussians: G.Gaussians
    inherit: np.ndarray
    labels: dict[int, str] = field(default_factory=dict)
    warning: FileError | None = None


def collect(objs: list[bpy.types.Object], *, with_looks: bool = True) -> Collected:
    """The splat objects among ``objs``, in the axes of the scene that the first object came from.

    Raises
    ------
    RequestError
        If there is no splat object, or a transform is more than a turn, a move and an even scale.
    """
    objs = objects.splats(objs)
    if not objs:
        raise RequestError("There is no splat object to export.", "Select one or more splat objects.")
    source, warning = _source(objs)
    root = build.root_of(objs[0])
    parts, inherit = zip(*(_part(obj, root, source, with_looks) for obj in objs))
    every = G.concatenate(parts)
    return Collected(every, np.concatenate(inherit), _labels(objs), warning)


def relative(obj: bpy.types.Object, root: bpy.types.Object | None) -> np.ndarray:
    """``obj``'s matrix seen from its scene's Empty, without what only rounding turns or moves.

    It is taken from what was set on ``obj`` and its parents, in float64: worlds are products in float32, in
    which moving the Empty would change the bits of everything under it.
    """
    matrix, at = np.eye(4), obj
    while at != root and at is not None and at.parent_type == "OBJECT" and not at.constraints:
        local = np.array(at.matrix_basis, np.float64)
        if at.parent is not None:
            local = np.array(at.matrix_parent_inverse, np.float64) @ local
        matrix, at = local @ matrix, at.parent
    if at != root or root is None:
        frame = build.turn("-Y") if root is None else root.matrix_world
        matrix = np.array(frame.inverted() @ obj.matrix_world, np.float64)
    return axes.snapped(matrix)


def _part(
    obj: bpy.types.Object, root: bpy.types.Object | None, source: G.Gaussians | None, with_looks: bool
) -> tuple[G.Gaussians, np.ndarray]:
    """One object's Gaussians in the axes of ``root``, and the source row that each inherits from."""
    matrix = relative(obj, root)
    points = objects.read_gaussians(obj)
    points = points.replace(row=None) if source is None else _belonging(points, source, matrix)
    item = looks.active_look(obj)
    part, inherit = points, np.full(len(points), -1, np.int32)
    if with_looks and item is not None and item.strength > 0:
        from ft2os.looks import apply

        look = looks.read_look(item)
        part = apply(points, look, item.strength)
        inherit = np.full(len(part), -1, np.int32)
        if points.row is not None:
            inherit[len(part) - len(look.parent) :] = points.row[look.parent]
    part = transforms.apply(part, matrix)
    return part if source is None else _settled(part, source, matrix), inherit


def _belonging(part: G.Gaussians, source: G.Gaussians, matrix: np.ndarray) -> G.Gaussians:
    """``part`` without the rows that are not its source's (joining objects from two files mixes them)."""
    row = np.full(len(part), -1, np.int32) if part.row is None else part.row
    mine = _of_source(row, source)
    same = _near(transforms.apply(part, matrix).means, source.means[mine], matrix)
    same |= (source.sh[mine, 0] == part.sh[:, 0]).all(axis=1)
    return part.replace(row=np.where((mine >= 0) & same, row, -1).astype(np.int32), source=source.source)


def _settled(part: G.Gaussians, source: G.Gaussians, matrix: np.ndarray) -> G.Gaussians:
    """``part``, in the source's frame, with the source's own positions where only rounding parts them.

    An object's points count from its origin, so a position has been rounded on the way, and only the file's
    own bits keep a row untouched.
    """
    mine = _of_source(part.row, source)
    same = (mine >= 0) & _near(part.means, source.means[mine], matrix)
    return part.replace(means=np.where(same[:, None], source.means[mine], part.means))


def _of_source(row: np.ndarray, source: G.Gaussians) -> np.ndarray:
    """Where in ``source`` the file's ``row`` [N] is, −1 where it was left out on reading.  [N]"""
    if source.row is None:
        at = np.arange(len(source))
    else:
        at = np.full(int(source.row.max()) + 1, -1)
        at[source.row] = np.arange(len(source))
    known = (row >= 0) & (row < len(at))
    return np.where(known, at[np.where(known, row, 0)], -1)


def _near(means: np.ndarray, source: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Whether moving a point to ``means`` [N, 3] and back may have rounded it away from ``source``.  [N]"""
    size = np.abs(source) + np.abs(matrix[:3, 3]).astype(np.float32)
    return (np.abs(means - source) <= 4 * np.finfo(np.float32).eps * size).all(axis=1)


def _source(objs: list[bpy.types.Object]) -> tuple[G.Gaussians | None, FileError | None]:
    """The file that all objects came from, read again; otherwise None and what that costs."""
    from ft2os import formats

    hashes = {obj.ft2os.source_sha256 for obj in objs} - {""}
    if not hashes:
        return None, None
    if len(hashes) > 1:
        return None, FileError("The objects come from different files; extra properties are left out.", _LOST)
    first = next(obj for obj in objs if obj.ft2os.source_sha256)
    path = find_source(first)
    if path is None:
        lost = bpy.path.abspath(first.ft2os.source_path)
        return None, FileError(f"The source file {lost} is gone; its extra properties are left out.", _LOST)
    try:
        loaded = formats.load_scene(path, drop_invalid=True, size_of=cameras.size_of).gaussians
    except FileError as error:
        return None, FileError(f"The source file cannot be read: {error.message}", _LOST)
    if loaded.source is None or loaded.source.sha256 not in hashes:
        return None, FileError(f"The source file {path} has changed since the import.", _LOST)
    return loaded, None


def find_source(obj: bpy.types.Object) -> Path | None:
    """The file that an object came from: where it was, or beside the .blend that moved with it."""
    noted = Path(bpy.path.abspath(obj.ft2os.source_path))
    beside = Path(bpy.path.abspath("//")) / noted.name if bpy.data.filepath else noted
    return next((path for path in (noted, beside) if path.is_file()), None)


def _labels(objs: list[bpy.types.Object]) -> dict[int, str]:
    """Group names: those of the file, and where an object was renamed its new name."""
    labels: dict[int, str] = {}
    for obj in objs:
        labels |= build.group_names(build.root_of(obj))
    for obj in objs:
        props, name = obj.ft2os, re.sub(r"\.\d{3,}$", "", obj.name)
        if props.group_id >= 0 and name != props.label:
            labels[props.group_id] = name
        elif props.group_id >= 0:
            labels.setdefault(props.group_id, props.label)
    return labels
