"""The Gaussians and looks that the worker keeps warm, least recently used first out."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from ft2os import exchange
from ft2os.errors import FileError
from ft2os.gaussians import Gaussians
from ft2os.protocol import UnknownDataError

if TYPE_CHECKING:
    from ft2os.looks import Look

CAPACITY = 4 * 2**30  # bytes; FT2OS_CACHE_BYTES overrides


class Store:
    """Sets of Gaussians by key.

    What was dropped for space is read again from its file when it is needed; the client hears of it only
    when that file is gone too (`UnknownDataError`), and then puts the data again.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = int(os.environ.get("FT2OS_CACHE_BYTES", CAPACITY)) if capacity is None else capacity
        self._held: OrderedDict[str, Gaussians] = OrderedDict()
        self._paths: dict[str, Path] = {}
        self._looks: OrderedDict[tuple[str, int, int], Look] = OrderedDict()

    def put(self, key: str, path: str) -> Gaussians:
        """Read an exchange file and hold it under ``key``, which names its content."""
        if key in self._held and self._paths.get(key) == Path(path):
            return self.get(key)
        gaussians = exchange.read(path)
        self._paths[key] = Path(path)
        self.add(key, gaussians)
        return gaussians

    def add(self, key: str, gaussians: Gaussians) -> None:
        """Hold ``gaussians``, dropping the least recently used others where space runs out."""
        self._held[key] = gaussians
        self._held.move_to_end(key)
        total = sum(_size(held) for held in self._held.values())
        while total > self.capacity and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            total -= _size(dropped)

    def get(self, key: str) -> Gaussians:
        """The Gaussians under ``key``.

        Raises
        ------
        UnknownDataError
            If they were never put, or were dropped and their file is gone.
        """
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        try:
            gaussians = exchange.read(self._paths[key])
        except (KeyError, FileError):
            self._paths.pop(key, None)
            raise UnknownDataError(
                f"The backend does not hold the data {key}.", "Send it again with data.put."
            ) from None
        self.add(key, gaussians)
        return gaussians

    def look(self, path: str) -> tuple[tuple[str, int, int], Look]:
        """The look in a file, with a name of its content (path, size, time of change)."""
        from ft2os.looks import Look

        try:
            status = os.stat(path)
        except OSError as error:
            raise FileError(f"Cannot read the look {path}: {error.strerror}.", "Stylize again.") from error
        name = (path, status.st_size, status.st_mtime_ns)
        if name not in self._looks:
            self._looks[name] = Look.load(Path(path))
            if len(self._looks) > 32:
                self._looks.popitem(last=False)
        self._looks.move_to_end(name)
        return name, self._looks[name]


def _size(gaussians: Gaussians) -> int:
    arrays = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.sh)
    return sum(array.nbytes for array in arrays)
