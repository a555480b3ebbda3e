"""What the packed formats have in common: bytes, and rotations without their largest component."""

from __future__ import annotations

import numpy as np

SMALLER = np.sqrt(0.5)  # the other three components of a unit quaternion lie in ±√½
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])  # components, without the largest


def to_byte(values: np.ndarray) -> np.ndarray:
    """The nearest of 0..255.  uint8"""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def smallest_three(quats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smaller components [N, 3] in order, and which one [N] is left out, its sign made positive."""
    rows = np.arange(len(quats))
    largest = np.abs(quats).argmax(axis=1)
    sign = np.where(quats[rows, largest] < 0, -1, 1)[:, None]
    return quats[rows[:, None], _OTHERS[largest]] * sign, largest


def from_smallest_three(others: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """The inverse of `smallest_three`, of unit length but for rounding.  [N, 4] float32"""
    rows = np.arange(len(others))
    quats = np.empty((len(others), 4), np.float32)
    quats[rows[:, None], _OTHERS[largest]] = others
    quats[rows, largest] = np.sqrt(np.maximum(1 - (others**2).sum(axis=1), 0))
    return quats
