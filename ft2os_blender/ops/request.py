"""The parameters of a stylization: an object, the panel's words and settings, the capture's cameras."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path

import bpy
import numpy as np

from ft2os import prompts, transforms
from ft2os.errors import MissingError, RequestError
from ft2os.stylize.controls import Entry, Menu
from ft2os.stylize.methods import METHODS

from .. import controls, preferences
from ..jobs import checkpoints
from ..jobs.manager import manager
from ..scene import axes, build, cameras, collect, looks, objects

MAX_CAMERAS = 64
_INSTALL = 'Install "Engine" in the Preferences.'

_number = itertools.count(1)


def new(context: bpy.types.Context, obj: bpy.types.Object) -> dict:
    """The parameters of the protocol's ``stylize`` for an object, as the panel is set.

    Raises
    ------
    Ft2osError
        If they make no sense, or the backend cannot be given the data.
    """
    settings = context.scene.ft2os
    params = {
        "prompt": prompts.checked(settings.prompt),  # a .blend may hold more than may be typed
        "object_name": obj.ft2os.label or obj.name,
        "method": settings.method,
        "preset": settings.preset,
        "seed": settings.seed,
        "overrides": controls.overrides(
            settings.advanced, settings.method, settings.preset, preferences.get()
        ),
        "live": settings.live,
    }
    method = METHODS[settings.method]
    if method.takes.picture != "no" and settings.style_image:
        params["style_image"] = _picture(settings.style_image)
    # What the backend would refuse is said before anything is written for it.
    method.check_inputs(params["prompt"], "style_image" in params)
    if method.resumes:
        params["checkpoint"] = str(checkpoints.path(checkpoints.new()))
    return params | _things(context, obj) | {"cameras": _cameras(obj) if method.takes.cameras else None}


def again(context: bpy.types.Context, obj: bpy.types.Object, checkpoint: str) -> dict:
    """The parameters of a run that broke off, to go on with.

    Raises
    ------
    Ft2osError
        If its request is gone, or the backend cannot be given the data.
    """
    kept = checkpoints.request(checkpoint) | {"checkpoint": str(checkpoints.path(checkpoint))}
    return kept | _things(context, obj) | {"resume": True, "live": context.scene.ft2os.live}


def kept_part(params: dict) -> dict:
    """The part of a request to keep for `again`: all but this session's files and the checkpoint's path."""
    dropped = ("target", "context", "out", "checkpoint")
    return {name: value for name, value in params.items() if name not in dropped}


def views(context: bpy.types.Context, obj: bpy.types.Object, out: Path, count: int, pixels: int) -> dict:
    """The parameters of the protocol's ``views``: pictures of an object in the look that it wears.

    Raises
    ------
    Ft2osError
        If the backend cannot be given the data.
    """
    context.view_layer.update()
    item, source = looks.active_look(obj), collect.find_source(obj)
    return {
        "out": str(out),
        "target": _instance(obj),
        "views": count,
        "pixels": pixels,
        "scene": source.name if source else "",
        "group": obj.ft2os.label or obj.name,
        "look": item.name if item is not None and item.strength > 0 else "",
    }


def lacking(settings: bpy.types.PropertyGroup) -> MissingError | None:
    """What the backend that runs lacks for what is chosen in the panel; None while it is not known."""
    lacks = _method_lacks(settings)
    for menu, entry in controls.chosen(settings.advanced, settings.method, settings.preset):
        if lacks is None and (told := told_of(menu, entry)) and told["lacks"]:
            lacks = MissingError(told["lacks"]["message"], told["lacks"]["hint"])
    return lacks


def told_of(menu: Menu, entry: Entry) -> dict | None:
    """What the backend that runs tells of a menu's entry; None while it is not known."""
    client = manager.running()
    rows = client.server.get(menu.facts, ()) if client is not None else ()
    return next((row for row in rows if row["name"] == entry.name), None)


def _method_lacks(settings: bpy.types.PropertyGroup) -> MissingError | None:
    client = manager.running()
    if client is None:
        return None
    offered = client.server.get("methods")
    if offered is None:  # a backend of 0.1 names the methods that can run, and nothing of their presets
        known = settings.method in client.server.get("guidance", METHODS)
        return None if known else MissingError("This backend lacks the method.", _INSTALL)
    if settings.method not in offered:
        return MissingError("This backend does not know the method.", _INSTALL)
    lacks = offered[settings.method].get(settings.preset)
    return None if lacks is None else MissingError(lacks["message"], lacks["hint"])


def _picture(named: str) -> str:
    path = Path(bpy.path.abspath(named))
    if not path.is_file():
        raise RequestError(f"The style picture {path.name} is not there.", "Choose a picture that exists.")
    return str(path.resolve())


def _things(context: bpy.types.Context, obj: bpy.types.Object) -> dict:
    """The object, what is around it, and where the result goes."""
    context.view_layer.update()  # world matrices of what was moved a moment ago
    shown = [other for other in objects.splats(context.visible_objects) if other != obj]
    around = []
    for other in shown:
        with suppress(RequestError):  # an object that cannot be drawn hides nothing
            around.append(_instance(other))
    return {
        "target": {**_instance(obj), "look": None},
        "context": around,
        "out": str(manager.folder() / f"stylize-{next(_number)}.npy"),
    }


def _instance(obj: bpy.types.Object) -> dict:
    """An object as the protocol's instance, with the look that it wears.

    Raises
    ------
    RequestError
        That names it, if it has no points, or stands in a way that cannot be drawn.
    """
    matrix = _to_rdf(obj)
    try:
        transforms.decompose(matrix)
    except RequestError as error:
        raise RequestError(f"{obj.name}: {error.message}", error.hint) from error
    item = looks.active_look(obj)
    worn = item is not None and item.strength > 0
    return {
        "data": manager.put(objects.read_gaussians(obj)),
        "look": manager.put_look(looks.read_look(item)) if worn else None,
        "strength": item.strength if worn else 1.0,
        "matrix": matrix.reshape(-1).tolist(),
    }


def _cameras(obj: bpy.types.Object) -> list[dict] | None:
    """The capture's cameras, evenly thinned, grouped by size; None where the scene came without."""
    root = build.root_of(obj)
    captured = [child for child in root.children if cameras.intrinsics(child)] if root is not None else []
    if not captured:
        return None
    groups: dict[tuple[int, int], dict] = {}
    for i in np.unique(np.linspace(0, len(captured) - 1, MAX_CAMERAS).astype(int)):
        K, width, height = cameras.intrinsics(captured[i])
        pose = _to_rdf(captured[i]) @ axes.CAMERA_FLIP
        pose[:3, :3] /= np.cbrt(np.linalg.det(pose[:3, :3]))  # a scaled scene does not scale its cameras
        same = groups.setdefault((width, height), {"viewmats": [], "Ks": [], "size": [width, height]})
        same["viewmats"].append(np.linalg.inv(pose).reshape(-1).tolist())
        same["Ks"].append(K.reshape(-1).tolist())
    return list(groups.values())


def _to_rdf(obj: bpy.types.Object) -> np.ndarray:
    return axes.to_rdf(np.array(obj.matrix_world))
