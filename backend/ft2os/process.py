"""This process among others: its standard streams, the memory that it has taken and may still take.

The environment variable ``FT2OS_MEMORY`` (bytes) says how much one piece of work may take, in place of what
the machine has to spare.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ft2os.device import CUDA, free_memory
from ft2os.errors import RequestError

NO_MEMORY_HINT = "Close other programs, or use a smaller scene or picture."
MEMORY_ENV = "FT2OS_MEMORY"
_SHARE = 0.8  # of what is free: the rest is for whatever else the machine does meanwhile


def open_standard_streams() -> None:
    """Where standard input, output or errors are closed, open them on nothing.

    The next file opened would take the place of a closed one, and what prints would write into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


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
    if held := _held_most():
        return held
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _held_most(status: Path = Path("/proc/self/status")) -> int | None:
    """Linux's own figure, bytes; ``getrusage`` there also counts the parent that started this process."""
    try:
        lines = status.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def available_memory(device: str = "cpu") -> int:
    """Bytes that work may take on a device: ``FT2OS_MEMORY``, else a share of what is free.

    Raises
    ------
    RequestError
        If ``FT2OS_MEMORY`` is no positive whole number.
    """
    limit = os.environ.get(MEMORY_ENV, "").strip()
    if limit:
        if not limit.isdecimal() or not int(limit):
            raise RequestError(f"{MEMORY_ENV} is {limit!r}.", "Set it to a number of bytes, or not at all.")
        return int(limit)
    return int(_SHARE * (free_memory() if device.startswith(CUDA) else _free_cpu()))


def _free_cpu() -> int:
    try:
        import psutil
    except ImportError:  # comes with the extra ``lite``; Blender has none
        return min([_whole_memory(), *_free_in_groups()])
    return min([psutil.virtual_memory().available, *_free_in_groups()])


def _whole_memory() -> int:
    """Bytes of the machine's memory; a number beyond all where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return sys.maxsize


def _free_in_groups(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Bytes that each limit of this process's control groups leaves it (Linux, containers).

    Version 2 has one tree, version 1 one of its own for memory; either is read from the process's own group
    up to the root, since each may set a limit.
    """
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return []
    left_by_groups = []
    for line in lines:
        number, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if number == "0":
            tree, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in kinds.split(","):
            tree = root / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = tree / path.lstrip("/")
        # In a container the group's own path need not exist below the root that one sees.
        folders = [group, *[parent for parent in group.parents if parent.is_relative_to(tree)]]
        left_by_groups += [left for folder in folders if (left := _free_in_group(folder, *names)) is not None]
    return left_by_groups


def _free_in_group(folder: Path, limit: str, usage: str, inactive: str) -> int | None:
    try:
        most, used = (folder / limit).read_text().strip(), int((folder / usage).read_text())
        # Pages of files that were read count as used, but go when memory is short.
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if most == "max" else max(0, int(most) - used + int(facts.get(inactive, 0)))
