"""What a material sees: points of a surface with the noise of one seed and one pattern size bound to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ft2os.materials import noise

_LIGHT = np.array([-0.45, -0.78, -0.43], np.float32)  # towards the light: above (y is down), left, in front

KINDS = {"plain": noise.PLAIN, "billow": noise.BILLOW, "ridge": noise.RIDGE}


class Cells(NamedTuple):
    """Voronoi cells at M points: distances in cell sizes and two random numbers that name the cell."""

    distance: np.ndarray  # [M] to the cell's centre
    border: np.ndarray  # [M] to the nearest neighbour's cell
    pick: np.ndarray  # [M] 0..1, the same all over a cell
    other: np.ndarray  # [M] 0..1, independent of pick
    offset: np.ndarray  # [M, 3] from the cell's centre, in cell sizes


@dataclass(frozen=True)
class Surface:
    """Points of one object's surface.

    Parameters
    ----------
    p : ndarray, float32, [M, 3]
        Position in object units divided by the pattern size; y points down.
    height : ndarray, float32, [M]
        0 at the object's bottom, 1 at its top.
    detail : ndarray, float32, [M]
        The object's own luminance detail, signed, about -0.5..0.5.
    normal : ndarray, float32, [M, 3]
        Unit outward directions: the caller's, or those from the object's centre.
    seed : int
    """

    p: np.ndarray
    height: np.ndarray
    detail: np.ndarray
    normal: np.ndarray
    seed: int = 0

    def _at(self, freq: float | tuple[float, float, float], at: np.ndarray | None) -> np.ndarray:
        base = self.p if at is None else at
        return np.ascontiguousarray(base * np.asarray(freq, np.float32), np.float32)

    def _salted(self, salt: int) -> int:
        return int(self.seed) * 7919 + salt * 131

    def fbm(self, freq, octaves=4, *, salt=0, kind="plain", gain=0.5, at=None) -> np.ndarray:
        """Fractal noise [M]; `freq` counts cells along the object, `kind` is a key of `KINDS`."""
        return noise.fbm(self._at(freq, at), octaves, gain, self._salted(salt), KINDS[kind])

    def cells(self, freq, *, salt=0, jitter=1.0, at=None) -> Cells:
        """Voronoi cells, about `freq` of them along the object."""
        out = noise.voronoi(self._at(freq, at), self._salted(salt), jitter)
        return Cells(out[:, 0], out[:, 1], out[:, 2], out[:, 3], out[:, 4:])

    def warp(self, freq, amount, *, salt=0, octaves=3, at=None) -> np.ndarray:
        """Positions [M, 3] pushed about by noise: what turns regular patterns into grown ones."""
        base = self.p if at is None else at
        push = [self.fbm(freq, octaves, salt=salt + 17 * k, at=base + 5.3 * k) for k in range(1, 4)]
        return base + np.float32(amount) * np.stack(push, 1)

    def lit(self, bump: Callable[[Surface], np.ndarray], step: float = 0.01) -> np.ndarray:
        """How much a height field faces the light, signed [M]: its rise over one step away from the light.

        With fractal noise of frequency f and a step of about 0.3 / f the result lies around -0.5..0.5.
        """
        moved = replace(self, p=self.p + np.float32(step) * _LIGHT)
        return bump(self) - bump(moved)

    def bands(self, level: np.ndarray, salt: int) -> np.ndarray:
        """Layers of random tone 0..1 [M] with soft borders, one layer per unit of `level`."""
        line = np.stack([np.full_like(level, 0.37), level, np.full_like(level, 0.71)], 1)
        return np.clip(0.5 + 1.1 * self.fbm(1.0, 2, salt=salt, at=line), 0, 1)

    def facing(self) -> np.ndarray:
        """Cosine between the surface and the light, -1..1 [M]."""
        return self.normal @ _LIGHT

    def unrolled(self, at: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates across and up the surface [M], box-mapped by the steepest side of the normal.

        Flatter than following the normal, and the same from every view: normals are only as good as depth.
        """
        side = np.abs(self.normal)
        x, y, z = (self.p if at is None else at).T
        flat = side[:, 1] > 1.15 * np.maximum(side[:, 0], side[:, 2])
        across = np.where((side[:, 0] > side[:, 2]) & ~flat, z, x)
        return across, np.where(flat, -z, -y)
