"""antimatter15's .splat: 32 bytes a Gaussian, no header, colour without direction.

Our own, since the layout is one numpy dtype; gaussforge, which reads and writes it right, is a compiled wheel
that Blender's Python must not carry. Position and scale are exact; colour, opacity and rotation have 8 bits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ft2os.errors import FileError
from ft2os.files import open_regular, read_error, size_of
from ft2os.formats.format import Format
from ft2os.formats.quantised import to_byte
from ft2os.gaussians import Gaussians, dc_of
from ft2os.pieces import Beat, no_beat, pieces

ROW = np.dtype([("position", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("rotation", "u1", 4)])
_MIDDLE = 128  # of a rotation's byte, and its span


def read(path: Path, beat: Beat = no_beat) -> Gaussians:
    """The Gaussians of a .splat file, degree 0.

    Raises
    ------
    FileError
        If the file is missing, empty, or no whole number of rows.
    """
    with open_regular(path) as stream:
        size = size_of(stream)
        if not size:
            raise FileError(f"{path.name} is empty.", "Export or download the file again.")
        if size % ROW.itemsize:
            raise FileError(
                f"{path.name} has {size:,} bytes, which is no whole number of Gaussians of {ROW.itemsize}.",
                "Export or download the file again.",
            )
        try:
            rows = np.memmap(stream, ROW, "r")
        except OSError as error:
            raise read_error(path, error) from error
    count = len(rows)
    out = Gaussians.unfilled(count, 0)
    for piece in pieces(count, beat):
        some = np.asarray(rows[piece])
        out.means[piece], out.scales[piece] = some["position"], some["scale"]
        rgba = some["rgba"].astype(np.float32) / np.float32(255)
        out.opacities[piece] = rgba[:, 3]
        out.sh[piece, 0] = dc_of(rgba[:, :3])
        quats = (some["rotation"].astype(np.float32) - _MIDDLE) / _MIDDLE
        with np.errstate(invalid="ignore"):  # no rotation at all becomes NaN, which `Gaussians.invalid` finds
            out.quats[piece] = quats / np.linalg.norm(quats, axis=1, keepdims=True)
    return out


def write(path: Path, gaussians: Gaussians) -> None:
    """Write a .splat file; degrees above 0 are left out and colours beyond 0..1 are cut."""
    rows = np.empty(len(gaussians), ROW)
    rows["position"] = gaussians.means
    rows["scale"] = gaussians.scales
    rows["rgba"][:, :3] = to_byte(gaussians.base_colours * 255)
    rows["rgba"][:, 3] = to_byte(gaussians.opacities * 255)
    rows["rotation"] = to_byte(gaussians.quats * _MIDDLE + _MIDDLE)
    rows.tofile(path)


FORMAT = Format(
    name="splat",
    title="Splat",
    endings=(".splat",),
    reads="antimatter15",
    reader=read,
    writer=write,
    degree=0,
    loses="groups, view-dependent colour",
    rounds="colour, opacity and rotation to 8 bits",
)
