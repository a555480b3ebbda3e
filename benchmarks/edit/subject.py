"""What is edited: an object of a scene, prepared, and the views that judge it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ft2os.cameras import orbit
from ft2os.formats import load_scene
from ft2os.gaussians import Gaussians
from ft2os.stylize import prepare
from ft2os.stylize.framing import crop_to_object
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.view_buffers import FOV_DEG, SurfaceView, surface_view_of

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FT2OS_TEST_DATA", ROOT / "../shared/data"))
COMPOSITE = DATA / "grouped" / "composite_gg"
REPORTED = {  # name: scene, group, material
    "truck": (ROOT / "demo" / "scene" / "scene.ply", "truck", "marble"),
    "robot": (COMPOSITE, "robot", "lava"),
    "plant": (COMPOSITE, "houseplant", "ice"),
}
TUNED = {
    "cow": (COMPOSITE, "cow", "wood"),
    "teapot": (DATA / "scenes" / "teapot_10k.splat", None, "granite"),
    "cards": (COMPOSITE, "cards", "gold"),
}
_ELEVATIONS = (20.0, 5.0, 50.0)  # of the views that judge, in degrees; none is one of the rings'


@dataclass(frozen=True)
class Subject:
    """An object ready for edits, and views of it that nobody edits."""

    name: str
    prepared: PreparedObject
    held: list[SurfaceView]


def load(scene: Path, group: str | None) -> Gaussians:
    """The group of the scene, or all of it."""
    found = load_scene(scene)
    if group is None:
        return found.gaussians
    return found.gaussians.subset(found.mask(found.resolve_group(group)))


def subject(name: str, target: Gaussians, views: int, pixels: int) -> Subject:
    """The object as the method prepares it, and twelve views between its rings."""
    prepared = prepare.prepare(
        target, views=views, pixels=pixels, max_split_scale=0.006, limit=72_000, refit=12
    )
    held = []
    for elevation in _ELEVATIONS:
        ring = orbit(prepared.fine, 9, (pixels, pixels), FOV_DEG, elevation)[1::2]
        held += [crop_to_object(prepared.fine, camera, pixels) or camera for camera in ring]
    return Subject(name, prepared, [surface_view_of(prepared.fine, camera) for camera in held])
