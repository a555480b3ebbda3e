"""What the worker keeps warm: Gaussians, looks and the scene put together last, within so many bytes."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ft2os import gaussians_npy
from ft2os.errors import FileError
from ft2os.files import read_error
from ft2os.gaussians import Gaussians
from ft2os.looks import Look
from ft2os.protocol import UnknownDataError

log = logging.getLogger(__name__)

CAPACITY = 4 * 2**30  # bytes; FT2OS_CACHE_BYTES overrides
CAPACITY_ENV = "FT2OS_CACHE_BYTES"
_MOST_PATHS = 100_000


class Cache:
    """Things made of arrays, by name; the least recently used go first where bytes run out.

    Parameters
    ----------
    capacity : int
        Bytes. The newest thing stays, however large it is.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.size = capacity, 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, name: Hashable) -> Any:
        """What is held under a name, or None."""
        if name not in self._held:
            return None
        self._held.move_to_end(name)
        return self._held[name][0]

    def add(self, name: Hashable, value: Any) -> None:
        """Hold ``value``."""
        self.drop(name)
        self._held[name] = value, nbytes(value)
        self.size += self._held[name][1]
        while self.size > self.capacity and len(self._held) > 1:
            self.drop(next(iter(self._held)))

    def drop(self, name: Hashable) -> None:
        """Forget a name, if it is held."""
        _, size = self._held.pop(name, (None, 0))
        self.size -= size


class Store:
    """Gaussians by key and looks by file.

    What was dropped for space is read again from its file when it is needed; the client hears of it only
    when that file is gone too (`UnknownDataError`), and then puts the data again.

    Attributes
    ----------
    cache : Cache
        All that is kept, the composed scene included.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.cache = Cache(_capacity_of_environment() if capacity is None else capacity)
        self._paths: OrderedDict[str, str] = OrderedDict()

    def put(self, key: str, path: str) -> Gaussians:
        """Read a ``gaussians_npy`` file and hold it under ``key``, which names its content."""
        held = self.cache.get(("data", key))
        if held is not None and self._paths.get(key) == path:
            return held
        gaussians = gaussians_npy.read(path)
        self._paths[key] = path
        if len(self._paths) > _MOST_PATHS:
            self._paths.popitem(last=False)
        self.add(key, gaussians)
        return gaussians

    def add(self, key: str, gaussians: Gaussians) -> None:
        """Hold ``gaussians`` under ``key``."""
        self.cache.add(("data", key), gaussians)

    def get(self, key: str) -> Gaussians:
        """The Gaussians under ``key``.

        Raises
        ------
        UnknownDataError
            If they were never put, or were dropped and their file is gone.
        """
        held = self.cache.get(("data", key))
        if held is not None:
            return held
        try:
            gaussians = gaussians_npy.read(self._paths[key])
        except (KeyError, FileError):
            self._paths.pop(key, None)
            raise UnknownDataError(
                f"The backend does not hold the data {key}.", "Send it again with data.put."
            ) from None
        self.add(key, gaussians)
        return gaussians

    def source(self, key: str) -> tuple[str, str | None]:
        """A name for the present content of ``key``; it changes with the file that is put under the key."""
        return key, self._paths.get(key)

    def look(self, path: str) -> tuple[tuple[str, int, int], Look]:
        """The look in a file, with a name of its content (path, size, time of change)."""
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:
            raise read_error(Path(path), error) from error
        name = (path, status.st_size, status.st_mtime_ns)
        look = self.cache.get(("look", name))
        if look is None:
            look = Look.load(Path(path))
            self.cache.add(("look", name), look)
        return name, look


def nbytes(value: Any) -> int:
    """Bytes of all arrays in Gaussians, a look, or a tuple or dictionary of such."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, tuple | list):
        return sum(map(nbytes, value))
    if isinstance(value, dict):
        return sum(map(nbytes, value.values()))
    if isinstance(value, Gaussians | Look):
        return sum(nbytes(getattr(value, field.name)) for field in fields(value))
    return 0


def _capacity_of_environment() -> int:
    capacity = os.environ.get(CAPACITY_ENV, "").strip()
    if capacity and not capacity.isdecimal():
        log.warning("%s is %r, which is no number of bytes: %d are kept", CAPACITY_ENV, capacity, CAPACITY)
        return CAPACITY
    return int(capacity) if capacity else CAPACITY
