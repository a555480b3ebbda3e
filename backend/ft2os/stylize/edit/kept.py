"""The edits of a run on the disk: a PNG a view and round, so that a run can go on and an artist can step in.

``round_0/view_003.png`` is the edit of a view as the fit gets it. What is read back is what the first run
fitted, bit for bit, so a resumed run ends where an uninterrupted one does. A picture that was changed by hand
in between is used as it is now, and what later rounds made of the old one is edited anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ft2os.colour import to_uint8
from ft2os.errors import FileError, RequestError
from ft2os.files import check_writable, replacing
from ft2os.guidance import picture_file
from ft2os.guidance.editors import door
from ft2os.strict_json import read_json

INDEX = "edits.json"
_VERSION = 1
_LARGEST = 4096  # pixels of a view's longer side


class Edits:
    """The edits of one run.

    Parameters
    ----------
    folder : Path, optional
        Where they are kept; nowhere if left out, and then nothing outlives the run.
    digest : str
        Of everything that decides the edits.
    resume : bool
        Use what lies there, if it is of the same run.

    Raises
    ------
    RequestError
        If the folder holds something else, or edits of another run that should go on.
    FileError
        If nothing can be written there, or its index is damaged.
    """

    def __init__(self, folder: Path | None, digest: str, resume: bool) -> None:
        self._folder, self.digest = folder, digest
        self._written: dict[str, str] = {}
        if folder is None:
            return
        check_writable(folder / INDEX)
        index = _index(folder)
        if resume and index:
            if index.get("digest") != digest:
                raise RequestError(
                    f"The edits in {folder} are of another run: another object, prompt, seed or setting.",
                    "Start anew without resume, or name another folder.",
                )
            self._written = dict(index["edits"])
            self._drop_outdated()
            return
        self._clear()

    def get(self, round: int, name: str, size: tuple[int, int]) -> np.ndarray | None:
        """The edit of a view of [H, W] in a round, float32 [H, W, 3]; None where there is none yet."""
        key = _key(round, name)
        if self._folder is None or key not in self._written:
            return None
        found = picture_file.over_grey(*picture_file.read(self._path(key), _LARGEST))
        return door.resized(found, size)

    def put(self, round: int, name: str, picture: np.ndarray) -> np.ndarray:
        """Keep an edit [H, W, 3]; what it is to the fit, with the colours that a PNG holds."""
        exact = to_uint8(picture)
        if self._folder is not None:
            key = _key(round, name)
            path = self._path(key)
            with replacing(path) as temporary:
                Image.fromarray(exact).save(temporary, "PNG", compress_level=1)
            self._written[key] = _sum(path)
            self._write()
        return exact.astype(np.float32) / 255

    def remove(self) -> None:
        """Remove what this run has kept, as far as nobody holds it: the look that came of it counts more."""
        if self._folder is None:
            return
        with suppress(OSError):
            self._clear()
            self._folder.rmdir()  # unless something else is in it

    def _drop_outdated(self) -> None:
        """Forget what is gone, and every later round's edits where one was changed by hand."""
        present = {key: _sum(self._path(key)) for key in self._written if self._path(key).is_file()}
        by_hand = [key for key, now in present.items() if now != self._written[key]]
        lost = [key for key in self._written if key not in present]
        first = min((_round(key) for key in (*by_hand, *lost)), default=None)
        later = [key for key in present if first is not None and _round(key) > first]
        stale = [key for key in later if key not in by_hand]
        for key in stale:
            self._path(key).unlink()
            del present[key]
        self._written = present
        self._write()

    def _clear(self) -> None:
        """Remove the rounds of a run before: only in a folder that is empty or has an index of ours."""
        assert self._folder is not None
        if self._folder.is_dir() and any(self._folder.iterdir()) and not (self._folder / INDEX).is_file():
            raise RequestError(
                f"The folder {self._folder} holds something else than edits.",
                "Name an empty folder, or one that does not exist yet.",
            )
        for rounds in self._folder.glob("round_*"):
            shutil.rmtree(rounds)
        (self._folder / INDEX).unlink(missing_ok=True)
        self._written = {}

    def _write(self) -> None:
        assert self._folder is not None
        text = json.dumps({"version": _VERSION, "digest": self.digest, "edits": self._written}, indent=1)
        with replacing(self._folder / INDEX) as temporary:
            temporary.write_text(text, "utf-8")

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{key}.png"


def _index(folder: Path) -> dict[str, Any] | None:
    """What the index says, None where there is none.

    Raises
    ------
    FileError
        If it is damaged.
    """
    path = folder / INDEX
    if not path.is_file():
        return None
    try:
        index = read_json(path)
        if index["version"] != _VERSION or not all(
            _is_key(key) and isinstance(value, str) for key, value in index["edits"].items()
        ):
            raise ValueError(index["version"])
        return index
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(f"{path} is damaged.", "Remove it, and start anew without resume.") from error


def _key(round: int, name: str) -> str:
    return f"round_{round}/{name}"


def _is_key(key: str) -> bool:
    """Whether it is one that `_key` makes: it becomes a path."""
    folder, _, name = key.partition("/")
    return folder.removeprefix("round_").isdecimal() and name.replace("_", "").isalnum()


def _round(key: str) -> int:
    return int(key.partition("/")[0].removeprefix("round_"))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
