"""Writing a scene in the format that its file name asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ft2os.errors import FileError
from ft2os.files import replacing
from ft2os.formats import registry
from ft2os.formats.ply_write import save_ply
from ft2os.gaussians import Gaussians


def save_scene(
    path: str | Path,
    gaussians: Gaussians,
    *,
    labels: dict[int, str] | None = None,
    inherit: np.ndarray | None = None,
) -> registry.Format:
    """Write Gaussians; the ending of ``path`` says how.

    Parameters
    ----------
    path : path
        Replaced in one step once all is written.
    gaussians : Gaussians
    labels, inherit : optional
        See `save_ply`; only a PLY has room for them.

    Returns
    -------
    Format
        What was written; its ``loses`` says what the file cannot hold.

    Raises
    ------
    FileError
        If the file cannot be written, or there is nothing to write.
    RequestError
        If no format that we write ends like ``path``.
    """
    path = Path(path)
    form = registry.for_writing(path)
    if form is registry.PLY:
        save_ply(path, gaussians, labels=labels, inherit=inherit)
        return form
    if not len(gaussians):
        raise FileError(f"There are no Gaussians to write to {path.name}.", "Select at least one.")
    with replacing(path) as temporary:
        form.write(temporary, gaussians)
    return form
