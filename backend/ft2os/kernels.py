"""What the kernels of ``tiles`` and ``materials`` share: compiler options, every core, array hygiene."""

from __future__ import annotations

from ft2os import threads  # isort: skip  (settles where numba caches before numba is imported)

import logging
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from ft2os.kernel_cache import KernelCache

log = logging.getLogger(__name__)

__all__ = ["CAREFUL", "OPTIONS", "njit", "ready", "run"]

OPTIONS = {"fastmath": True, "nogil": True, "error_model": "numpy"}
# For the kernel that decides what the others see: comparisons with NaN and infinity mean what they say.
CAREFUL = OPTIONS | {"fastmath": {"contract", "reassoc", "nsz", "arcp", "afn"}}


def njit(**options: Any) -> Callable[[Callable], Callable]:
    """``numba.njit`` with a cache that damage cannot break."""

    def compiled(function: Callable) -> Callable:
        kernel: Any = numba.njit(**options)(function)
        try:
            kernel._cache = KernelCache(function)  # as its ``enable_caching`` does
        except RuntimeError as error:  # NUMBA_CACHE_DIR names no folder that could be made
            log.warning("kernels are compiled in every process: %s", error)
        return kernel

    return compiled


def run(kernel: Callable[..., None], *args: object, shares: int | None = None) -> None:
    """Call ``kernel(share, shares, *args)`` for every share of the work, on every core.

    The kernels let go of the interpreter's lock, so plain threads run them side by side. numba's own parallel
    loops would bring one thread layer more to get on with torch's, and take three times as long to compile.
    """
    shares = shares or threads.workers()
    if shares == 1:
        kernel(0, 1, *args)
        return
    for done in [threads.executor().submit(kernel, share, shares, *args) for share in range(shares)]:
        done.result()


def ready(array: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """The array as kernels want it: this type, contiguous, writeable.

    A read-only or strided array is another type to numba and would compile every kernel once more.
    """
    array = np.ascontiguousarray(array, dtype)
    return array if array.flags.writeable else array.copy()
