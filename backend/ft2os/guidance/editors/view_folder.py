"""The folder in which an artist edits an object's views: what lies in it, written and read.

``view_000.png`` and so on are the pictures to edit, over grey; ``masks`` holds where the object is,
``originals`` the object as it was before any look, and ``cameras.json`` from where each picture was taken. A
folder of a later round has ``given`` too: its pictures show a look, and there they are as they were handed
out. Whatever is in the folder afterwards is foreign data. Numpy only: Blender lists the folder's state.
"""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

import numpy as np

from ft2os.cameras.camera import Camera, checked
from ft2os.errors import FileError, RequestError
from ft2os.files import brief, new_folder, read_error
from ft2os.gaussians import Gaussians
from ft2os.strict_json import read_json

CAMERAS = "cameras.json"
LEAST = 3  # edited views: fewer say too little of an object
MOST = 1000  # views
LARGEST = 4096  # pixels on a side
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_FORMAT = "ft2os views"
_MASKS, _ORIGINALS, _GIVEN = "masks", "originals", "given"
_MOST_WORDS = 200  # characters of a scene's or a group's name
_AGAIN = "Write the views again with 'ft2os views'."
_SHARE_SEEN = 0.5  # of the object's Gaussians that a picture cropped to it shows; specks lie outside
_LEAST_SIZE = 0.2  # of the picture's side that the object takes up
_FAINT = 0.05  # opacity

SavePicture = Callable[[np.ndarray, Path], None]


@dataclass(frozen=True)
class Shot:
    """One view to write: its camera, and pictures of uint8, [H, W, 3], ``mask`` [H, W]."""

    camera: Camera
    given: np.ndarray
    original: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class ViewFolder:
    """A folder of views.

    Parameters
    ----------
    path : Path
    cameras : list of Camera
        All of one size, that of the pictures as they were written; each named like its view.
    scene, group : str
        The scene's file and the object's name, for people.
    look : str
        The look that the pictures show; empty where they show the object as it is.
    """

    path: Path
    cameras: list[Camera]
    scene: str
    group: str
    look: str

    @property
    def names(self) -> list[str]:
        """The views' names: "view_000"."""
        return [camera.name for camera in self.cameras]

    def given(self, name: str) -> Path:
        """The picture as it was handed out."""
        return self.path / (_GIVEN if self.look else _ORIGINALS) / f"{name}.png"

    def saved(self) -> dict[str, list[Path]]:
        """The pictures that are there for each view, the newest first: programs save under other endings.

        Raises
        ------
        FileError
            If the folder cannot be listed.
        """
        found: dict[str, list[tuple[int, Path]]] = {name: [] for name in self.names}
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    stem, ending = os.path.splitext(entry.name.lower())
                    if ending in ENDINGS and stem in found and entry.is_file():
                        found[stem].append((-entry.stat().st_mtime_ns, Path(entry.path)))
        except OSError as error:
            raise read_error(self.path, error) from error
        return {name: [path for _, path in sorted(files)] for name, files in found.items()}

    def check_shows(self, gaussians: Gaussians) -> None:
        """Check that the cameras look at an object: each picture was cropped to it.

        Raises
        ------
        RequestError
            If most of them do not.
        """
        solid = gaussians.opacities > _FAINT
        means = gaussians.means[solid] if solid.any() else gaussians.means
        if sum(_shows(camera, means) for camera in self.cameras) <= len(self.cameras) / 2:
            raise RequestError(
                f"The views in {self.path} are of another object: their cameras do not look at this one.",
                f"They were written of {self.group or 'all'} in {self.scene}; choose that object, or write "
                "views of this one with 'ft2os views'.",
            )


@dataclass(frozen=True)
class State:
    """How far the artist is: which of the views she has changed, and which are not there any more."""

    views: int
    edited: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether there is enough to fit."""
        return len(self.edited) >= min(LEAST, self.views)

    def __str__(self) -> str:
        gone = f", {len(self.missing)} missing" if self.missing else ""
        return f"{len(self.edited)} of {self.views} views edited{gone}"


def name_of(i: int) -> str:
    """What the view in place ``i`` is called."""
    return f"view_{i:03d}"


def write(
    path: str | Path, shots: Iterable[Shot], save: SavePicture, *, scene: str, group: str, look: str = ""
) -> None:
    """Write a new folder, whole or not at all.

    Parameters
    ----------
    path : path
        Nothing, or an empty folder.
    shots : iterable of Shot
        Taken one by one; all of one size.
    save : callable
        Writes a picture as PNG: ``save(pixels, file)``.
    scene, group, look : str
        See `ViewFolder`; ``look`` is not empty where ``given`` is not the original.

    Raises
    ------
    FileError
        If something is in it already, or it cannot be written.
    """
    with new_folder(path) as folder:
        for name in (_MASKS, _ORIGINALS, *([_GIVEN] if look else [])):
            (folder / name).mkdir()
        views = []
        for shot in shots:
            file = f"{shot.camera.name}.png"
            save(shot.given, folder / file)
            save(shot.mask, folder / _MASKS / file)
            save(shot.original, folder / _ORIGINALS / file)
            if look:
                save(shot.given, folder / _GIVEN / file)
            views.append(_entry(shot.camera))
        text = _text(views, scene=scene[:_MOST_WORDS], group=group[:_MOST_WORDS], look=look[:_MOST_WORDS])
        (folder / CAMERAS).write_text(text, encoding="utf-8", errors="backslashreplace")


def read(path: str | Path) -> ViewFolder:
    """The folder, with its cameras checked; no picture is looked at yet.

    Raises
    ------
    FileError
        If it is not one of ours, or damaged.
    """
    path = Path(path)
    if not isfile(path / CAMERAS):
        reason = "it holds no cameras.json" if path.is_dir() else "there is no such folder"
        raise FileError(f"{path} is no folder of views: {reason}.", _AGAIN)
    content = read_json(path / CAMERAS)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FileError(f"{path / CAMERAS} is of another program, not a folder of views.", _AGAIN)
    try:
        size = (_whole(content["width"]), _whole(content["height"]))
        entries = content["views"]
        if not isinstance(entries, list) or not 0 < len(entries) <= MOST:
            raise ValueError(f"it must list 1 to {MOST} views")
        with np.errstate(all="ignore"):  # what wild numbers make, `checked` refuses
            cameras = [_camera(entry, i, size) for i, entry in enumerate(entries)]
        words = [_words(content.get(name) or "") for name in ("scene", "group", "look")]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileError(f"{path / CAMERAS} is damaged: {brief(error)}.", _AGAIN) from error
    return ViewFolder(path, cameras, *words)


def state(path: str | Path) -> State:
    """How far the artist is, from the files' bytes alone: no picture is decoded.

    Raises
    ------
    FileError
        As `read`, or if a file cannot be read.
    """
    folder = read(path)
    saved = folder.saved()
    try:
        edited = tuple(n for n, files in saved.items() if any(_differs(f, folder.given(n)) for f in files))
    except OSError as error:
        raise read_error(folder.path, error) from error
    return State(len(saved), edited, tuple(name for name, files in saved.items() if not files))


def _differs(file: Path, given: Path) -> bool:
    """Whether a file holds other bytes than the picture that was handed out."""
    return not (isfile(given) and filecmp.cmp(file, given, shallow=False))


def _shows(camera: Camera, means: np.ndarray) -> bool:
    """Whether a picture shows most of these points [N, 3], and large enough."""
    x, y, z = camera.viewmat[:3, :3] @ means.T + camera.viewmat[:3, 3:]
    with np.errstate(all="ignore"):
        u = (camera.K[0, 0] * x / z + camera.K[0, 2]) / camera.width
        v = (camera.K[1, 1] * y / z + camera.K[1, 2]) / camera.height
    inside = (z > 0) & (u > 0) & (u < 1) & (v > 0) & (v < 1)
    if inside.mean() < _SHARE_SEEN:
        return False
    return max(np.ptp(np.percentile(side[inside], [1, 99])) for side in (u, v)) > _LEAST_SIZE


def _text(views: list[dict], *, scene: str, group: str, look: str) -> str:
    size = {side: views[0].pop(side) for side in ("width", "height")}
    for view in views[1:]:
        if {side: view.pop(side) for side in size} != size:
            raise ValueError("views of one folder have one size")
    head = {
        "format": _FORMAT,
        "axes": "OpenCV: x right, y down, z forward; viewmat is world to camera, in pixels of these pictures",
        "scene": scene,
        "group": group,
        "look": look,
        **size,
    }
    lines = ",\n".join(f"  {json.dumps(view)}" for view in views)
    return f'{json.dumps(head, indent=1)[:-2]},\n "views": [\n{lines}\n ]\n}}\n'


def _entry(camera: Camera) -> dict:
    K = camera.K.astype(float)
    return {
        "name": camera.name,
        "width": camera.width,
        "height": camera.height,
        "focal": [K[0, 0], K[1, 1]],
        "centre": [K[0, 2], K[1, 2]],
        "viewmat": camera.viewmat.astype(float).tolist(),
    }


def _camera(entry: dict, i: int, size: tuple[int, int]) -> Camera:
    name = name_of(i)
    if entry["name"] != name:
        raise ValueError(f"the view in place {i} is not called {name}")
    focal, centre = (np.array(entry[key], np.float32) for key in ("focal", "centre"))
    viewmat = np.array(entry["viewmat"], np.float32)
    if focal.shape != (2,) or centre.shape != (2,) or viewmat.shape != (4, 4):
        raise ValueError(f"the camera of {name} has the wrong shape")
    if viewmat[3].tolist() != [0, 0, 0, 1]:
        raise ValueError(f"the camera of {name} is no pose")
    K = np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]], np.float32)
    try:
        return checked(Camera(viewmat, K, *size, name=name))
    except ValueError as error:
        raise ValueError(f"the camera of {name} cannot be used, {error}") from error


def _whole(value: object) -> int:
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise ValueError(f"its pictures must have 1 to {LARGEST} pixels a side")
    return value


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name is no text")
    return value[:_MOST_WORDS]
