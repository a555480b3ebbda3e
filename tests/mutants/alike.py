"""Lines where a mistake changes no result: none is drawn there. Each is here for the reason above it.

A line is named by a text in it. What is here is not tested by anything, so a line whose result anybody could
see does not belong here.
"""

from __future__ import annotations

ALIKE: dict[str, tuple[str, ...]] = {
    # How much is read, hashed or checked at a time: memory and speed alone.
    "backend/ft2os/pieces.py": ("ROWS = ",),
    "backend/ft2os/npy.py": ("_BLOCK = ", "step = max(1, _BLOCK"),
    "backend/ft2os/gaussians.py": ("chunks = (flat[",),
    "backend/ft2os/formats/load.py": ("range(0, len(bad), 1 << 16)", "slice(start, start + (1 << 16))"),
    "backend/ft2os/formats/ply.py": ("_PIECE = ", "wait("),
    "backend/ft2os/formats/ply_file.py": ("_VALUES = ", "_LINES = ", "step = max(_LINES"),
    "backend/ft2os/formats/ply_write.py": ("step = max(1, (1 << 20)", "shutil.copyfileobj"),
    "backend/ft2os/formats/spz.py": ("_PIECE = ",),
    # Also how long a list of files may be: thousands of times what any has.
    "backend/ft2os/formats/archive.py": ("_PIECE = ", "_PIECE + 1"),
    # How many threads work at once, and how often one looks around.
    "backend/ft2os/formats/columns.py": ("_MOST_THREADS = ", "threads = min(os.cpu_count()"),
    "backend/ft2os/formats/aside.py": ("LOOK_S = ",),
    "backend/ft2os/stylize/patience.py": ("LOOK_S = ",),
    # Halvings of a search that has long found its place.
    "backend/ft2os/stylize/geometry/densify.py": ("_ROUNDS = ",),
    # Spare columns of the kernels' arrays, and the one Gaussian that they are compiled with.
    "backend/ft2os/tiles/layout.py": ("RECORD = ", "CAMERA = ", "SUMS = "),
    "backend/ft2os/tiles/warm.py": ("",),
    # Letters of a folder's name.
    "backend/ft2os/threads.py": ("[:12]",),
    # Only files of hundreds of megabytes could tell.
    "backend/ft2os/formats/sog.py": ("_MOST_PICTURE",),
}


def changes_nothing(file: str, line: str) -> bool:
    """Whether that line of a file is listed."""
    return any(text in line for text in ALIKE.get(file, ()))
