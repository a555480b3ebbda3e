"""Solid materials and the words that name them: the offline default of stylization.

A material is a function of 3-D space, so it has no seams and needs no unwrapping. Everything here runs on
numpy and numba alone. `MATERIALS` maps names to materials; `match` maps a prompt to one of them, or says
that it cannot.
"""

from ft2os.materials import animal, fabric, fire, food, gem, magic, metal, plant, stone, water  # noqa: F401
from ft2os.materials.material import MATERIALS, Material
from ft2os.materials.words import Match, match

__all__ = ["MATERIALS", "Match", "Material", "match"]
