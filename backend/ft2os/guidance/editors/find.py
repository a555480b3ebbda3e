"""From a name to an editor: a row of the catalogue, a folder, or a server that runs already."""

from __future__ import annotations

import os
from os.path import isfile
from pathlib import Path

from ft2os.cameras.camera import Camera
from ft2os.errors import MissingError, RequestError
from ft2os.gaussians import Gaussians
from ft2os.guidance.editors import catalogue, fetch, view_folder
from ft2os.guidance.editors.door import Editor
from ft2os.guidance.editors.options import Options
from ft2os.guidance.editors.plan import plan_row, this_machine

AUTO, COMFYUI = "auto", "comfyui"
VIEWS_FILE, PIPELINE_FILE = "cameras.json", "model_index.json"


def find(
    name: str, options: Options | None = None, *, download: bool | None = None, memory: int | None = None
) -> Editor:
    """The editor of that name; nothing heavy is loaded before its first edit.

    Parameters
    ----------
    name : str
        A row of the catalogue; the folder of a pipeline of diffusers (it has ``model_index.json``); the
        folder of views that ``ft2os views`` wrote (it has ``cameras.json``); "comfyui"; or "auto", which is
        the first row whose weights are here and fit.
    options : Options, optional
    download : bool, optional
        Whether weights whose licence was accepted may be fetched. Default: `weights.may_download`.
    memory : int, optional
        Bytes that it may take on its device. Default: what is free.

    Raises
    ------
    RequestError
        If there is no such editor, or it cannot do what the options ask for.
    MissingError
        If its packages or weights are not here, or it does not fit this machine; says which editor does.
    FileError
        If its folder is damaged or holds another model.
    """
    options = options or Options()
    if name == AUTO:
        name = _ready(options, memory)
    if name == COMFYUI:
        from ft2os.guidance.editors.comfyui import ComfyUI

        return ComfyUI(options)
    row, folder = catalogue.rows().get(name), _folder(name)
    if row is None and isfile(folder / VIEWS_FILE):
        from ft2os.guidance.editors.folder import Folder

        return Folder(folder)
    if row is None and not isfile(folder / PIPELINE_FILE):
        raise _unknown(name, folder)
    from ft2os.guidance.editors import load

    return load.editor(row or folder, options, download=download, memory=memory)


def cameras_of(name: str, target: Gaussians | None = None) -> list[Camera] | None:
    """The cameras that an editor's pictures belong to: a folder of views has its own; None for any other.

    Parameters
    ----------
    name : str
        See `find`.
    target : Gaussians, optional
        The object that they must look at.

    Raises
    ------
    FileError
        If the folder is damaged.
    RequestError
        If its views are of another object.
    """
    folder = _folder(name)
    if name in (AUTO, COMFYUI, *catalogue.rows()) or not isfile(folder / VIEWS_FILE):
        return None
    views = view_folder.read(folder)
    if target is not None:
        views.check_shows(target)
    return views.cameras


def _folder(name: str) -> Path:
    """The folder of that name, which may be anything: nobody's home, or too long for a path."""
    return Path(os.path.expanduser(name))


def _ready(options: Options, memory: int | None) -> str:
    """The first row that could edit now."""
    machine = this_machine(memory)
    for row in catalogue.rows().values():
        if plan_row(machine, row, options.memory) and fetch.folder_of(row):
            return row.name
    fitting = [row.name for row in catalogue.rows().values() if plan_row(machine, row, options.memory)]
    ways = (
        f"Fetch one that fits this machine ({', '.join(fitting)}): ft2os editors. Or use"
        if fitting
        else "Use"
    )
    raise MissingError(
        "There is no editor of pictures ready on this machine.",
        f"{ways} a folder that ft2os views wrote, comfyui, or the method material, which needs none.",
    )


def _unknown(name: str, folder: Path) -> RequestError:
    known = ", ".join([AUTO, *catalogue.rows(), COMFYUI])
    if os.path.isdir(folder):
        return RequestError(
            f"The folder {name} holds neither views nor a pipeline of diffusers.",
            f"`ft2os views` writes views ({VIEWS_FILE}); a pipeline has a {PIPELINE_FILE}.",
        )
    return RequestError(f'There is no editor "{name}".', f"Name one of {known}, or a folder.")
