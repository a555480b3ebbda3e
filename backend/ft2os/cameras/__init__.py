"""Cameras: the pinhole type every room shares, the files that hold them, orbits around a subject."""

from ft2os.cameras import colmap, inria, nerfstudio
from ft2os.cameras.camera import Camera, stack
from ft2os.cameras.files import load_cameras, save_cameras
from ft2os.cameras.orbit import look_at, orbit

__all__ = [
    "Camera",
    "colmap",
    "inria",
    "load_cameras",
    "look_at",
    "nerfstudio",
    "orbit",
    "save_cameras",
    "stack",
]
