"""Tiny synthetic scenes for every test that needs Gaussians, and a PLY writer that is not ours.

``write_ply`` fills the columns with plyfile directly, so that a reader test never leans on our own writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement

from ft2os.gaussians import C0, Gaussians, concatenate

LABELS = {3: "ball", 7: "small ball"}  # the groups of two_groups(); the ids are not 0, 1 on purpose


def ball(
    n: int = 200,
    degree: int = 0,
    seed: int = 0,
    *,
    centre: Sequence[float] = (0.0, 0.0, 0.0),
    radius: float = 1.0,
    colour: Sequence[float] | None = None,
) -> Gaussians:
    """``n`` flat Gaussians on a sphere, in one ``colour`` (0..1) or each in its own."""
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(n, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    quats = rng.normal(size=(n, 4))
    size = radius * np.sqrt(4.0 / n)
    sh = rng.normal(scale=0.05, size=(n, (degree + 1) ** 2, 3))
    shown = rng.uniform(0.1, 0.9, size=(n, 3)) if colour is None else np.broadcast_to(colour, (n, 3))
    sh[:, 0] = (shown - 0.5) / C0
    return Gaussians(
        means=(np.asarray(centre) + radius * normals).astype(np.float32),
        quats=(quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
        scales=(size * rng.uniform(0.3, 1.0, size=(n, 3))).astype(np.float32),
        opacities=rng.uniform(0.3, 0.99, size=n).astype(np.float32),
        sh=sh.astype(np.float32),
    )


def two_groups(n: int = 150, degree: int = 1, seed: int = 0) -> Gaussians:
    """Two balls side by side, groups 3 (n) and 7 (n // 2), and five unassigned Gaussians; rows are mixed."""
    big = ball(n, degree, seed, centre=(-1.2, 0.0, 0.0))
    small = ball(n // 2, degree, seed + 1, centre=(1.2, 0.3, 0.0), radius=0.6)
    stray = ball(5, degree, seed + 2, radius=2.5)
    parts = [(big, 3), (small, 7), (stray, -1)]
    both = concatenate([g.replace(group=np.full(len(g), i, np.int32)) for g, i in parts])
    return both.subset(np.random.default_rng(seed).permutation(len(both)))


def raw_columns(gaussians: Gaussians, *, normals: bool = True, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns as a trainer writes them: logits, logs, quaternions that are not unit, channel-major f_rest."""
    g = gaussians
    rng = np.random.default_rng(seed)
    columns = dict(zip("xyz", g.means.T, strict=True))
    if normals:
        columns |= {k: np.zeros(len(g), np.float32) for k in ("nx", "ny", "nz")}
    columns |= {f"f_dc_{i}": g.sh[:, 0, i] for i in range(3)}
    rest = g.sh[:, 1:].transpose(0, 2, 1).reshape(len(g), 3 * (g.sh.shape[1] - 1))
    columns |= {f"f_rest_{i}": rest[:, i] for i in range(rest.shape[1])}
    opacity = np.log(g.opacities / (1 - g.opacities))
    columns["opacity"] = opacity
    columns |= {f"scale_{i}": np.log(g.scales[:, i]) for i in range(3)}
    quats = g.quats * rng.uniform(0.5, 2.0, size=(len(g), 1)).astype(np.float32)
    columns |= {f"rot_{i}": quats[:, i] for i in range(4)}
    columns = {k: v.astype(np.float32) for k, v in columns.items()}
    if g.identity is not None:
        columns |= {f"obj_dc_{i}": g.identity[:, i].astype(np.float32) for i in range(g.identity.shape[1])}
    if g.group is not None:
        columns["group"] = g.group.astype(np.int32)
    return columns


def write_ply(
    path: Path,
    gaussians: Gaussians,
    *,
    normals: bool = True,
    extra: dict[str, np.ndarray] | None = None,
    order: Sequence[str] | None = None,
    text: bool = False,
    byte_order: str = "<",
    comments: Sequence[str] = (),
    change: dict[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Write a PLY with plyfile and return its structured rows.

    ``extra`` adds columns, ``change`` replaces some, ``order`` puts these names first.
    """
    columns = raw_columns(gaussians, normals=normals) | (extra or {}) | (change or {})
    names = [*(order or ()), *(k for k in columns if k not in (order or ()))]
    rows = np.empty(len(gaussians), [(k, columns[k].dtype) for k in names])
    for name in names:
        rows[name] = columns[name]
    element = PlyElement.describe(rows, "vertex")
    PlyData([element], text=text, byte_order=byte_order, comments=list(comments)).write(str(path))
    return rows
