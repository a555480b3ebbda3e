"""Where Blender's axes meet the Gaussians': right-down-forward worlds, cameras that look along +z. No bpy."""

from __future__ import annotations

import numpy as np

# Right-down-forward -> Blender's world (z up): (x, y, z) -> (x, z, −y).
TO_BLENDER = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
# OpenCV's camera looks along +z with y down, Blender's along −z with y up; its own inverse.
CAMERA_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
_SNAP = 1e-6


def to_rdf(matrix: np.ndarray) -> np.ndarray:
    """An object's matrix_world [4, 4] in the right-down-forward world."""
    return snapped(TO_BLENDER.T @ np.asarray(matrix, np.float64))


def snapped(matrix: np.ndarray) -> np.ndarray:
    """``matrix`` [4, 4], exactly a move or the identity where only rounding says otherwise.

    Blender's turns come from sines in float32, and an object that did not turn keeps its bits.
    """
    if np.abs(matrix - np.eye(4)).max() < _SNAP:
        return np.eye(4)
    if np.abs(matrix[:3, :3] - np.eye(3)).max() < _SNAP:
        matrix = matrix.copy()
        matrix[:3, :3] = np.eye(3)
    return matrix
