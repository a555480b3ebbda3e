"""Where files go, and writing them so that a reader never sees half of one.

Whatever goes wrong while writing (full disk, missing permission, Ctrl-C), the file that was there before
stays as it was and nothing partial is left beside it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from ft2os.errors import FileError

if TYPE_CHECKING:
    import numpy as np

CACHE_ENV = "FT2OS_CACHE"
_HINTS = {
    errno.ENOSPC: "Free some disk space or choose another folder.",
    errno.EDQUOT: "Free some disk space or choose another folder.",
    errno.EFBIG: "Choose a disk that takes files of this size.",
    errno.EACCES: "Choose a folder that you may write to.",
    errno.EPERM: "Choose a folder that you may write to.",
    errno.EROFS: "Choose a folder that you may write to.",
    errno.EEXIST: "Choose another name: part of this path is a file, not a folder.",
    errno.ENOTDIR: "Choose another name: part of this path is a file, not a folder.",
    errno.EISDIR: "Choose a file name, not a folder.",
}


def cache_dir() -> Path:
    """ft2os' own cache folder, not created: ``FT2OS_CACHE``, or ``ft2os`` where this platform keeps caches.

    Raises
    ------
    RuntimeError
        If the user has no home folder.
    """
    if os.environ.get(CACHE_ENV):
        return Path(os.environ[CACHE_ENV])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "ft2os"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ft2os"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ft2os"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; on success it becomes ``path`` in one step.

    Raises
    ------
    FileError
        If the folder or the file cannot be written. ``path`` is then as it was before, and folders that
        were made for it are gone again.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    made = []
    try:
        made = [folder for folder in path.parents if not folder.exists()]  # nearest first
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        yield temporary
        os.replace(temporary, path)
        made = []
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()


def check_writable(path: str | Path) -> None:
    """Ask before long work whether ``path`` could be written at its end; nothing is made or changed.

    Raises
    ------
    FileError
        If it could not.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        with TemporaryFile(dir=next(folder for folder in path.parents if folder.exists())):
            pass
    except OSError as error:
        raise write_error(path, error) from error


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a C-contiguous array as ``.npy``; unlike ``np.save`` with an errno when the disk is full."""
    import numpy as np

    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
        stream.write(array.data)


def write_error(path: Path, error: OSError) -> FileError:
    """The sentence for an operating-system error while writing ``path``."""
    reason = (error.strerror or str(error)).lower()
    hint = _HINTS.get(error.errno or 0, "Choose another place for the file.")
    if sys.platform == "win32" and isinstance(error, PermissionError) and path.is_file():
        hint = "It is open, here or elsewhere: choose another name. A scene cannot replace its own source."
    return FileError(f"Cannot write {path}: {reason}.", hint)


def read_error(path: Path, error: OSError) -> FileError:
    """The sentence for an operating-system error while reading ``path``."""
    if isinstance(error, FileNotFoundError):
        return FileError(f"There is no file {path}.", "Check the path.")
    reason = (error.strerror or str(error)).lower()
    return FileError(f"Cannot read {path}: {reason}.", "Check the path and its permissions.")
