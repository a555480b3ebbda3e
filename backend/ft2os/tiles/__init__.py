"""The CPU rasterizer: numba kernels over tiles, the linear rendering, the linear colour solve. No torch."""

from ft2os.tiles.binning import Window, halved
from ft2os.tiles.projection import Projected, project
from ft2os.tiles.rasterizer import Rendered, render, render_parts
from ft2os.tiles.warm import compile_kernels

__all__ = [
    "Projected",
    "Rendered",
    "Window",
    "compile_kernels",
    "halved",
    "project",
    "render",
    "render_parts",
]
