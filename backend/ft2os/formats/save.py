"""Writing a scene in the format that its file name asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ft2os.files import replacing
from ft2os.formats import registry
from ft2os.formats.columns import normalise
from ft2os.formats.format import Format
from ft2os.formats.load import Progress
from ft2os.formats.ply_write import check_worth_writing
from ft2os.gaussians import Gaussians


def save_scene(
    path: str | Path,
    gaussians: Gaussians,
    *,
    labels: dict[int, str] | None = None,
    inherit: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Format:
    """Write Gaussians; the ending of ``path`` says how.

    Parameters
    ----------
    path : path
        Replaced in one step once all is written.
    gaussians : Gaussians
    labels, inherit : optional
        See ``save_ply``; only an exact format has room for them.
    progress : callable, optional
        Called as ``progress(stage, step, total)``, again and again where writing takes long; may raise to
        stop. A ``total`` of 0 means that nobody knows how long it takes.

    Returns
    -------
    Format
        What was written; its ``loses`` says what the file cannot hold.

    Raises
    ------
    FileError
        If the file cannot be written, there is nothing to write, or something that no reader would take.
    RequestError
        If no format that we write ends like ``path``.
    """
    path = Path(path)
    file_format = registry.for_writing(path)
    report = progress or (lambda stage, step, total: None)
    report("writing", 0, 1)
    if file_format.exact:
        file_format.write(path, gaussians, labels=labels, inherit=inherit)
        return file_format
    check_worth_writing(path, gaussians)
    with replacing(path) as temporary:
        gaussians = gaussians.replace(quats=normalise(gaussians.quats))
        if file_format.slow and file_format.writable():
            from ft2os.formats import aside

            aside.write(file_format, temporary, gaussians, lambda: report("packing", 0, 0))
        else:
            file_format.write(temporary, gaussians)
    return file_format
