"""Scenes in files: what reads them, what writes them. Needs numpy and plyfile only.

``load_scene`` takes a PLY file or the output folder of a training run; ``save_ply`` writes Gaussians so that
whatever was not touched keeps the bits it came with.
"""

from ft2os.formats.load import load_scene
from ft2os.formats.ply_write import save_ply
from ft2os.formats.scene import Scene

__all__ = ["Scene", "load_scene", "save_ply"]
