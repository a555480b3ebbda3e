"""The editor "folder": an artist changes the views in any program, and what she saved is taken as the edit.

It needs no weights and no GPU. What came back may be of another size or format, with an alpha channel, or not
be there: it is used, or named. It edits once; another round is another folder, see `view_folder`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ft2os.errors import Ft2osError, RequestError
from ft2os.guidance.editors import view_folder
from ft2os.guidance.editors.door import Flags, Task, Tick
from ft2os.guidance.editors.view_folder import LEAST, ViewFolder

log = logging.getLogger(__name__)

_STRETCH = 1.1  # of the aspect: what a program changes by rounding, or an artist by a careless export
_BLOCK = 32  # pixels: over so many the losses of JPEG and of another size even out
_SAME = 2.5 / 255  # JPEG of quality 60 moves such a mean by 2.3 / 255, a red dot of 8 pixels by 5 and more
_SHOWN = 4  # names in a sentence
_MISSING, _UNCHANGED, _FOREIGN = "missing", "unchanged", "not of this folder"


class Folder:
    """What an artist saved in a folder of views.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    views : ViewFolder
        Whose cameras the object must be looked at with.
    left_out : dict of str to str
        Why a view is not used, by name; known after the first `edit`.

    Raises
    ------
    FileError
        If it is no folder of views.
    """

    name = "folder"
    title = "Folder"
    flags = Flags(batch=True)

    def __init__(self, path: str | Path) -> None:
        self.views: ViewFolder = view_folder.read(path)
        self.left_out: dict[str, str] = {}
        self._edits: dict[str, Path] | None = None

    def edit(self, task: Task, tick: Tick) -> list[np.ndarray | None]:
        """The artist's pictures for the task's views, of the task's size; None where there is none.

        Raises
        ------
        RequestError
            If fewer than three views of the whole folder were edited.
        """
        if self._edits is None:
            self._edits = self._survey(lambda share: tick(0.8 * share))
        edited: list[np.ndarray | None] = []
        for i, (name, picture) in enumerate(zip(task.names, task.pictures)):
            height, width = picture.shape[:2]
            edited.append(self._read(name, width, height))
            tick(0.8 + 0.2 * (i + 1) / len(task.names))
        return edited

    def close(self) -> None:
        """Nothing is held."""

    def _survey(self, tick: Tick) -> dict[str, Path]:
        """The file of each view that was edited; what was not is noted and said."""
        edits = {}
        for i, (name, files) in enumerate(self.views.saved().items()):
            found = self._find(name, files)
            if isinstance(found, Path):
                edits[name] = found
            else:
                self.left_out[name] = found
            tick((i + 1) / len(self.views.names))
        if len(edits) < min(LEAST, len(self.views.names)):
            raise RequestError(
                f"Only {len(edits)} of the {len(self.views.names)} views in {self.views.path} can be used: "
                f"{told(self.left_out)}.",
                f"Change {LEAST} or more of the pictures view_….png, from different sides, and save them.",
            )
        if self.left_out:
            log.warning("not used of %s: %s", self.views.path, told(self.left_out))
        return edits

    def _find(self, name: str, files: list[Path]) -> Path | str:
        """The first of a view's pictures that was changed, or why there is none."""
        why = []
        for file in files:
            try:
                if self._changed(name, file):
                    return file
                why.append(_UNCHANGED)
            except Ft2osError as error:
                why.insert(0, error.message.rstrip("."))  # says more than that another is unchanged
        return why[0] if why else _MISSING

    def _changed(self, name: str, file: Path) -> bool:
        """Whether a picture shows something else than what was handed out, beyond a program's rounding."""
        camera = self.views.cameras[0]
        found = _picture(file, camera.width, camera.height)
        try:
            before = _picture(self.views.given(name), camera.width, camera.height)
        except Ft2osError:  # not there any more: nothing to compare with
            return True
        return float(np.abs(_blocks(found) - _blocks(before)).max()) > _SAME

    def _read(self, name: str, width: int, height: int) -> np.ndarray | None:
        file = (self._edits or {}).get(name)
        if file is None:
            self.left_out.setdefault(name, _FOREIGN)
            return None
        try:
            return _picture(file, width, height)
        except Ft2osError as error:  # it was whole a moment ago: the artist is saving it
            self.left_out[name] = error.message.rstrip(".")
            return None


def told(left_out: Mapping[str, str]) -> str:
    """Which views are left out and why, in a part of a sentence: "view_003 is missing"."""
    parts = []
    for reason in (_MISSING, _UNCHANGED, _FOREIGN):
        if names := [name for name, why in left_out.items() if why == reason]:
            parts.append(f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {reason}")
    others = [why for why in left_out.values() if why not in (_MISSING, _UNCHANGED, _FOREIGN)]
    more = [f"{len(others) - _SHOWN} more cannot be read"] if len(others) > _SHOWN else []
    return "; ".join(parts + others[:_SHOWN] + more)


def _listed(names: list[str]) -> str:
    if len(names) > _SHOWN:
        return f"{', '.join(names[: _SHOWN - 1])} and {len(names) - _SHOWN + 1} more"
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def _picture(file: Path, width: int, height: int) -> np.ndarray:
    """A file's picture over grey, at this size.  [H, W, 3]

    Raises
    ------
    FileError, RequestError
        If it cannot be read, or has another shape.
    """
    from ft2os.guidance import picture_file

    found = picture_file.over_grey(*picture_file.read(file, max(width, height)))
    stretch = (found.shape[1] / found.shape[0]) / (width / height)
    if not 1 / _STRETCH <= stretch <= _STRETCH:
        shape = f"{found.shape[1]} : {found.shape[0]}"
        raise RequestError(
            f"{file.name} has another shape, {shape} instead of {width} : {height}.",
            "Keep the canvas as it was.",
        )
    return picture_file.resized(found, width, height)


def _blocks(picture: np.ndarray) -> np.ndarray:
    """Means over blocks of a picture [H, W, 3]; what is left at its right and lower edge is cut off."""
    rows, columns = (max(side // _BLOCK, 1) for side in picture.shape[:2])
    cut = picture[: rows * (picture.shape[0] // rows), : columns * (picture.shape[1] // columns)]
    return cut.reshape(rows, cut.shape[0] // rows, columns, cut.shape[1] // columns, 3).mean(axis=(1, 3))
