"""What the steps agree on: groups, picture size, which views are held out, where the files lie.

Imported by both halves (Blender's Python and the backend's), so it needs numpy at most.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "out" / "demo_scene"
SHIPPED = ROOT / "demo" / "scene"

# Group ids are the object indices of the mask pass, so 0 stays free for "nothing here".
GROUPS = {1: "truck", 2: "ground", 3: "crate", 4: "tree", 5: "ball", 6: "pumpkin"}

# How many Gaussians each group may start with: by how much of the picture it fills and how fine it is.
BUDGET = {"truck": 19000, "ground": 12000, "crate": 4200, "tree": 9500, "ball": 2600, "pumpkin": 2200}

VIEWS = 60
SIZE = 432  # pixels, square
FOV_DEG = 33.0
DISTANCE = 8.4
TARGET = (0.0, 0.0, 0.50)  # Blender coordinates, z up
HERO = (-46.0, 17.0)  # azimuth and elevation of view 0, degrees


def held_out(view: int) -> bool:
    """Every 8th view is kept out of training."""
    return view % 8 == 7


def directions() -> np.ndarray:
    """Unit vectors from the target to each camera: the hero view, then a spiral over the dome.  [V, 3]"""
    k = np.arange(VIEWS - 1)
    low, high = np.sin(np.radians(5.0)), np.sin(np.radians(66.0))
    elevation = np.arcsin(low + (high - low) * (k + 0.5) / (VIEWS - 1))
    azimuth = k * np.pi * (3.0 - np.sqrt(5.0))
    elevation = np.concatenate([[np.radians(HERO[1])], elevation])
    azimuth = np.concatenate([[np.radians(HERO[0])], azimuth])
    return np.stack(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], axis=1
    )


def to_rdf(points: np.ndarray) -> np.ndarray:
    """Blender's z-up coordinates to the right-down-forward ones of the PLY.  [..., 3]"""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def camera_rotation(direction: np.ndarray) -> np.ndarray:
    """World-to-camera rotation (x right, y down, z forward) in RDF world, looking against ``direction``.

    Parameters
    ----------
    direction : ndarray, [3]
        Unit vector from target to camera, Blender coordinates.
    """
    forward = -to_rdf(direction)
    down = np.array([0.0, 1.0, 0.0])
    right = np.cross(down, forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def view_matrices() -> np.ndarray:
    """World-to-camera matrices in RDF world.  [V, 4, 4]"""
    target = to_rdf(np.asarray(TARGET))
    matrices = np.tile(np.eye(4), (VIEWS, 1, 1))
    for matrix, direction in zip(matrices, directions()):
        matrix[:3, :3] = camera_rotation(direction)
        matrix[:3, 3] = -matrix[:3, :3] @ (target + DISTANCE * to_rdf(direction))
    return matrices


def intrinsics() -> np.ndarray:
    """The one pinhole matrix of all views.  [3, 3]"""
    focal = 0.5 * SIZE / np.tan(np.radians(FOV_DEG) / 2)
    return np.array([[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1]])
