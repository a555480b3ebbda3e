"""What has to be settled before numba or torch is imported, and the threads that kernels run on.

torch and numba each bring a thread pool. Two OpenMP runtimes whose idle threads spin collapse each other
under load (a step of 4 s took 19–26 s), so torch's are told to sleep, and our kernels do not use numba's at
all: they release the interpreter's lock and run on the plain threads of ``executor``. Any number of callers
may do so at once, and a forked child starts threads of its own.

Import this module before numba and before torch. It imports neither.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ft2os.files import cache_dir

_KERNELS = (
    "kernels.py",
    "kernel_cache.py",
    "materials/*.py",
    "tiles/*.py",
    "stylize/edit/*.py",
)

_executor: ThreadPoolExecutor | None = None
_executor_lock = threading.Lock()


def workers() -> int:
    """How many threads kernels run on: ``FT2OS_THREADS``, else the cores that this process may use."""
    asked = os.environ.get("FT2OS_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def executor() -> ThreadPoolExecutor:
    """The threads that kernels run on, started at the first call."""
    global _executor
    with _executor_lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(workers(), thread_name_prefix="ft2os-kernel")
        return _executor


def _forget_executor() -> None:
    """In a forked child: threads do not survive a fork."""
    global _executor, _executor_lock
    _executor, _executor_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_executor)


def _kernel_sources() -> str:
    """A digest of every module that holds kernels.

    numba only looks at the file a kernel stands in, so a kernel that inlines a function of another file, or
    takes its options from there, would come out of the cache stale after that other file has changed.
    """
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(path for pattern in _KERNELS for path in here.glob(pattern)):
        text = path.read_bytes()
        if b"njit" in text:
            digest.update(text)
    return digest.hexdigest()[:12]


def kernel_cache() -> Path:
    """A folder that can be written for compiled kernels: the user's cache, else a temporary one."""
    name = f"kernels-{_kernel_sources()}"
    for root in (cache_dir, _private_temporary):
        try:
            folder = root() / name
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (OSError, RuntimeError):  # RuntimeError: no home folder
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="ft2os-kernels-"))


def _private_temporary() -> Path:
    """A temporary folder that outlives the process and that only this user can write to.

    numba unpickles what it finds there, so a folder that somebody else made under our name will not do.
    """
    if not hasattr(os, "getuid"):
        return Path(tempfile.gettempdir()) / "ft2os"
    folder = Path(tempfile.gettempdir()) / f"ft2os-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def _settle() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = str(kernel_cache())
    if sys.modules.get("numba"):  # it read the environment when it was imported
        sys.modules["numba"].config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]


_settle()
