"""The geometry stage of stylization, where the prompt asks for another shape ("spiky", "melting", "furry").

`wanted` says whether it does. `Shape` holds the object's Gaussians as an optimiser moves them, each with its
parent, and turns into a look. `deform` is the loop: the rasterizer draws, any judge looks, and terms against
needles, straying and spill hold the shape together while it changes. Neighbours share their gradients, so
that a surface moves as one. Where the prompt names a form (`ft2os.stylize.form`), that is the start.
"""

from ft2os.stylize.geometry.deform import Report, Step, deform, draw
from ft2os.stylize.geometry.settings import RATES, Settings
from ft2os.stylize.geometry.shape import ADAM_EPS, Shape
from ft2os.stylize.geometry.surroundings import wider
from ft2os.stylize.geometry.words import wanted

__all__ = ["ADAM_EPS", "RATES", "Report", "Settings", "Shape", "Step", "deform", "draw", "wanted", "wider"]
