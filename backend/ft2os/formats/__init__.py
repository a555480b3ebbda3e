"""Scenes in files: what reads them, what writes them. Needs numpy and plyfile only, but for some formats.

``load_scene`` takes a file of any format in ``registry.FORMATS`` or the output folder of a training run.
``save_scene`` writes in the format that a file name asks for, a PLY so that whatever was not touched keeps
the bits it came with.
"""

from ft2os.formats.load import load_scene
from ft2os.formats.ply_write import save_ply
from ft2os.formats.save import save_scene
from ft2os.formats.scene import Scene

__all__ = ["Scene", "load_scene", "save_ply", "save_scene"]
