"""From the instances of a message to one set of Gaussians in world coordinates, and from its cameras."""

from __future__ import annotations

from typing import Any

import numpy as np

from ft2os import transforms
from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians, concatenate
from ft2os.worker.store import Store

MAX_SIDE = 16384
_MISSING = object()


class Composer:
    """Puts instances together; remembers the last scene, which a moving camera asks for again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name: Any = None
        self._scene: Gaussians | None = None
        self._counts: list[int] = []  # Gaussians of each instance

    def scene(self, instances: list[dict[str, Any]]) -> tuple[Gaussians | None, np.ndarray | None]:
        """All instances in world coordinates, and which of the Gaussians are holdouts.

        Returns
        -------
        gaussians : Gaussians or None
            None when there are no instances.
        held : ndarray, bool, [N], or None
            None when there are no holdouts.
        """
        parts = [self._resolve(item) for item in instances]
        name = [(key, look, strength, matrix.tobytes()) for key, look, strength, matrix in parts]
        if name != self._name:
            self._name = self._scene = None  # free the old scene before the new one is made
            drawn = [self._draw(*part) for part in parts]
            self._scene, self._counts = concatenate(drawn) if drawn else None, [len(part) for part in drawn]
            self._name = name
        held = [need(item, "holdout", bool, False) for item in instances]
        return self._scene, np.repeat(held, self._counts) if any(held) else None

    def one(self, item: dict[str, Any], frame: np.ndarray) -> Gaussians:
        """One instance in the coordinates whose origin in the world is ``frame`` [4, 4]."""
        key, look, strength, matrix = self._resolve(item)
        return self._draw(key, look, strength, np.linalg.solve(frame, matrix))

    def _resolve(self, item: Any) -> tuple[str, Any, float, np.ndarray]:
        if not isinstance(item, dict):
            raise RequestError("An instance is not an object.", "Send {data, look, strength, matrix}.")
        path = need(item, "look", str, None)
        look = self._store.look(path)[0] if path else None
        strength = float(need(item, "strength", int | float, 1.0))
        return need(item, "data", str), look, strength, numbers(item, "matrix", (4, 4), np.eye(4))

    def _draw(self, key: str, look: Any, strength: float, matrix: np.ndarray) -> Gaussians:
        gaussians = self._store.get(key)
        if look is not None and strength > 0:
            from ft2os import looks

            gaussians = looks.apply(gaussians, self._store.look(look[0])[1], strength)
        return transforms.apply(gaussians, matrix)


def need(params: dict[str, Any], name: str, kind: Any, default: Any = _MISSING) -> Any:
    """A parameter of the right type, or its default when it is absent or null.

    Raises
    ------
    RequestError
        Naming the parameter.
    """
    value = params.get(name)
    if value is None and default is not _MISSING:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        what = "is missing" if value is None else f"has the wrong type ({type(value).__name__})"
        raise RequestError(f"The parameter {name!r} {what}.", "See the table in ft2os.protocol.")
    return value


def numbers(
    params: dict[str, Any], name: str, shape: tuple[int, ...], default: np.ndarray | None = None
) -> np.ndarray:
    """A parameter as float64 array of ``shape`` (−1 in front: any number of them), flat or nested."""
    if params.get(name) is None and default is not None:
        return default
    try:
        array = np.asarray(need(params, name, list), np.float64).reshape(shape)
    except (ValueError, TypeError):
        raise RequestError(
            f"The parameter {name!r} is not an array of shape {list(shape)}.",
            "See the table in ft2os.protocol.",
        ) from None
    if not np.isfinite(array).all():
        raise RequestError(f"The parameter {name!r} is not finite.", "Send numbers.")
    return array


def cameras(params: dict[str, Any]) -> list[Camera]:
    """The cameras in ``viewmats``, ``Ks`` and ``size`` [width, height]."""
    viewmats = numbers(params, "viewmats", (-1, 4, 4)).astype(np.float32)
    Ks = numbers(params, "Ks", (-1, 3, 3)).astype(np.float32)
    width, height = numbers(params, "size", (2,)).astype(int)
    if len(viewmats) != len(Ks) or not len(Ks):
        raise RequestError(
            f"There are {len(viewmats)} viewmats and {len(Ks)} Ks.", "Send one of each for every picture."
        )
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise RequestError(
            f"A picture of {width}×{height} pixels cannot be rendered.",
            f"Choose a resolution between 1 and {MAX_SIDE}.",
        )
    return [Camera(V, K, int(width), int(height), f"{i:04d}") for i, (V, K) in enumerate(zip(viewmats, Ks))]
