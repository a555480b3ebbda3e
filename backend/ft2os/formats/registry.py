"""Which formats there are, and which of them a file or a folder is in.

A format is one module that describes itself in ``FORMAT`` and one line here. What a file holds counts, not
what it is called, wherever the format has a mark of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ft2os.errors import FileError, RequestError
from ft2os.files import open_regular, read_error
from ft2os.formats import compressed_ply, ksplat, ply, sog, splat, spz
from ft2os.formats.format import Format

# In the order of menus, which saved files refer to: a new one goes to the end. Of two formats with the same
# mark the more special one stands behind.
FORMATS: tuple[Format, ...] = (
    ply.FORMAT,
    compressed_ply.FORMAT,
    splat.FORMAT,
    spz.FORMAT,
    ksplat.FORMAT,
    sog.FORMAT,
)
_HEAD = 1 << 16  # bytes that a format is recognised by


def written() -> list[Format]:
    """The formats that we write, in the order of menus."""
    return [f for f in FORMATS if f.writer is not None]


def named(name: str) -> Format:
    """The format of that ``name``."""
    return next(f for f in FORMATS if f.name == name)


def for_reading(path: Path) -> Format:
    """The format of a file that exists.

    Raises
    ------
    FileError
        If it cannot be opened, or nothing says what it is.
    """
    try:
        with open_regular(path) as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise read_error(path, error) from error
    recognised = [f for f in FORMATS if f.magic is not None and f.magic(head)]
    file_format = recognised[-1] if recognised else by_name(path)
    if file_format is None:
        raise FileError(
            f"{path.name} is not a file of 3D Gaussians that is known here.",
            f"Choose one of {', '.join(f.endings[0] for f in FORMATS)}.",
        )
    return file_format


def for_writing(path: Path) -> Format:
    """The format that a file name asks for.

    Raises
    ------
    RequestError
        If no format that we write ends so.
    """
    file_format = by_name(path)
    if file_format is None or file_format.writer is None or not file_format.ending_of(path.name):
        endings = ", ".join(f.endings[0] for f in written())
        problem = f"Cannot write {path.suffix} files." if path.suffix else f"{path.name} has no ending."
        raise RequestError(problem, f"Name a file with one of {endings}.")
    return file_format


def by_name(path: Path) -> Format | None:
    """The format that a name stands for, by its longest ending or as the index of a folder."""
    name = path.name.lower()
    fitting = [f for f in FORMATS if f.ending_of(name) or (f.index and name.endswith(f.index))]
    return max(fitting, key=lambda f: len(f.ending_of(name)), default=None)


def in_folder(folder: Path) -> Path | None:
    """The file to open in a folder that is laid out as some format's scenes are; None for other folders."""
    places = (f.folder(folder) for f in FORMATS if f.folder is not None)
    return next((place for place in places if place is not None), None)


def last_endings(formats: Sequence[Format], *, with_index: bool = False) -> list[str]:
    """The last parts of file names (".ply" of ".compressed.ply"), which is all that file dialogs know.

    With ``with_index`` also those of the files that folders are opened by.
    """
    names = [ending for f in formats for ending in f.endings]
    names += [f.index for f in formats if with_index and f.index]
    return list(dict.fromkeys(Path(f"a{name}").suffix for name in names))


def table() -> list[dict[str, str]]:
    """What each format is read as and what it holds: a row each, for the README and for help."""
    return [
        {
            "Format": f"{f.title} ({f.endings[0]}): {f.reads}",
            "Reads": "yes",
            "Writes": "no" if f.writer is None else f.writes or "yes",
            "In Blender alone": _alone(f),
            "SH degree": f"0–{f.degree}" if f.degree else "0",
            "What is lost": _lost(f),
        }
        for f in FORMATS
    ]


def _alone(f: Format) -> str:
    if f.reader_needs:
        return "no: through the backend"
    return f"yes, {f.backend_only} with the backend" if f.backend_only else "yes"


def _lost(f: Format) -> str:
    if f.exact:
        return "nothing; untouched rows keep their bits, unknown properties travel along"
    return "" if f.writer is None else f.lost() or "nothing"
