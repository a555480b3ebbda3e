"""Scene files in and out: what numpy can, right here; the other formats by way of the backend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ft2os.errors import BackendError, FileError, MissingError
from ft2os.formats import Scene, load_scene, registry, save_ply, save_scene
from ft2os.formats.load import find_file, with_neighbours
from ft2os.gaussians import Gaussians

from ..jobs.manager import manager
from .cameras import size_of

_LIMIT_S = 1800.0  # a .sog of millions takes minutes to write


def load(path: Path, *, drop_invalid: bool = False, progress: Callable | None = None) -> Scene:
    """Read a scene; see ``ft2os.formats.load_scene``.

    Raises
    ------
    FileError, InvalidValuesError
        If the file cannot be read.
    BackendError
        If its format needs the backend and there is none.
    """
    if not str(path):
        return load_scene("")  # which says what to do
    file = find_file(Path(path))
    form = registry.for_reading(file)
    if form.readable():
        with suppress(MissingError):  # of some files only: a .spz of version 4 where there is no zstandard
            return load_scene(path, drop_invalid=drop_invalid, progress=progress, size_of=size_of)
    between = manager.folder() / "import.ply"
    try:
        _convert(form, {"path": str(file), "drop_invalid": drop_invalid, "out": str(between)})
        gaussians = _in_memory(load_scene(between, progress=progress).gaussians)
    finally:
        with suppress(OSError):  # still mapped on Windows: the folder goes with the session
            between.unlink(missing_ok=True)
    return with_neighbours(gaussians, file, form.name, size_of)


def save(
    path: Path,
    gaussians: Gaussians,
    *,
    labels: dict[int, str] | None = None,
    inherit: np.ndarray | None = None,
) -> registry.Format:
    """Write a scene; see ``ft2os.formats.save_scene``.

    Raises
    ------
    FileError, RequestError
        If it cannot be written.
    BackendError
        If its format needs the backend and there is none.
    """
    form = registry.for_writing(path)
    if form.writable():
        return save_scene(path, gaussians, labels=labels, inherit=inherit)
    between = manager.folder() / "export.ply"
    try:
        save_ply(between, gaussians.replace(source=None, row=None))
        _convert(form, {"path": str(between), "out": str(path)})
    finally:
        between.unlink(missing_ok=True)
    return form


def _convert(form: registry.Format, params: dict) -> None:
    try:
        manager.submit("scene.convert", params).wait(_LIMIT_S)
    except BackendError as error:
        raise BackendError(f"{form.title} files need the backend. {error.message}", error.hint) from error


def _in_memory(gaussians: Gaussians) -> Gaussians:
    """Without the file that they came through: it is ours and goes."""
    if gaussians.group is not None:
        raise FileError("The backend sent groups with a format that has none.", "Please report it.")
    return gaussians.replace(source=None, row=None)
