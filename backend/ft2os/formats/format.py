"""What a file format is: the description that stands in each format's own module.

``registry`` lists the formats, a line each. Whoever offers, recognises, reads or writes files asks these
descriptions: ``load_scene``, ``save_scene``, the command line, Blender's menus, the README's table and the
tests.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ft2os.errors import MissingError
from ft2os.gaussians import Gaussians
from ft2os.pieces import Beat, no_beat


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format.

    Parameters
    ----------
    name : str
        What the protocol, Blender's menus and stored settings call it.
    title : str
        For menus and messages.
    endings : tuple of str
        Endings of file names, lower case; the first is the usual one.
    reads : str
        The kinds of it that are read, in a few words.
    reader : callable
        ``reader(path, beat) -> Gaussians``; calls ``beat`` all the while, which may raise to stop.
    writer : callable, optional
        ``writer(path, gaussians)``; None where the format is only read.
    writes : str
        The kind of it that is written, where there is more than one.
    magic : callable, optional
        Whether a file whose first bytes these are is in this format; None where the format has no mark.
    index : str
        Name of the file that a scene of several files is opened by; empty where a scene is one file.
    folder : callable, optional
        The file to open in a folder that is laid out as this format's scenes are; None for other folders.
    degree : int
        The highest degree of spherical harmonics that it holds.
    loses : str
        What does not survive at all; empty where all does.
    rounds : str
        What survives with fewer bits.
    exact : bool
        Whether untouched rows keep their bits. Such a writer replaces the file itself, in one step, and takes
        ``labels`` and ``inherit`` besides (see ``save_ply``).
    reader_needs, writer_needs : tuple of str
        Packages besides numpy and plyfile for reading and for writing. Where they are not installed, as in
        Blender, the backend does it.
    backend_only : str
        The kinds of it that need such a package, where most do not.
    slow : bool
        Whether writing takes minutes and holds the interpreter, so that a process of its own does it.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    reads: str
    reader: Callable[[Path, Beat], Gaussians]
    writer: Callable[..., None] | None = None
    writes: str = ""
    magic: Callable[[bytes], bool] | None = None
    index: str = ""
    folder: Callable[[Path], Path | None] | None = None
    degree: int
    loses: str = ""
    rounds: str = ""
    exact: bool = False
    reader_needs: tuple[str, ...] = ()
    writer_needs: tuple[str, ...] = ()
    backend_only: str = ""
    slow: bool = False

    def read(self, path: Path, beat: Beat = no_beat) -> Gaussians:
        """The Gaussians in a file of this format; ``beat`` is called all the while and may raise.

        Raises
        ------
        FileError
            If the file is not in this format.
        MissingError
            If a package is not installed.
        """
        self._check_packages(self.reader_needs, "Reading")
        return self.reader(path, beat)

    def write(self, path: Path, gaussians: Gaussians, **exact: object) -> None:
        """Write Gaussians to ``path``, which need not be the final place, but for an ``exact`` format.

        Raises
        ------
        FileError
            If they cannot be written.
        MissingError
            If a package is not installed.
        """
        if self.writer is None:
            raise TypeError(f"{self.title} is only read")
        self._check_packages(self.writer_needs, "Writing")
        self.writer(path, gaussians, **exact)

    def readable(self) -> bool:
        """Whether this Python has all that reading needs."""
        return not _absent(self.reader_needs)

    def writable(self) -> bool:
        """Whether it is written at all, and this Python has all that writing needs."""
        return self.writer is not None and not _absent(self.writer_needs)

    def ending_of(self, name: str) -> str:
        """The longest of the format's endings that a file name has; empty where it has none."""
        return max((e for e in self.endings if name.lower().endswith(e)), key=len, default="")

    def lost(self) -> str:
        """What a file in this format does not hold of a scene, in one phrase; empty where it holds all."""
        return "; ".join(filter(None, (self.loses, self.rounds)))

    def _check_packages(self, needed: tuple[str, ...], doing: str) -> None:
        for package in _absent(needed):
            raise MissingError(
                f"{doing} {self.endings[0]} needs the package {package}, which is not installed.",
                "Install the backend: pip install 'ft2os[lite]'.",
            )


def begins_with(*marks: bytes) -> Callable[[bytes], bool]:
    """A ``magic`` for files that begin with one of these bytes."""
    return lambda head: head.startswith(marks)


def _absent(packages: tuple[str, ...]) -> list[str]:
    return [package for package in packages if importlib.util.find_spec(package) is None]
