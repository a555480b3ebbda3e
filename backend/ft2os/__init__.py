"""ft2os: text-driven stylization of single objects in 3D Gaussian-splat scenes.

Importing this package costs numpy only. The rooms that need numba (``tiles``, ``materials``) or torch
(``render``, ``guidance``, ``losses``, ``stylize.clip``) are imported by whoever uses them, never here.
"""

# The one place: the distribution, the extension's manifest and the Makefile read this line.
__version__ = "0.2.0"
