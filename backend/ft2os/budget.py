"""How much a file may ask for. Every reader checks it against the file's bytes before it takes memory.

A few bytes can claim anything. Each bound lies far above what real files hold and far below what would fill a
machine. Readers turn the ``ValueError`` into a sentence that names the file, as they do with other damage.
"""

from __future__ import annotations

from ft2os.errors import FileError
from ft2os.process import available_memory

MOST_CAMERAS = 20_000  # a capture has hundreds, a large one some thousand
MOST_CLASSES = 4096  # Gaussian Grouping trains 256
MOST_LABELS = 65536  # names of groups
MOST_NAME = 1000  # characters of one
MOST_SETTINGS = 64 << 10  # bytes of a training's settings
MOST_LISTS = 10_000  # lists in a PLY, and values beside them; a scene has none
MOST_JSON = 16 << 20  # bytes of a JSON file: 20,000 cameras
MOST_ENTRIES = 1 << 20  # commas and brackets in it: each becomes an object of up to 200 bytes
_MOST_UNPACKED = 100  # bytes of Gaussians for a byte of their file; real files have 4 to 50
_SMALL = 1 << 20  # below this, nothing is too much
_NOTICED = 256 << 20  # bytes that are taken without asking


def check(count: int, most: int, what: str) -> None:
    """Refuse a count that is negative or larger than ``most``.

    Raises
    ------
    ValueError
        If it is.
    """
    if not 0 <= count <= most:
        raise ValueError(f"it claims {count:,} {what}, the most that are read is {most:,}")


def check_memory(size: int, what: str) -> None:
    """Refuse what takes ``size`` bytes where there are not as many.

    Raises
    ------
    FileError
        If there are not.
    """
    if size > _NOTICED and size > (free := available_memory()):
        raise FileError(
            f"{what} needs {size / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB may be taken.",
            "Close other programs, or use a smaller scene.",
        )


def check_gaussians(count: int, degree: int, size: int) -> None:
    """Refuse more Gaussians than a file of ``size`` bytes can mean, however well it is packed.

    Raises
    ------
    ValueError
        If there are more, or none.
    FileError
        If there is no memory for them.
    """
    if count < 1:
        raise ValueError(f"it holds {count} Gaussians")
    floats = 11 + 3 * (degree + 1) ** 2
    if count * floats * 4 > max(size * _MOST_UNPACKED, _SMALL):
        raise ValueError(f"it claims {count:,} Gaussians in {size:,} bytes")
    check_memory(count * floats * 4, f"A scene of {count:,} Gaussians")
