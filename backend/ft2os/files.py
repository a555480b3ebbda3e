"""Opening files that come from anywhere, and writing files so that a reader never sees half of one.

A name may lead to a device that never ends, a pipe that blocks, or a folder: `open_regular` and `read_bytes`
refuse all but regular files before they are opened. An output that is no file is never replaced by one, and
a link stays a link.

Whatever goes wrong while writing (full disk, missing permission, Ctrl-C), the file that was there before
stays as it was and nothing partial is left beside it.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from ft2os.errors import FileError

if TYPE_CHECKING:
    import numpy as np

CACHE_ENV = "FT2OS_CACHE"
_MOST_WORDS = 200  # of an error that quotes what it found in a file
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
    errno.ELOOP: "Choose another name: this link leads back to itself.",
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


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


def open_regular(path: str | Path, most: int | None = None) -> BufferedReader:
    """Open a regular file, or a link to one, for reading; it never blocks.

    Parameters
    ----------
    path : path
    most : int, optional
        Bytes that such a file may have.

    Returns
    -------
    BufferedReader
        Its ``name`` is ``path``.

    Raises
    ------
    FileError
        If there is no such file, it cannot be opened, is larger, or is a folder, device, pipe or socket.
    """
    path = Path(path)
    try:
        _check_regular(
            path, os.stat(path).st_mode
        )  # before opening, which alone may do something to a device
        stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise read_error(path, error) from error
    try:
        facts = os.fstat(stream.fileno())
        _check_regular(path, facts.st_mode)  # it may be another one by now
        if most is not None and facts.st_size > most:
            raise FileError(
                f"{path.name} has {facts.st_size:,} bytes; no file of its kind has more than {most:,}.",
                "Choose another file.",
            )
    except BaseException:
        stream.close()
        raise
    return stream


def read_bytes(path: str | Path, most: int) -> bytes:
    """All that a regular file holds, if that is no more than ``most`` bytes.

    Raises
    ------
    FileError
        As `open_regular`, or if it cannot be read.
    """
    with open_regular(path, most) as stream:
        try:
            return stream.read(size_of(stream))  # no more than that, should it grow meanwhile
        except OSError as error:
            raise read_error(Path(path), error) from error


def size_of(stream: IO[bytes]) -> int:
    """Bytes of an open file."""
    return os.fstat(stream.fileno()).st_size


def _without_waiting(path: str, flags: int) -> int:
    """Open without waiting: a pipe would wait for whoever writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise FileError(f"Cannot read {path}: it is {_kind(mode)}.", "Choose a file.")


def _kind(mode: int) -> str:
    return next((name for is_one, name in _KINDS if is_one(mode)), "no file")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside the file ``path``; on success it becomes that file in one step.

    Where ``path`` is a link, the file that it leads to is the one.

    Raises
    ------
    FileError
        If the folder or the file cannot be written, or ``path`` is a folder, device, pipe or socket. ``path``
        is then as it was before, and folders that were made for it are gone again.
    """
    path = Path(path)
    target = _output(path)
    with _beside(path, target) as temporary:
        try:
            yield temporary
            os.replace(temporary, target)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; on success it becomes the folder ``path`` in one step.

    Raises
    ------
    FileError
        As `check_new_folder`, or if something in it cannot be written. There is then no new folder.
    """
    path = Path(path)
    check_new_folder(path)
    target = Path(os.path.realpath(path))
    with _beside(path, target) as temporary:
        try:
            temporary.mkdir()
            yield temporary
            with suppress(FileNotFoundError):
                target.rmdir()  # an empty one, which not every system replaces
            os.rename(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _beside(path: Path, target: Path) -> Iterator[Path]:
    """A name beside ``target``, whose folders are made, and gone again where what is done with it fails."""
    new_folders: list[Path] = []
    try:
        new_folders = [folder for folder in target.parents if not folder.exists()]  # nearest first
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target.with_name(f".{secrets.token_hex(8)}.part")
        new_folders = []
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            for folder in new_folders:
                folder.rmdir()


def check_new_folder(path: str | Path) -> None:
    """Check before long work that ``path`` can become a new folder. Nothing is made or changed.

    Raises
    ------
    FileError
        If something is there that is not an empty folder, or it cannot be written.
    """
    path = Path(path)
    try:
        if path.is_dir():
            if next(path.iterdir(), None) is not None:
                raise FileError(f"There is something in {path} already.", "Choose a new folder.")
            path = path / "content"
        elif os.path.lexists(path):
            raise FileError(f"{path} is not a folder.", "Choose a new folder.")
    except (OSError, ValueError) as error:
        raise write_error(path, error) from error
    check_writable(path)


def check_writable(path: str | Path) -> None:
    """Check before long work that ``path`` can be written at its end. Nothing is made or changed.

    Raises
    ------
    FileError
        If it could not.
    """
    path = Path(path)
    target = _output(path)
    try:
        with TemporaryFile(dir=next(folder for folder in target.parents if folder.exists())):
            pass
    except OSError as error:
        raise write_error(path, error) from error


def _output(path: Path) -> Path:
    """The file that writing ``path`` makes or replaces: behind a link the one that it leads to."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(mode):
            raise FileError(f"Cannot write {path}: it is {_kind(mode)}.", "Choose the name of a file.")
    except (FileNotFoundError, NotADirectoryError):
        pass  # nothing there yet, perhaps at the end of a link; or no place for it, as making it will say
    except (OSError, ValueError) as error:
        raise write_error(path, error) from error
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a C-contiguous array as ``.npy``; unlike ``np.save`` with an errno when the disk is full."""
    import numpy as np

    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
        stream.write(array.data)


def write_error(path: Path, error: OSError | ValueError) -> FileError:
    """The sentence for an error of the operating system, or of a name that it cannot take, while writing."""
    if not isinstance(error, OSError):
        return FileError(f"Cannot write {str(path)!r}: no file can have this name.", "Choose another name.")
    reason = (error.strerror or str(error)).lower()
    hint = _HINTS.get(error.errno or 0, "Choose another place for the file.")
    if sys.platform == "win32" and isinstance(error, PermissionError) and path.is_file():
        hint = "It is open, here or elsewhere: choose another name. A scene cannot replace its own source."
    return FileError(f"Cannot write {path}: {reason}.", hint)


def read_error(path: Path, error: OSError | ValueError) -> FileError:
    """The sentence for an error of the operating system, or of a name that it cannot take, while reading."""
    if not isinstance(error, OSError):  # NUL, or half a character
        return FileError(f"Cannot read {str(path)!r}: no file can have this name.", "Check the path.")
    if isinstance(error, FileNotFoundError):
        return FileError(f"There is no file {path}.", "Check the path.")
    reason = (error.strerror or str(error)).lower()
    return FileError(f"Cannot read {path}: {reason}.", "Check the path and its permissions.")


def damaged(path: Path, reason: object) -> FileError:
    """The sentence for a file that breaks its format's rules."""
    return FileError(f"{path.name} is damaged: {brief(reason)}.", "Export or download the file again.")


def brief(reason: object) -> str:
    """An error on one short line: its text may quote all that a file holds."""
    if isinstance(reason, KeyError):
        reason = f"{reason} is missing"
    words = " ".join(str(reason).split()).rstrip(".") or "it makes no sense"
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"
