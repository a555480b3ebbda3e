"""The differentiable rasterizer: one ``rasterize``, two engines; and the linear rendering for torch.

gsplat draws where CUDA is, ``ft2os.tiles`` elsewhere. Both follow gsplat 1.5.3's semantics.
"""

from ft2os import threads  # noqa: F401  # isort: skip  (torch's OpenMP threads must be told to sleep before torch is imported)

from ft2os.render.rasterize import engine_name, rasterize
from ft2os.render.screen_gradients import ScreenGradients

__all__ = ["ScreenGradients", "engine_name", "rasterize"]
