"""Loading a scene: a file of any format, or the output folder of Inria's 3DGS or Gaussian Grouping.

Everything that lies beside the Gaussians and belongs to them is picked up: group names, the classifier that
turns identity features into groups, cameras.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from os.path import isfile  # unlike Path.is_file also says no to names that no file can have
from pathlib import Path

import numpy as np

from ft2os import budget
from ft2os.cameras import load_cameras
from ft2os.cameras.camera import Camera
from ft2os.cameras.files import SizeOf, find_cameras
from ft2os.errors import FileError, InvalidValuesError
from ft2os.files import brief, read_error
from ft2os.formats import grouping, registry
from ft2os.formats.columns import IDENTITY, REQUIRED, degree_of, matrix, names_of, rest_names, table
from ft2os.formats.ply import ITERATION
from ft2os.formats.scene import Scene
from ft2os.gaussians import Gaussians, all_usable
from ft2os.pieces import Beat, no_beat
from ft2os.strict_json import read_json

log = logging.getLogger(__name__)
_ID = re.compile(r"-?\d{1,10}", re.ASCII)
Progress = Callable[[str, int, int], None]


def load_scene(
    path: str | Path,
    *,
    drop_invalid: bool = False,
    progress: Progress | None = None,
    size_of: SizeOf | None = None,
) -> Scene:
    """Read a scene.

    Parameters
    ----------
    path : path
        A file of one of ``registry.FORMATS``, or a folder: ``point_cloud/iteration_N/point_cloud.ply`` (the
        highest N), or one with a single scene in it.
    drop_invalid : bool
        Leave out Gaussians with NaN or infinite values instead of refusing the file.
    progress : callable, optional
        Called as ``progress(stage, step, total)``, many times a second, the same step again where one is
        long. What it raises ends the work: so `CancelledError` cancels it.
    size_of : callable, optional
        See `load_cameras`.

    Returns
    -------
    Scene

    Raises
    ------
    FileError
        If there is no scene, or it cannot be understood.
    InvalidValuesError
        If values are NaN or infinite and ``drop_invalid`` is off.
    """
    report = progress or (lambda stage, step, total: None)
    if not str(path):  # Path("") would be the current folder
        raise FileError("No file was named.", "Choose a splat file or the output folder of a 3DGS training.")
    file = find_file(Path(path))
    report("reading", 0, 3)
    file_format = registry.for_reading(file)
    budget.check_memory(file.stat().st_size, file.name)
    try:
        gaussians = file_format.read(file, lambda: report("reading", 0, 3))
    except MemoryError as error:
        raise FileError(
            f"{file.name} needs more memory than there is.", "Close other programs, or use a smaller file."
        ) from error
    report("checking values", 1, 3)
    gaussians = _without_invalid(gaussians, file, drop_invalid)
    report("finding groups", 2, 3)
    beat = lambda: report("finding groups", 2, 3)  # noqa: E731
    kind = file_format.name if gaussians.identity is None else grouping.NAME
    scene = with_sidecars(_grouped(gaussians, file, beat), file, kind, size_of, beat)
    report("done", 3, 3)
    return scene


def with_sidecars(
    gaussians: Gaussians, file: Path, kind: str, size_of: SizeOf | None = None, beat: Beat = no_beat
) -> Scene:
    """The scene of Gaussians that were read from ``file``, with all that lies beside it and belongs to it."""
    return Scene(gaussians, _labels(file), _cameras(file, size_of, beat), file, kind, _settings(file))


def find_file(path: Path) -> Path:
    """The file that ``path``, a file or an output folder, stands for."""
    try:
        if not path.is_dir():
            return path
        laid_out = registry.in_folder(path)
        if laid_out is not None:
            return laid_out
        files = sorted(p for p in path.iterdir() if _is_scene(p))
    except OSError as error:
        raise read_error(path, error) from error
    if len(files) == 1:
        return files[0]
    named = ", ".join(p.name for p in files[:5])
    if files:
        raise FileError(f"{path} holds several scenes ({named}).", "Name the one you mean.")
    raise FileError(
        f"{path} is not an output folder: it has no point_cloud/iteration_N/point_cloud.ply.",
        "Choose a splat file or the folder that a 3DGS training has written.",
    )


def _is_scene(path: Path) -> bool:
    """Whether a file in a folder ends like a scene. An index alone is none: other tools use such names."""
    named = registry.by_name(path)
    return named is not None and named.ending_of(path.name) != "" and isfile(path)


def _without_invalid(gaussians: Gaussians, file: Path, drop: bool) -> Gaussians:
    bad = gaussians.invalid()
    if gaussians.source is not None:
        bad |= _invalid_rows(gaussians.source.columns, gaussians.identity is not None)
    count = int(bad.sum())
    if not count:
        return gaussians
    if not drop:
        raise InvalidValuesError(
            f"{count:,} of the {len(gaussians):,} Gaussians in {file.name} have NaN or infinite values.",
            "Leave them out with --drop-invalid (in Blender: tick “Drop Invalid” when importing).",
            count,
        )
    if count == len(gaussians):
        raise FileError(f"All Gaussians in {file.name} have NaN or infinite values.", "Use another file.")
    log.info("left out %d Gaussians with NaN or infinite values", count)
    return gaussians.subset(~bad)


def _invalid_rows(columns: np.ndarray, identity: bool) -> np.ndarray:
    """True where a raw number is not finite. An infinite logit has a finite opacity, but no tool means it."""
    names = REQUIRED + rest_names(degree_of(names_of(columns)) or 0) + (IDENTITY if identity else ())
    bad = np.zeros(len(columns), bool)
    flat = table(columns)
    if flat is not None and all_usable(flat):
        return bad
    for start in range(0, len(bad), 1 << 16):
        rows = slice(start, start + (1 << 16))
        with np.errstate(over="ignore"):  # a double that no float32 holds is as bad as an infinite one
            bad[rows] = ~np.isfinite(matrix(columns[rows], names)).all(axis=1)
    return bad


def _grouped(gaussians: Gaussians, file: Path, beat: Beat) -> Gaussians:
    """With group ids from the file's own column, or from Gaussian Grouping's classifier beside it."""
    classifier = file.with_name("classifier.pth")
    source, row = gaussians.source, gaussians.row
    if gaussians.identity is None or source is None or row is None:
        return gaussians
    if gaussians.group is not None or not isfile(classifier):
        return gaussians
    group = grouping.classify(gaussians.identity, *grouping.read_classifier(classifier), beat)
    of_rows = np.full(len(source.columns), -1, np.int32)
    of_rows[row] = group
    return gaussians.replace(group=group, source=source.with_group(of_rows))


def _labels(file: Path) -> dict[int, str]:
    """Names of groups: ``<stem>.labels.json`` or ``labels.json`` beside the file or in the output folder."""
    named_alike = file.with_name(f"{file.stem}.labels.json")
    for path in (named_alike, *(folder / "labels.json" for folder in _folders(file))):
        if isfile(path):
            return _read_labels(path)
    return {}


def _read_labels(path: Path) -> dict[int, str]:
    try:
        entries = read_json(path)
        if not isinstance(entries, dict):
            raise ValueError("it is no object")
        budget.check(len(entries), budget.MOST_LABELS, "names")
        return {_group_id(k): _name(v) for k, v in entries.items()}
    except (ValueError, FileError) as error:
        raise FileError(
            f"{path} does not hold group names: {brief(error)}.",
            'It should read like {"3": "truck"}; mend or remove it.',
        ) from error


def _group_id(text: str) -> int:
    if not _ID.fullmatch(text) or abs(int(text)) >= 2**31:
        raise ValueError(f"{brief(text)!r} is no group")
    return int(text)


def _name(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError("a name is no text")
    return str(value)[: budget.MOST_NAME]


def _cameras(file: Path, size_of: SizeOf | None, beat: Beat) -> list[Camera]:
    """Cameras beside a scene. They may be another scene's, so broken ones cost a warning only."""
    for folder in _folders(file):
        cameras = find_cameras(folder)
        if cameras is None:
            continue
        try:
            return load_cameras(cameras, size_of, beat)
        except FileError as error:
            log.warning("the scene comes without its cameras: %s", error.message)
    return []


def _settings(file: Path) -> dict[str, object]:
    """The training's settings; nothing depends on them, so a broken file costs a warning only."""
    path = _folders(file)[-1] / "cfg_args"
    if not isfile(path):
        return {}
    try:
        return grouping.read_cfg_args(path)
    except FileError as error:
        log.warning("%s", error.message)
        return {}


def _folders(file: Path) -> list[Path]:
    """Where things beside a PLY lie: its folder, and the output folder it is in."""
    folders = [file.parent]
    if ITERATION.fullmatch(file.parent.name) and file.parent.parent.name == "point_cloud":
        folders.append(file.parent.parent.parent)
    return folders
