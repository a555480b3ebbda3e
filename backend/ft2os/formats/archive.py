"""Zip files from anywhere: read without believing what they say of themselves.

A zip lists its files at its end, and may list millions, or call a few bytes a gigabyte. So the list is read
only up to a bound, and a file in it only up to the bytes that its kind can have.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ft2os.files import open_regular

_PIECE = 1 << 20  # read at once, and so the longest list of files: some 15,000
ERRORS = (  # what reading raises where a zip is damaged
    ValueError,
    KeyError,  # there is no file of that name
    NotImplementedError,
    RuntimeError,  # it is encrypted
    EOFError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)


class _Pieces(io.BufferedReader):
    """A file that hands out a piece at most: ``ZipFile`` asks for its whole list of files at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = _PIECE + 1 if size is None or size < 0 else min(size, _PIECE + 1)
        data = super().read(wanted)
        if len(data) > _PIECE:
            raise ValueError("its list of files is too long")
        return data


@contextmanager
def opened(path: Path, most: int | None = None) -> Iterator[zipfile.ZipFile]:
    """A zip file of at most ``most`` bytes to read from.

    Raises
    ------
    FileError
        If it is no regular file, cannot be opened, or is larger.
    ERRORS
        If it is damaged.
    """
    raw = open_regular(path, most).detach()
    with _Pieces(raw) as pieces, zipfile.ZipFile(pieces) as archive:
        yield archive


def read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """One file of a zip, of at most ``most`` bytes.

    Raises
    ------
    ERRORS
        If there is none, or it is larger or damaged.
    """
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in an unusual way")  # which zipfile unpacks without a bound
    if info.file_size > most:
        raise ValueError(f"{name} claims {info.file_size:,} bytes")
    with archive.open(info) as stream:
        return b"".join(iter(lambda: stream.read(_PIECE), b""))
