"""gsplat 1.5.3 without its kernels: what ft2os calls of it, on any device, drawn by the dense reference.

Names, signatures, layouts and dtypes are gsplat's, and so is what it refuses: tensors that are not on a GPU,
not float32, of another shape. What gsplat leaves uninitialised (the places of Gaussians that a camera does
not see) is NaN here, so that whoever reads it is found. Options that ft2os does not use are refused.
"""

from __future__ import annotations

import sys

import pytest

from tests.gsplat_standin.projection import fully_fused_projection
from tests.gsplat_standin.rasterization import rasterization, rasterize_to_indices_in_range
from tests.gsplat_standin.tiles import isect_offset_encode, isect_tiles

__version__ = "1.5.3"
__all__ = [
    "fully_fused_projection",
    "isect_offset_encode",
    "isect_tiles",
    "rasterization",
    "rasterize_to_indices_in_range",
]


def install(patch: pytest.MonkeyPatch) -> None:
    """Let ``import gsplat`` find this package, and nothing of the real one."""
    for name in [name for name in sys.modules if name.split(".")[0] == "gsplat"]:
        patch.delitem(sys.modules, name)
    patch.setitem(sys.modules, "gsplat", sys.modules[__name__])
