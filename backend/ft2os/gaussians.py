"""The Gaussians: one type for every room, numpy arrays only.

Values are activated (linear scales, opacities in 0..1, unit quaternions) and colours are raw spherical
harmonics as files store them. Logs, logits and file columns belong to ``ft2os.formats``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ft2os.errors import RequestError

C0 = 0.28209479177387814  # the constant of the degree-0 spherical harmonic, 1 / (2 sqrt(pi))
NEEDLE_ASPECT = 10.0  # longest over middle axis from which a Gaussian is a needle: long in one direction only
LARGEST = 1.8e19  # beyond it a float32's square is infinite, and so all distances and covariances are


@dataclass(frozen=True)
class Source:
    """The file that Gaussians came from, kept so that untouched rows go out with the bits they came in.

    Parameters
    ----------
    columns : ndarray, structured, [M]
        The file's raw vertex rows, every property in file order (usually memory-mapped).
    sha256 : str
        Hash of the file's bytes.
    path : Path or None
        Where the file was read.
    comments : tuple of str
        The header's comment lines.
    group : ndarray, int32, [M], optional
        Group of each row as it was read, whether from a column or from a classifier beside the file.
    others : tuple
        The file's further elements, as its format module keeps them; they travel along.
    """

    columns: np.ndarray
    sha256: str
    path: Path | None = None
    comments: tuple[str, ...] = ()
    group: np.ndarray | None = None
    others: tuple[object, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The properties that the file's rows have, in file order."""
        return self.columns.dtype.names or ()

    def with_group(self, group: np.ndarray) -> Source:
        """The same file, its rows' groups known by other means."""
        return replace(self, group=group)


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians in right-down-forward coordinates.

    Parameters
    ----------
    means : ndarray, float32, [N, 3]
    quats : ndarray, float32, [N, 4]
        wxyz, unit length.
    scales : ndarray, float32, [N, 3]
        Standard deviations along the Gaussian's own axes, linear.
    opacities : ndarray, float32, [N]
        In 0..1.
    sh : ndarray, float32, [N, K, 3]
        Raw coefficients, K = (degree + 1)**2, degree 0 to 4. Shown colour of degree 0 is ½ + C0·sh[:, 0].
    group : ndarray, int32, [N], optional
        Group id, −1 where the Gaussian belongs to none.
    identity : ndarray, float32, [N, 16], optional
        Gaussian Grouping's identity features.
    source : Source, optional
        The file's raw columns.
    row : ndarray, int32, [N], optional
        Row in ``source``; −1 for Gaussians made by us.

    Raises
    ------
    ValueError
        If the shapes disagree.
    """

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    sh: np.ndarray
    group: np.ndarray | None = None
    identity: np.ndarray | None = None
    source: Source | None = None
    row: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.means)
        expected = {"means": (n, 3), "quats": (n, 4), "scales": (n, 3), "opacities": (n,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")
        if self.sh.ndim != 3 or self.sh.shape[0] != n or self.sh.shape[1:] not in _SH_SHAPES:
            raise ValueError(f"sh has shape {self.sh.shape}, expected [{n}, (degree+1)**2, 3], degree 0 to 4")
        for name in ("group", "identity", "row"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{name} has {len(value)} rows, expected {n}")

    def __len__(self) -> int:
        return len(self.means)

    @property
    def degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 4."""
        return int(np.sqrt(self.sh.shape[1])) - 1

    @property
    def base_colours(self) -> np.ndarray:
        """Display-referred colour of degree 0, ½ + C0·DC, not clamped.  [N, 3]"""
        return 0.5 + C0 * self.sh[:, 0]

    @classmethod
    def unfilled(cls, count: int, degree: int) -> Gaussians:
        """So many Gaussians whose values are yet to be written, as readers do piece by piece."""
        return cls(
            means=np.empty((count, 3), np.float32),
            quats=np.empty((count, 4), np.float32),
            scales=np.empty((count, 3), np.float32),
            opacities=np.empty(count, np.float32),
            sh=np.empty((count, (degree + 1) ** 2, 3), np.float32),
        )

    def replace(self, **fields: Any) -> Gaussians:
        """A copy with some fields exchanged."""
        return replace(self, **fields)

    def subset(self, index: np.ndarray) -> Gaussians:
        """The Gaussians that a boolean mask [N] or an index array [M] names, in that order."""
        index = np.asarray(index)
        per_row = {name: getattr(self, name) for name in _PER_ROW}
        return replace(self, **{k: None if v is None else v[index] for k, v in per_row.items()})

    def invalid(self) -> np.ndarray:
        """True where a value is NaN, infinite or beyond `LARGEST`, or there is no orientation.  [N] bool"""
        bad = np.asarray(~self.quats.any(axis=1))
        for array in (self.opacities, self.means, self.quats, self.scales, self.sh):
            if not all_usable(array):
                bad |= ~(np.abs(array.reshape(len(self), array[0:1].size)) <= LARGEST).all(axis=1)
        return bad


_SH_SHAPES = {((d + 1) ** 2, 3) for d in range(5)}
_PER_ROW = ("means", "quats", "scales", "opacities", "sh", "group", "identity", "row")


def all_usable(array: np.ndarray) -> bool:
    """Whether no value of a float32 array is NaN or beyond `LARGEST`; of a wider one, whether none is NaN.

    The sum of squares is finite only if all its parts are, and the fastest pass there is over an array; where
    it overflows, the values are looked at one by one.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        flat = array.reshape(-1) if array.flags.c_contiguous else np.ravel(array)
        chunks = (flat[i : i + (1 << 24)] for i in range(0, len(flat), 1 << 24))
        return all(np.isfinite(np.dot(chunk, chunk)) or (np.abs(chunk) <= LARGEST).all() for chunk in chunks)


def dc_of(colours: Any) -> Any:
    """DC coefficients that show as these display-referred colours, the inverse of ``base_colours``.

    Takes a number, an array or a tensor of any shape, and gives the same.
    """
    return (colours - 0.5) / C0


def with_degree(sh: np.ndarray, degree: int) -> np.ndarray:
    """Spherical harmonics [N, K, 3] cut or zero-padded to ``degree``."""
    bands = (degree + 1) ** 2
    if sh.shape[1] >= bands:
        return sh[:, :bands]
    return np.concatenate([sh, np.zeros((len(sh), bands - sh.shape[1], 3), sh.dtype)], axis=1)


def concatenate(parts: Sequence[Gaussians]) -> Gaussians:
    """One set from several, at the highest degree among them.

    ``group``, ``row`` are −1 for parts that have none, ``identity`` is dropped unless all have it, and the
    ``source`` is the only one there is (or None when the parts come from different files).
    """
    if not parts:
        raise RequestError("There is nothing to put together.", "Select at least one splat object.")
    degree = max(p.degree for p in parts)
    sources = {id(p.source): p.source for p in parts if p.source is not None}
    source = next(iter(sources.values())) if len(sources) == 1 else None

    def ints(name: str) -> np.ndarray | None:
        if all(getattr(p, name) is None for p in parts):
            return None
        return np.concatenate(
            [np.full(len(p), -1, np.int32) if getattr(p, name) is None else getattr(p, name) for p in parts]
        )

    identities = [p.identity for p in parts if p.identity is not None]
    return Gaussians(
        means=np.concatenate([p.means for p in parts]),
        quats=np.concatenate([p.quats for p in parts]),
        scales=np.concatenate([p.scales for p in parts]),
        opacities=np.concatenate([p.opacities for p in parts]),
        sh=np.concatenate([with_degree(p.sh, degree) for p in parts]),
        group=ints("group"),
        identity=np.concatenate(identities) if len(identities) == len(parts) else None,
        source=source,
        row=ints("row") if source is not None else None,
    )
