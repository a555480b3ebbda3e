"""Writing 3D Gaussian PLY files so that what was not touched keeps its bits.

Rows that came from a file go out in the file's order with its raw values, its extra properties and its
property order; new rows follow. A scene in which nothing changed is a copy of its file, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from os.path import isfile
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement

from ft2os.errors import FileError, InvalidValuesError
from ft2os.files import open_regular, replacing
from ft2os.formats.columns import (
    DC,
    IDENTITY,
    NORMAL,
    OPACITY,
    POSITION,
    ROTATION,
    SCALE,
    deactivate,
    names_of,
    read_group,
    rest_names,
)
from ft2os.gaussians import Gaussians


def save_ply(
    path: str | Path,
    gaussians: Gaussians,
    *,
    labels: dict[int, str] | None = None,
    inherit: np.ndarray | None = None,
) -> None:
    """Write Gaussians as a 3DGS PLY, and ``labels.json`` beside it.

    Parameters
    ----------
    path : path
        The file; it is replaced in one step once all is written.
    gaussians : Gaussians
        Rows with a source (``row`` ≥ 0) go first, in the source's order; a source row that occurs again
        and rows without a source (−1) follow in the order given.
    labels : dict of int to str, optional
        Names of the groups.
    inherit : ndarray, int32, [N], optional
        For rows without a source, the source row whose further properties (those that are not a Gaussian's
        own) they take over; −1: they are 0.

    Raises
    ------
    FileError
        If either file cannot be written, or the Gaussians are none or not valid; whatever was there is
        untouched.
    """
    path = Path(path)
    check_worth_writing(path, gaussians)
    with replacing(path) as temporary:
        if not (_untouched(gaussians) and _copy_source(temporary, gaussians)):
            order = _file_order(gaussians)
            rows = _rows(gaussians.subset(order), None if inherit is None else inherit[order])
            _write(temporary, rows, gaussians)
        if labels:  # before the scene is in its place: without room for its labels it does not go there
            _write_labels(path, labels)


def check_worth_writing(path: Path, gaussians: Gaussians) -> None:
    """Refuse to write what could not be read again.

    Raises
    ------
    FileError
        If there are no Gaussians, or some are not valid.
    """
    if not len(gaussians):
        raise FileError(f"There are no Gaussians to write to {path.name}.", "Select at least one.")
    if count := int(gaussians.invalid().sum()):
        raise InvalidValuesError(
            f"{path.name} is not written: {count:,} of the {len(gaussians):,} Gaussians have NaN or infinite "
            "values, or no rotation.",
            "Mend or delete these points.",
            count,
        )


def _file_order(gaussians: Gaussians) -> np.ndarray:
    """Indices that bring source rows into file order and put all else behind.  [N]"""
    n = len(gaussians)
    if gaussians.row is None or gaussians.source is None:
        return np.arange(n)
    key = gaussians.row.astype(np.int64)
    first = np.zeros(n, bool)
    first[np.unique(key, return_index=True)[1]] = True
    behind = (key < 0) | ~first
    key[behind] = len(gaussians.source.columns)
    return np.argsort(key, kind="stable")


def _untouched(gaussians: Gaussians) -> bool:
    """True if writing these Gaussians row by row would give the source's rows again."""
    source, row = gaussians.source, gaussians.row
    if source is None or row is None or len(row) != len(source.columns):
        return False
    if not np.array_equal(np.sort(row), np.arange(len(row), dtype=row.dtype)):
        return False
    before = source.group
    if gaussians.group is not None and (
        before is None or not np.array_equal(gaussians.group, before[gaussians.row])
    ):
        return False
    rows = _rows(gaussians.subset(np.argsort(row)), None, grouped=False)
    return rows.dtype == source.columns.dtype and _same_bytes(rows, source.columns)


def _same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Compared a million bytes at a time: the source is memory-mapped and may be larger than memory."""
    step = max(1, (1 << 20) // max(a.dtype.itemsize, 1))
    return all(a[i : i + step].tobytes() == b[i : i + step].tobytes() for i in range(0, len(a), step))


def _copy_source(path: Path, gaussians: Gaussians) -> bool:
    """Copy the source file if it still is what was read; False if it is gone or another one now."""
    source = gaussians.source
    if source is None or source.path is None:
        return False
    try:
        with open_regular(source.path) as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != source.sha256:
                return False
            stream.seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(stream, copy, 1 << 20)
    except FileError:
        return False
    return True


def _rows(gaussians: Gaussians, inherit: np.ndarray | None, grouped: bool = True) -> np.ndarray:
    """Structured rows for the file, in the order of ``gaussians``.  [N]"""
    source, row = gaussians.source, gaussians.row
    grouped = grouped and gaussians.group is not None
    dtype = _dtype(gaussians, grouped)
    out = np.zeros(len(gaussians), dtype)
    if source is None or row is None:
        raw = out
        gaussians = gaussians.replace(row=None)
    else:
        parents = row if inherit is None else np.where(row >= 0, row, inherit)
        raw = source.columns[np.maximum(parents, 0)]
        for name in set(names_of(out)) & set(names_of(raw)):
            out[name] = np.where(parents >= 0, raw[name], 0)
    deactivate(gaussians, raw, out)
    if gaussians.group is not None and "group" in names_of(out):
        same = read_group(out["group"]) == gaussians.group  # −7 and NaN mean −1 too, and stay what they are
        out["group"] = np.where(same, out["group"], gaussians.group)
    elif "group" in names_of(out) and row is not None:
        out["group"][row < 0] = -1
    return out


def _dtype(gaussians: Gaussians, grouped: bool) -> np.dtype:
    """The source's columns in their order and types, with what the Gaussians need besides."""
    rest = rest_names(gaussians.degree)
    if gaussians.source is not None and gaussians.row is not None:
        columns = gaussians.source.columns
        fields: list[tuple[str, np.dtype]] = [(n, columns.dtype[n]) for n in names_of(columns)]
        before = [n for n, _ in fields if n.startswith("f_rest_")]
        if set(before) != set(rest):  # another degree: all bands in the usual place
            fields = [f for f in fields if f[0] not in before]
            at = max(i for i, f in enumerate(fields) if f[0] in DC) + 1
            fields[at:at] = [(n, np.dtype("<f4")) for n in rest]
    else:
        names = [*POSITION, *NORMAL, *DC, *rest, *OPACITY, *SCALE, *ROTATION]
        names += IDENTITY if gaussians.identity is not None else ()
        fields = [(n, np.dtype("<f4")) for n in names]
    if grouped and "group" not in dict(fields):
        fields.append(("group", np.dtype("<i4")))
    return np.dtype(fields)


def _write(path: Path, rows: np.ndarray, gaussians: Gaussians) -> None:
    source = gaussians.source
    big = any(rows.dtype[n].byteorder == ">" for n in names_of(rows))
    rows = rows.astype(rows.dtype.newbyteorder(">" if big else "<"), copy=False)
    data = PlyData(
        [PlyElement.describe(rows, "vertex"), *(source.others if source else ())],
        byte_order=">" if big else "<",
        comments=list(source.comments) if source else [],
    )
    data.write(str(path))


def _write_labels(path: Path, labels: dict[int, str]) -> None:
    """``labels.json`` beside the file, or ``<stem>.labels.json`` where another scene's lies there already."""
    text = json.dumps({str(k): v for k, v in sorted(labels.items())}, indent=1, ensure_ascii=False) + "\n"
    data = text.encode("utf-8", "replace")  # half a character, which no file can hold
    target = path.with_name("labels.json")
    if isfile(target) and not _holds(target, data):
        target = path.with_name(f"{path.stem}.labels.json")
    with replacing(target) as temporary:
        temporary.write_bytes(data)


def _holds(path: Path, data: bytes) -> bool:
    with open_regular(path) as stream:
        return stream.read(len(data) + 1) == data
