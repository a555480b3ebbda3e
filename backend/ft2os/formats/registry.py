"""Which formats there are, which of them a file is in, and what each can hold: one table for every reader.

A format is a module with ``read(path) -> Gaussians`` and, where we write it, ``write(path, gaussians)``.
What a file holds counts, not what it is called, wherever the format has a mark of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

from ft2os.errors import FileError, MissingError, RequestError
from ft2os.files import open_regular, read_error
from ft2os.gaussians import Gaussians
from ft2os.pieces import Beat, no_beat


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Parameters
    ----------
    name : str
    title : str
        For menus and messages.
    suffixes : tuple of str
        Endings of file names, lower case; the first is the usual one.
    module : str
        In ``ft2os.formats``.
    writes : bool
    degree : int
        The highest degree of spherical harmonics that it holds.
    loses : str
        What does not survive, in a few words.
    needs, write_needs : tuple of str
        Packages besides numpy and plyfile for reading and, more, for writing. Where they are not installed,
        as in Blender, the backend does it.
    aside : bool
        Whether writing holds the interpreter for long, so that a process of its own does it.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    module: str
    writes: bool
    degree: int
    loses: str
    needs: tuple[str, ...] = ()
    write_needs: tuple[str, ...] = ()
    aside: bool = False

    def read(self, path: Path, beat: Beat = no_beat) -> Gaussians:
        """The Gaussians in a file of this format; ``beat`` is called all the while and may raise."""
        return self._module().read(path, beat)

    def write(self, path: Path, gaussians: Gaussians) -> None:
        """Write Gaussians to ``path``, which need not be the final place."""
        self._module().write(path, gaussians)

    def readable(self) -> bool:
        """Whether this Python has all that reading needs."""
        return _installed(self.needs)

    def writable(self) -> bool:
        """Whether this Python has all that writing needs."""
        return self.writes and _installed(self.needs + self.write_needs)

    def _module(self):
        try:
            return importlib.import_module(f"ft2os.formats.{self.module}")
        except ImportError as error:
            raise MissingError(
                f"{self.title} needs the package {error.name}, which is not installed.",
                "Install the backend: pip install 'ft2os[lite]'.",
            ) from error


PLY = Format("ply", "3DGS PLY", (".ply",), "ply", True, 4, "nothing")
COMPRESSED = Format(
    "compressed-ply",
    "Compressed PLY",
    (".compressed.ply",),
    "compressed_ply",
    True,
    3,
    "precision (11 bits of 256 neighbours' box), order, groups, extra properties",
)
SPLAT = Format(
    "splat",
    "Splat",
    (".splat",),
    "splat",
    True,
    0,
    "view-dependent colour, groups, all but 8 bits of colour, opacity and rotation",
)
SPZ = Format(
    "spz",
    "SPZ",
    (".spz",),
    "spz",
    True,
    4,
    "groups, position beyond 24 bits, all but 8 bits of the rest (9 of rotation)",
)
KSPLAT = Format("ksplat", "KSplat", (".ksplat",), "ksplat", False, 3, "(read only)")
SOG = Format(
    "sog",
    "SOG",
    (".sog", "meta.json"),
    "sog",
    True,
    3,
    "groups, order, all but 8 bits of most, bands to a palette of 65,536",
    needs=("PIL",),
    write_needs=("gaussforge",),
    aside=True,
)
FORMATS = (PLY, COMPRESSED, SPLAT, SPZ, KSPLAT, SOG)


def for_reading(path: Path) -> Format:
    """The format of a file that exists.

    Raises
    ------
    FileError
        If it cannot be opened, or nothing says what it is.
    """
    try:
        with open_regular(path) as stream:
            head = stream.read(1 << 16)
    except OSError as error:
        raise read_error(path, error) from error
    if head.startswith((b"ply\n", b"ply\r")):
        return COMPRESSED if _packed(head) else PLY
    if head.startswith((b"NGSP", b"\x1f\x8b\x08")):
        return SPZ
    if head.startswith(b"PK\x03\x04"):
        return SOG
    named = by_name(path)
    if named in (PLY, COMPRESSED):
        return PLY  # whose reader says what is wrong with it
    if named is None:
        raise FileError(
            f"{path.name} is not a file of 3D Gaussians that is known here.",
            f"Choose one of {', '.join(f.suffixes[0] for f in FORMATS)}.",
        )
    return named


def for_writing(path: Path) -> Format:
    """The format that a file name asks for.

    Raises
    ------
    RequestError
        If no format that we write ends so.
    """
    found = by_name(path)
    if found is None or not found.writes:
        endings = ", ".join(f.suffixes[0] for f in FORMATS if f.writes)
        what = f"Cannot write {path.suffix} files." if path.suffix else f"{path.name} has no ending."
        raise RequestError(what, f"Name a file with one of {endings}.")
    return found


def by_name(path: Path) -> Format | None:
    """The format that a name stands for, by its longest ending."""
    name = path.name.lower()
    endings = [(suffix, f) for f in FORMATS for suffix in f.suffixes if name.endswith(suffix)]
    return max(endings, key=lambda pair: len(pair[0]))[1] if endings else None


def _installed(packages: tuple[str, ...]) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in packages)


def _packed(head: bytes) -> bool:
    header = io.BytesIO(head.replace(b"\r", b"\n"))
    return any(line.split()[-1:] == [b"packed_position"] for line in iter(header.readline, b""))
