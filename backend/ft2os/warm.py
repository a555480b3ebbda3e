"""``python -m ft2os.warm``: compile every kernel now, as a step of the installation that can be seen.

Kernels compile at their first use otherwise, and stay in the user's cache until ft2os or numba changes.
"""

from __future__ import annotations

import time

import numpy as np


def compile_all() -> float:
    """Compile the kernels of ``tiles``, ``materials`` and ``stylize``; the seconds that it took."""
    began = time.perf_counter()
    from ft2os.tiles import compile_kernels

    compile_kernels()
    from ft2os.materials import MATERIALS

    points = np.zeros((1, 3), np.float32)
    for material in MATERIALS.values():
        material.colour(points, points[:, 1], points[:, 0])
    from ft2os.stylize.edit.flow import flow, warp

    picture = np.zeros((8, 8, 3), np.float32)
    warp(picture, flow(picture, picture, picture[..., 0]))
    return time.perf_counter() - began


if __name__ == "__main__":
    print("Compiling the kernels (once; cached afterwards) ...", flush=True)
    print(f"Kernels are ready after {compile_all():.1f} s.")
