"""What has to be settled before numba or torch is imported: who owns the threads, where kernels are cached.

torch and numba each bring a thread pool. Two OpenMP runtimes whose idle threads spin collapse each other under
load (a step of 4 s took 19–26 s), so torch's are told to sleep, and numba takes its own ``workqueue`` layer,
which needs no runtime, exists on every platform and survives a fork. That layer aborts the process when two
threads enter it at once: every call of a parallel kernel holds ``KERNEL_LOCK``.

Import this module before numba and before torch. It imports neither.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
from pathlib import Path

KERNEL_LOCK = threading.RLock()


def _user_cache() -> Path:
    """The folder where this platform keeps an application's cache."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _kernel_sources() -> str:
    """A digest of every module that compiles kernels.

    numba only looks at the file a kernel stands in, so a kernel that inlines a function of another file would
    come out of the cache stale after that other file has changed.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        text = path.read_bytes()
        if b"njit" in text:
            digest.update(text)
    return digest.hexdigest()[:12]


def kernel_cache() -> Path:
    """A folder that can be written for compiled kernels: the user's cache, else a temporary one."""
    name = Path("ft2os") / f"kernels-{_kernel_sources()}"
    private = f"ft2os-{os.getuid()}" if hasattr(os, "getuid") else "ft2os"
    for root in (_user_cache(), Path(tempfile.gettempdir()) / private):
        folder = root / name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (OSError, RuntimeError):  # RuntimeError: no home folder
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="ft2os-kernels-"))


def _settle() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")
    if "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = str(kernel_cache())
    if "numba" in sys.modules:  # it read the environment when it was imported
        config = sys.modules["numba"].config
        config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
        config.THREADING_LAYER = os.environ["NUMBA_THREADING_LAYER"]


_settle()
