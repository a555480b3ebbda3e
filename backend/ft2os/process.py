"""What this process has taken from the machine so far."""

from __future__ import annotations

import sys


def peak_memory() -> int | None:
    """The most memory that this process has held, bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        try:
            import psutil
        except ImportError:  # comes with the extra ``lite``
            return None
        return getattr(psutil.Process().memory_info(), "peak_wset", None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
