"""Gaussians ↔ the raw columns of a 3DGS PLY: logs, logits, quaternions of any length, channel-major SH.

Activation is not reversible to the bit (in float32 logit(sigmoid(x)) alone changes two opacities of three),
so `deactivate` takes the raw value of a source row wherever its activation is still what the Gaussian has,
and computes the rest. Both directions work in float64 and round once: the result then does not depend on
how a numpy build vectorises float32, and a row read on one machine is still untouched on another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np

from ft2os import activations
from ft2os.gaussians import Gaussians
from ft2os.pieces import Beat, no_beat, pieces

POSITION = ("x", "y", "z")
NORMAL = ("nx", "ny", "nz")
DC = ("f_dc_0", "f_dc_1", "f_dc_2")
OPACITY = ("opacity",)
SCALE = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
IDENTITY = tuple(f"obj_dc_{i}" for i in range(16))
REQUIRED = POSITION + DC + OPACITY + SCALE + ROTATION
_MOST_THREADS = 4  # more wait for memory
_MARGIN = 2.1e-9  # of an opacity from 0 and 1: logits of −20 and 20


def rest_names(degree: int) -> tuple[str, ...]:
    """Names of the higher bands: all red, all green, all blue."""
    return tuple(f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1)))


def degree_of(names: Iterable[str]) -> int | None:
    """Degree that the ``f_rest_*`` among ``names`` make, None where their number or numbering makes none."""
    rest = {n for n in names if n.startswith("f_rest_")}
    return next((d for d in range(5) if rest == set(rest_names(d))), None)


def names_of(columns: np.ndarray) -> tuple[str, ...]:
    """The properties of structured rows, in order."""
    return columns.dtype.names or ()


def table(columns: np.ndarray) -> np.ndarray | None:
    """All columns as one array without copying, where they are of one type without gaps.  [N, C]"""
    types = {columns.dtype[name] for name in names_of(columns)}
    width = len(names_of(columns))
    if len(types) != 1 or columns.dtype.itemsize != width * next(iter(types)).itemsize:
        return None
    return np.asarray(columns).view(next(iter(types))).reshape(len(columns), width)


def matrix(columns: np.ndarray, names: tuple[str, ...], dtype: type = np.float32) -> np.ndarray:
    """The named columns side by side, contiguous.  [N, len(names)]"""
    out = np.empty((len(columns), len(names)), dtype)
    flat, given = table(columns), names_of(columns)
    first = given.index(names[0]) if names else 0
    if flat is not None and given[first : first + len(names)] == tuple(names):
        out[:] = flat[:, first : first + len(names)]
        return out
    for rows in pieces(len(columns)):  # so that striding through columns stays in cache
        for j, name in enumerate(names):
            out[rows, j] = columns[name][rows]
    return out


def activate(columns: np.ndarray, degree: int, beat: Beat = no_beat) -> Gaussians:
    """Gaussians of raw rows, without ``source``, ``row`` and ``group``.

    A quaternion of length 0 becomes NaN, a log scale above 88 infinite: ``Gaussians.invalid`` finds both.
    """
    n = len(columns)
    shapes = {"means": (n, 3), "quats": (n, 4), "scales": (n, 3), "opacities": (n,)}
    shapes["sh"] = (n, (degree + 1) ** 2, 3)
    if set(IDENTITY) <= set(names_of(columns)):
        shapes["identity"] = (n, len(IDENTITY))
    out: dict[str, Any] = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}

    def fill(rows: slice) -> None:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for name, values in _activated(columns[rows], degree).items():
                out[name][rows] = values

    # A few rows at a time stay in cache on their way, and copying lets go of the interpreter.
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        filled: Any = pool.map(fill, pieces(n))  # a generator
        with closing(filled):  # which takes what waits off the queue, should the beat raise
            for _ in filled:
                beat()
    return Gaussians(**out)


def _activated(columns: np.ndarray, degree: int) -> dict[str, np.ndarray]:
    """The arrays of a few rows by their names in ``Gaussians``."""
    rest = matrix(columns, rest_names(degree)).reshape(len(columns), 3, -1).transpose(0, 2, 1)
    arrays = {
        "means": matrix(columns, POSITION),
        "quats": normalise(matrix(columns, ROTATION)),
        "scales": exp(matrix(columns, SCALE)),
        "opacities": sigmoid(matrix(columns, OPACITY))[:, 0],
        "sh": np.concatenate([matrix(columns, DC)[:, None], rest], axis=1),
    }
    if set(IDENTITY) <= set(names_of(columns)):
        arrays["identity"] = matrix(columns, IDENTITY)
    return arrays


def exp(raw: np.ndarray) -> np.ndarray:
    """Log scale → linear scale."""
    return np.exp(raw.astype(np.float64)).astype(np.float32)


def sigmoid(raw: np.ndarray) -> np.ndarray:
    """Logit → opacity."""
    return activations.sigmoid(raw.astype(np.float64)).astype(np.float32)


def normalise(raw: np.ndarray) -> np.ndarray:
    """Quaternion of any length → unit.  [N, 4]"""
    wide = raw.astype(np.float64)
    return (wide / np.sqrt((wide * wide).sum(axis=1, keepdims=True))).astype(np.float32)


def log(scales: np.ndarray) -> np.ndarray:
    """Linear scale → log; a scale of 0 gives the log of the smallest float32."""
    return np.log(np.maximum(scales.astype(np.float64), np.finfo(np.float32).tiny)).astype(np.float32)


def logit(opacities: np.ndarray) -> np.ndarray:
    """Opacity → logit; 0 and 1 give −20 and 20, which no picture tells from them."""
    return activations.logit(opacities.astype(np.float64), _MARGIN).astype(np.float32)


def deactivate(gaussians: Gaussians, raw: np.ndarray, out: np.ndarray) -> None:
    """Fill the Gaussian properties of ``out`` [N] from ``gaussians``.

    Parameters
    ----------
    gaussians : Gaussians
        What the rows shall mean, in the order of ``out``.
    raw : ndarray, structured, [N]
        For each row its source row's raw values (for rows without a source: anything).
    out : ndarray, structured, [N]
        Receives the raw values. Properties that are not a Gaussian's own are left alone.
    """
    g = gaussians
    known = g.row >= 0 if g.row is not None else np.zeros(len(g), bool)
    same_sh = degree_of(names_of(raw)) == g.degree
    rest = g.sh[:, 1:].transpose(0, 2, 1).reshape(len(g), len(rest_names(g.degree)))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        _put(out, POSITION, g.means, raw, known)
        _put(out, DC, g.sh[:, 0], raw, known)
        _put(out, rest_names(g.degree), rest, raw, known & same_sh)
        _put(out, OPACITY, g.opacities[:, None], raw, known, sigmoid, logit)
        _put(out, SCALE, g.scales, raw, known, exp, log)
        _put(out, ROTATION, g.quats, raw, known, normalise, whole=True)
        if g.identity is not None:
            _put(out, IDENTITY, g.identity, raw, known)


def read_group(column: np.ndarray) -> np.ndarray:
    """Group ids of a file's column; what is negative or not finite counts as none.  [N] int32"""
    if column.dtype.kind == "f":  # some tools know only float columns
        column = np.nan_to_num(column, nan=-1.0, posinf=-1.0, neginf=-1.0)
    return np.clip(column, -1, np.iinfo(np.int32).max).astype(np.int32)


def _put(
    out: np.ndarray,
    names: tuple[str, ...],
    values: np.ndarray,
    raw: np.ndarray,
    known: np.ndarray,
    forward: Callable[[np.ndarray], np.ndarray] | None = None,
    backward: Callable[[np.ndarray], np.ndarray] | None = None,
    whole: bool = False,
) -> None:
    """Write ``values`` [N, C] to columns: the raw number where ``forward`` of it is still the value.

    ``whole``: a row counts as unchanged only when all of its columns are (a quaternion).
    """
    fresh = values if backward is None else backward(values)
    if not names or not set(names) <= set(names_of(raw)):
        for j, name in enumerate(names):
            out[name] = fresh[:, j]
        return
    before = matrix(raw, names)
    same = _bits(before if forward is None else forward(before)) == _bits(values)
    same &= known[:, None]
    if whole:
        same &= same.all(axis=1, keepdims=True)
    for j, name in enumerate(names):
        out[name] = np.where(same[:, j], raw[name], fresh[:, j].astype(raw.dtype[name]))


def _bits(values: np.ndarray) -> np.ndarray:
    """Compared as integers, NaN equals itself and 0 differs from −0."""
    return np.ascontiguousarray(values, np.float32).view(np.int32)
