"""What the kernels of ``tiles`` and ``materials`` share: compiler options, every core, array hygiene."""

from __future__ import annotations

from ft2os import threads  # isort: skip  (settles where numba caches before numba is imported)

from collections.abc import Callable

import numpy as np
from numba import njit

__all__ = ["CAREFUL", "OPTIONS", "njit", "ready", "run"]

OPTIONS = {"cache": True, "fastmath": True, "nogil": True, "error_model": "numpy"}
# For the kernel that decides what the others see: comparisons with NaN and infinity mean what they say.
CAREFUL = OPTIONS | {"fastmath": {"contract", "reassoc", "nsz", "arcp", "afn"}}


def run(kernel: Callable[..., None], *args: object, shares: int | None = None) -> None:
    """Call ``kernel(share, shares, *args)`` for every share of the work, on every core.

    The kernels let go of the interpreter's lock, so plain threads run them side by side. numba's own parallel
    loops would bring one thread layer more to get on with torch's, and take three times as long to compile.
    """
    shares = shares or threads.workers()
    if shares == 1:
        kernel(0, 1, *args)
        return
    for done in [threads.pool().submit(kernel, share, shares, *args) for share in range(shares)]:
        done.result()


def ready(array: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """The array as kernels want it: this type, contiguous, writeable.

    A read-only or strided array is another type to numba and would compile every kernel once more.
    """
    array = np.ascontiguousarray(array, dtype)
    return array if array.flags.writeable else array.copy()
