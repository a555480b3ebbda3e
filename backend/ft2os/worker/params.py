"""What the parameters of each method look like: one table, against which every message is checked at once.

A check takes a value from JSON and gives what the methods work with, or refuses it with the parameter's name.
So the methods themselves meet nothing of a wrong type, shape or size.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ft2os import transforms
from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError

Check = Callable[[Any, str], Any]

MAX_SIDE = 16384
MAX_INSTANCES = 10_000
MAX_CAMERAS = 10_000
_MAX_WORD = 256
_MAX_TEXT = 1 << 20  # what makes sense of it is up to the methods; this only keeps it from being anything
_MAX_PATH = 1 << 15


def check(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a method as it works with them; others are left out.

    The cameras of a message are one parameter here, ``views``: a list of `Camera`.

    Raises
    ------
    RequestError
        That names the first one that is missing or wrong.
    """
    checked = _fields(**METHODS[method])(params, "")
    if method == "render":
        checked["views"] = _cameras(params, "")
    return checked


def _wrong(name: str, what: str) -> RequestError:
    return RequestError(f"The parameter {name!r} {what}.", "See the table in ft2os.protocol.")


def _of(kind: type | tuple[type, ...], value: Any, name: str) -> Any:
    """The value, if JSON had one of that type; ``true`` is no number."""
    if value is None:
        raise _wrong(name, "is missing")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(name, f"has the wrong type ({type(value).__name__})")
    return value


def _flag(value: Any, name: str) -> bool:
    return _of(bool, value, name)


def _text(most: int) -> Check:
    def of_length(value: Any, name: str) -> str:
        if len(_of(str, value, name)) > most:
            raise _wrong(name, f"has {len(value):,} characters; {most:,} is the most")
        return value

    return of_length


def _path(value: Any, name: str) -> str:
    _text(_MAX_PATH)(value, name)
    if not value or "\0" in value:
        raise _wrong(name, "is empty" if not value else "holds a NUL, which no file has in its name")
    return value


def _folder(value: Any, name: str) -> str:
    if not os.path.isabs(_path(value, name)):
        raise _wrong(name, "is no path from the root")
    return value


def _whole(value: Any, name: str) -> int:
    if not -(2**63) <= _of(int, value, name) < 2**63:
        raise _wrong(name, "is too large")
    return value


def _between(low: int, high: int) -> Check:
    def whole(value: Any, name: str) -> int:
        if not low <= _of(int, value, name) <= high:
            raise _wrong(name, f"is not from {low} to {high}")
        return value

    return whole


def _number(value: Any, name: str) -> float:
    return float(_numbers()(_of((int, float), value, name), name))


def _numbers(*shape: int) -> Check:
    """Finite numbers as a float64 array; −1 in front: any number of them; flat or nested."""

    def of_shape(value: Any, name: str) -> np.ndarray:
        if shape:
            _of(list, value, name)
        try:
            array = np.asarray(value, np.float64).reshape(shape)
        except (ValueError, TypeError, OverflowError):
            raise _wrong(name, f"is not an array of shape {list(shape)}") from None
        if not (np.abs(array) <= np.finfo(np.float32).max).all():
            raise _wrong(name, "is not finite")
        return array

    return of_shape


def _optional(check: Check, default: Any = None) -> Check:
    """Absent, null and an empty text all mean the default."""
    return lambda value, name: default if value is None or value == "" else check(value, name)


def _list(check: Check, most: int) -> Check:
    def of_items(value: Any, name: str) -> list[Any]:
        if len(_of(list, value, name)) > most:
            raise _wrong(name, f"has {len(value):,} entries; {most:,} is the most")
        return [check(item, f"{name}[{i}]") for i, item in enumerate(value)]

    return of_items


def _fields(**checks: Check) -> Check:
    def of_fields(value: Any, name: str) -> dict[str, Any]:
        _of(dict, value, name)
        inside = f"{name}." if name else ""
        return {key: check(value.get(key), inside + key) for key, check in checks.items()}

    return of_fields


def _placement(value: Any, name: str) -> np.ndarray:
    """A rotation, a uniform scale and a translation."""
    matrix = _numbers(4, 4)(value, name)
    _check_affine(matrix, name)
    transforms.decompose(matrix)
    return matrix


def _check_affine(matrix: np.ndarray, name: str) -> None:
    if np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-3:
        raise _wrong(name, "has another last row than 0 0 0 1")


def _check_pose(viewmat: np.ndarray, name: str) -> None:
    _check_affine(viewmat, name)
    if not np.linalg.cond(viewmat[:3, :3]) < 1e6:
        raise _wrong(name, "cannot be inverted: a camera's axes lie in one plane or have no length")


_CAMERA = {
    "viewmats": _numbers(-1, 4, 4),
    "Ks": _numbers(-1, 3, 3),
    "size": _numbers(2),
}


def _cameras(value: Any, name: str) -> list[Camera]:
    """The cameras in ``viewmats``, ``Ks`` and ``size`` [width, height]."""
    given = _fields(**_CAMERA)(value, name)
    viewmats, Ks, (width, height) = given["viewmats"], given["Ks"], given["size"]
    inside = f"{name}." if name else ""
    if len(viewmats) != len(Ks) or not 0 < len(Ks) <= MAX_CAMERAS:
        raise RequestError(
            f"There are {len(viewmats)} viewmats and {len(Ks)} Ks.",
            f"Send one of each for every picture, at most {MAX_CAMERAS:,}.",
        )
    if not all(1 <= side <= MAX_SIDE and side == int(side) for side in (width, height)):
        raise RequestError(
            f"A picture of {width:g}×{height:g} pixels cannot be rendered.",
            f"Choose whole numbers from 1 to {MAX_SIDE}.",
        )
    for viewmat, K in zip(viewmats, Ks):
        _check_pose(viewmat, f"{inside}viewmats")
        if not min(K[0, 0], K[1, 1]) > 1e-6:
            raise _wrong(f"{inside}Ks", "has a focal length that is not greater than zero")
    shots = zip(viewmats.astype(np.float32), Ks.astype(np.float32))
    return [Camera(V, K, int(width), int(height), f"{i:04d}") for i, (V, K) in enumerate(shots)]


_instance = _fields(
    data=_text(_MAX_WORD),
    look=_optional(_path),
    strength=_optional(_number, 1.0),
    matrix=_optional(_placement, np.eye(4)),
    holdout=_optional(_flag, False),
)
_instances = _list(_instance, MAX_INSTANCES)

METHODS: dict[str, dict[str, Check]] = {
    "initialize": {"protocol": _text(_MAX_WORD)},
    "data.put": {"key": _text(_MAX_WORD), "path": _path},
    "scene.convert": {"path": _path, "drop_invalid": _optional(_flag, False), "out": _path},
    "render": {
        "out": _path,
        "revision": _optional(_whole, 0),
        "instances": _instances,
        "background": _optional(_numbers(3)),
        "antialiased": _optional(_flag, False),
    },
    "stylize": {
        "out": _path,
        "target": _instance,
        "context": _optional(_instances, []),
        "prompt": _optional(_text(_MAX_TEXT), ""),
        "style_image": _optional(_path),
        "object_name": _optional(_text(_MAX_TEXT)),
        "method": _optional(_text(_MAX_WORD), "material"),
        "preset": _optional(_text(_MAX_WORD), "standard"),
        "seed": _optional(_whole, 0),
        "overrides": _optional(lambda value, name: _of(dict, value, name), {}),
        "cameras": _optional(_list(_cameras, MAX_CAMERAS)),
        "checkpoint": _optional(_path),
        "resume": _optional(_flag, False),
        "live": _optional(_flag, False),
    },
    "views": {
        "out": _folder,
        "target": _instance,
        "views": _between(3, 1000),
        "pixels": _between(64, 2048),
        "scene": _optional(_text(_MAX_TEXT), ""),
        "group": _optional(_text(_MAX_TEXT), ""),
        "look": _optional(_text(_MAX_TEXT), ""),
    },
    "editors.fetch": {"name": _text(_MAX_WORD), "accept_licence": _optional(_flag, False)},
    "editors.remove": {"name": _text(_MAX_WORD)},
    "select": {},
    "shutdown": {},
}
