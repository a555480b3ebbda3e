"""Scene files in and out: numpy handles some formats here, the backend converts the others.

The backend may take long, so its work is a `Conversion`, which the caller drives to its end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ft2os.errors import BackendError, FileError, Ft2osError, MissingError
from ft2os.formats import Scene, load_scene, registry, save_ply, save_scene
from ft2os.formats.format import Format
from ft2os.formats.load import find_file, with_sidecars
from ft2os.gaussians import Gaussians

from ..jobs.client import Callback, Pending
from ..jobs.manager import manager
from .cameras import size_of

_number = itertools.count(1).__next__


@dataclass(frozen=True)
class Conversion:
    """A file that the backend converts, from or to one of the session's.

    Parameters
    ----------
    file_format : Format
        Of the artist's file; only the backend handles it.
    path : Path
        The artist's file.
    params : dict
        Of the protocol's ``scene.convert``.
    between : Path
        The session's file.
    finish : callable
        Gives the result once the backend is done.
    """

    file_format: Format
    path: Path
    params: dict[str, Any]
    between: Path
    finish: Callable[[], Any]

    def submit(self, on_progress: Callback | None = None) -> Pending:
        """Ask the backend.

        Raises
        ------
        BackendError
            If there is none.
        """
        try:
            return manager.submit("scene.convert", self.params, on_progress)
        except BackendError as error:
            raise self.explained(error) from error

    def explained(self, error: Ft2osError) -> Ft2osError:
        """An error of the backend with the reason why the file needs it; others unchanged."""
        if not isinstance(error, BackendError):
            return error
        return BackendError(f"{self.file_format.title} files need the backend. {error.message}", error.hint)

    def clean(self) -> None:
        """Remove the session's file; where it is still mapped (Windows) it goes with the session."""
        with suppress(OSError):
            self.between.unlink(missing_ok=True)


def load(path: Path, *, drop_invalid: bool = False, progress: Callable | None = None) -> Scene | Conversion:
    """Read a scene, see ``ft2os.formats.load_scene``; a `Conversion` where only the backend can.

    Raises
    ------
    FileError, InvalidValuesError
        If the file cannot be read.
    """
    if not str(path):
        return load_scene("")  # which says what to do
    file = find_file(Path(path))
    file_format = registry.for_reading(file)
    if file_format.readable():
        with suppress(MissingError):  # some files need a package: a .spz of version 4 needs zstandard
            return load_scene(path, drop_invalid=drop_invalid, progress=progress, size_of=size_of)
    between = manager.folder() / f"import-{_number()}.ply"

    def finish() -> Scene:
        gaussians = _in_memory(load_scene(between).gaussians)
        return with_sidecars(gaussians, file, file_format.name, size_of)

    params = {"path": str(file), "drop_invalid": drop_invalid, "out": str(between)}
    return Conversion(file_format, file, params, between, finish)


def save(
    path: Path,
    gaussians: Gaussians,
    *,
    labels: dict[int, str] | None = None,
    inherit: np.ndarray | None = None,
) -> Format | Conversion:
    """Write a scene, see ``ft2os.formats.save_scene``; a `Conversion` where only the backend can.

    Raises
    ------
    FileError, RequestError
        If it cannot be written.
    """
    file_format = registry.for_writing(path)
    if file_format.writable():
        return save_scene(path, gaussians, labels=labels, inherit=inherit)
    between = manager.folder() / f"export-{_number()}.ply"
    save_ply(between, gaussians.replace(source=None, row=None))
    params = {"path": str(between), "out": str(path)}
    return Conversion(file_format, path, params, between, lambda: file_format)


def _in_memory(gaussians: Gaussians) -> Gaussians:
    """The Gaussians without their source, which is a temporary file of the session."""
    if gaussians.group is not None:
        raise FileError("The backend sent groups with a format that has none.", "Please report it.")
    return gaussians.replace(source=None, row=None)
