"""A small scene with an object and a neighbour, and its cameras, written as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ft2os.cameras import Camera, inria, orbit
from ft2os.formats import Scene, load_scene
from ft2os.gaussians import Gaussians, concatenate
from tests.scenes import ball, write_ply

OBJECT, OTHER = 3, 7
BALL = "ball"


def grouped(degree: int = 1) -> Gaussians:
    """A solid ball of group 3 beside a smaller one of group 7; neither hides the other in most views."""
    parts = [
        (ball(600, degree, 0, centre=(-1.0, 0, 0)), OBJECT),
        (ball(200, degree, 1, centre=(1.2, 0.3, 0), radius=0.6), OTHER),
    ]
    both = concatenate([g.replace(group=np.full(len(g), i, np.int32)) for g, i in parts])
    solid = np.full(len(both), 0.98, np.float32)
    return both.replace(opacities=solid, sh=(both.sh * np.float32(0.5)))


def cameras(count: int = 4) -> list[Camera]:
    """A ring that looks at both balls."""
    return orbit(((0.0, 0.1, 0.0), 2.0), count, (96, 72))


def written(folder: Path, name: str, gaussians: Gaussians, **changes) -> Path:
    """A scene file with its cameras and labels beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_ply(folder / f"{name}.ply", gaussians, **changes)
    inria.write(folder / "cameras.json", cameras())
    (folder / "labels.json").write_text(f'{{"{OBJECT}": "{BALL}", "{OTHER}": "pumpkin"}}')
    return folder / f"{name}.ply"


def loaded(folder: Path, name: str, gaussians: Gaussians) -> Scene:
    """The same, read again."""
    return load_scene(written(folder, name, gaussians))


def recoloured(g: Gaussians, rows: np.ndarray, colour: float) -> Gaussians:
    """The rows in one grey of raw degree 0; everything else as it was."""
    sh = g.sh.copy()
    sh[rows, 0] = colour
    return g.replace(sh=sh)
