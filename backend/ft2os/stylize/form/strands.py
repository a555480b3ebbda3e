"""Strands: what grows out of a surface, as Gaussians along paths: cones, hairs, drops.

A thick strand is a tube: rings of flat Gaussians, tiles on its skin. A thin one is a row of long Gaussians.
Neither makes needles: no Gaussian is longer than `ASPECT` times its middle axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ft2os.stylize.form.surface import unit

ASPECT = 7.0  # below ``gaussians.NEEDLE_ASPECT``, since a form bends and stretches what has grown
_LIGHT = unit(np.array([-0.35, -0.85, -0.3]))  # y is down
_OVERLAP = 0.62  # standard deviations over spacing: less lets the light through between tiles
_THIN = 0.35  # a tile's thickness over its width


@dataclass(frozen=True)
class Strands:
    """K Gaussians that were not there.

    Parameters
    ----------
    means : ndarray, [K, 3]
    quats : ndarray, [K, 4]
    scales : ndarray, [K, 3]
    opacities : ndarray, [K]
    root : ndarray, int64, [K]
        Point of the surface that each grows from.
    shade : ndarray, [K]
        Factor on the root's colour: new form needs light of its own.
    """

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    root: np.ndarray
    shade: np.ndarray

    def __len__(self) -> int:
        return len(self.root)


def tubes(
    paths: np.ndarray, radii: np.ndarray, root: np.ndarray, *, around: int, opacity: float = 0.95,
    deep: float = 0.55,
    light: float = 0.3,
) -> Strands:  # fmt: skip
    """Tubes of changing width.

    Parameters
    ----------
    paths : ndarray, [S, T, 3]
        Middles of the rings, from root to tip.
    radii : ndarray, [S, T]
    root : ndarray, int64, [S]
    around : int
        Gaussians a ring.
    opacity : float
    deep : float
        Shade at the root; 1 at the tip.
    light : float
        How much lighter what faces the light is than what faces sideways.
    """
    along, step = _tangents(paths)
    side = unit(np.cross(along, _across(along)))
    other = np.cross(along, side)
    turn = np.arange(around) * 2 * np.pi / around
    # Every second ring is turned by half a tile, as bricks are laid.
    angle = turn + (np.arange(paths.shape[1]) % 2)[:, None] * np.pi / around  # [T, R]
    cos, sin = np.cos(angle)[None, ..., None], np.sin(angle)[None, ..., None]
    out = cos * side[:, :, None] + sin * other[:, :, None]  # [S, T, R, 3]
    slope = np.gradient(radii, axis=1) / np.maximum(step, 1e-12)
    normal = unit(out - slope[:, :, None, None] * along[:, :, None])
    length = _OVERLAP * step * np.sqrt(1 + slope**2)
    width = _OVERLAP * 2 * np.pi * radii / around
    width = np.maximum(width, np.maximum(length / ASPECT, 0.12 * radii.max(axis=1, keepdims=True)))
    means = paths[:, :, None] + radii[:, :, None, None] * out
    thick = _THIN * np.minimum(width, length)
    scales = np.stack([length, width, thick], axis=-1)[:, :, None].repeat(around, axis=2)
    down = unit(np.cross(np.cross(normal, along[:, :, None]), normal))
    frames = np.stack([down, np.cross(normal, down), normal], axis=-1)
    share = np.linspace(deep, 1.0, paths.shape[1])[None, :, None]
    shade = share * (1 - 0.4 * light + light * (normal @ _LIGHT))
    return _flat(means, frames, scales, np.full(shade.shape, opacity), root, shade)


def hairs(
    paths: np.ndarray, width: np.ndarray, root: np.ndarray, shade: np.ndarray, *, opacity: float = 0.85
) -> Strands:
    """Thin strands: paths [S, T, 3] with one long Gaussian a point, widths and shades [S, T]."""
    along, step = _tangents(paths)
    length = _OVERLAP * step
    width = np.maximum(width, length / ASPECT)
    normal = unit(np.cross(along, _across(along)))
    frames = np.stack([along, np.cross(normal, along), normal], axis=-1)[:, :, None]
    scales = np.stack([length, width, width], axis=-1)[:, :, None]
    return _flat(
        paths[:, :, None], frames, scales, np.full((*shade.shape, 1), opacity), root, shade[..., None]
    )


def _tangents(paths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions [S, T, 3] and distances [S, T] from ring to ring."""
    slope = np.gradient(paths, axis=1)
    return unit(slope), np.linalg.norm(slope, axis=-1)


def _across(along: np.ndarray) -> np.ndarray:
    """For each direction an axis that is not it."""
    return np.eye(3)[np.abs(along.mean(axis=1, keepdims=True)).argmin(axis=-1)]


def _flat(
    means: np.ndarray,  # [S, T, R, 3]
    frames: np.ndarray,  # [S, T, R, 3, 3], columns are the axes
    scales: np.ndarray,  # [S, T, R, 3]
    opacities: np.ndarray,  # [S, T, R]
    root: np.ndarray,  # [S]
    shade: np.ndarray,  # [S, T, R]
) -> Strands:
    count = int(np.prod(means.shape[1:3]))
    quats = Rotation.from_matrix(frames.reshape(-1, 3, 3)).as_quat()[:, [3, 0, 1, 2]]
    return Strands(
        means.reshape(-1, 3),
        quats,
        scales.reshape(-1, 3),
        opacities.ravel(),
        np.repeat(root, count),
        shade.ravel(),
    )
