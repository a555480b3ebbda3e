"""From the instances of a message to one set of Gaussians in world coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ft2os import transforms
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians, concatenate
from ft2os.process import available_memory
from ft2os.worker.store import Store, nbytes

_SCENE = "scene"  # its name in the store's cache
_SMALL = 256 << 20  # bytes that are taken without asking

Look = Callable[[], None]


class Composer:
    """Puts instances together; the last scene, which a moving camera asks for again, stays in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def scene(
        self, instances: list[dict[str, Any]], look: Look = lambda: None
    ) -> tuple[Gaussians | None, np.ndarray | None]:
        """All instances in world coordinates, and which of the Gaussians are holdouts.

        Parameters
        ----------
        instances : list of dict
            As ``params`` has checked them.
        look : callable, optional
            Called between them; may raise to stop.

        Returns
        -------
        gaussians : Gaussians or None
            None when there are no instances.
        held : ndarray, bool, [N], or None
            None when there are no holdouts.
        """
        if not instances:
            return None, None
        name = [self._name(item) for item in instances]
        cache = self._store.cache
        known, *made = cache.get(_SCENE) or (None,)
        if name != known:
            cache.drop(_SCENE)  # the old scene goes before the new one is made
            self.check_room(instances, look)
            made = self._made(instances, look)
            cache.add(_SCENE, (name, *made))
        scene, counts = made
        held = [item["holdout"] for item in instances]
        return scene, np.repeat(held, counts) if any(held) else None

    def one(self, item: dict[str, Any], frame: np.ndarray) -> Gaussians:
        """One instance in the coordinates whose origin in the world is ``frame`` [4, 4]."""
        return self._draw({**item, "matrix": np.linalg.solve(frame, item["matrix"])})

    def _name(self, item: dict[str, Any]) -> tuple:
        """All that decides how an instance looks, as a value that compares equal where nothing changed."""
        look = self._store.look(item["look"])[0] if item["look"] else None
        return self._store.source(item["data"]), look, item["strength"], item["matrix"].tobytes()

    def check_room(self, instances: list[dict[str, Any]], look: Look = lambda: None) -> None:
        """Refuse what would not fit when put together: many instances may show the same few Gaussians.

        Raises
        ------
        RequestError
        """
        needed = 0
        for item in instances:
            needed += nbytes(self._store.get(item["data"]))
            needed += nbytes(self._store.look(item["look"])[1]) if item["look"] else 0
            look()
        needed *= 2  # the parts and, put together, the whole
        if needed > _SMALL and needed > available_memory():
            raise RequestError(
                f"Together these {len(instances):,} objects need {needed / 1e9:.1f} GB of memory.",
                "Hide some of them, or take them one after another.",
            )

    def _made(self, instances: list[dict[str, Any]], look: Look) -> tuple[Gaussians, list[int]]:
        drawn = []
        for item in instances:
            drawn.append(self._draw(item))
            look()
        return drawn[0] if len(drawn) == 1 else concatenate(drawn), [len(part) for part in drawn]

    def _draw(self, item: dict[str, Any]) -> Gaussians:
        gaussians = self._store.get(item["data"])
        if item["look"] and item["strength"] > 0:
            from ft2os import looks

            gaussians = looks.apply(gaussians, self._store.look(item["look"])[1], item["strength"])
        return transforms.apply(gaussians, item["matrix"])
