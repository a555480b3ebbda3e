"""Cameras: the pinhole type every room shares, the files that hold them, orbits around a subject."""

from ft2os.cameras import inria
from ft2os.cameras.camera import Camera, stack
from ft2os.cameras.orbit import look_at, orbit

__all__ = ["Camera", "inria", "look_at", "orbit", "stack"]
