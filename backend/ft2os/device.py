"""Where this process computes, on the CPU or an NVIDIA GPU, and in what precision: the one place that asks.

The environment variable ``FT2OS_DEVICE`` set to "cpu" leaves a GPU alone. torch is imported inside the
functions, since most of what asks works without it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DEVICE_ENV = "FT2OS_DEVICE"
CPU, CUDA = "cpu", "cuda"
_CUDA_HOME = "/usr/local/cuda"


def best_device() -> str:
    """``CUDA`` where there is a GPU that torch can use and nobody said otherwise, else ``CPU``."""
    if os.environ.get(DEVICE_ENV) == CPU:
        return CPU
    import torch

    return CUDA if torch.cuda.is_available() else CPU


def has_gsplat() -> bool:
    """Whether gsplat can draw: it is installed, with its kernels or with what compiles them at first use.

    Asked without importing it, since that may start a build of minutes.
    """
    spec = importlib.util.find_spec("gsplat")
    if spec is None:
        return False
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return (
        any(any(folder.glob("csrc*.so")) or any(folder.glob("csrc*.pyd")) for folder in folders) or has_nvcc()
    )


def has_nvcc() -> bool:
    """Whether CUDA's compiler is here, where ``torch.utils.cpp_extension`` looks for it."""
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    nvcc = "nvcc.exe" if os.name == "nt" else "nvcc"
    places = [Path(home, "bin", nvcc) for home in (*homes, _CUDA_HOME) if home]
    return shutil.which("nvcc") is not None or any(place.is_file() for place in places)


def has_driver() -> bool:
    """Whether there is an NVIDIA driver, asked without torch, whose import takes seconds."""
    if os.name == "nt":
        return Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()


def half_precision(device: torch.device) -> torch.dtype | None:
    """What a frozen network multiplies matrices in; None is float32. See ``ft2os.guidance.precision``."""
    import torch

    if device.type != CUDA:
        return None
    ampere = torch.cuda.get_device_capability(device)[0] >= 8
    return torch.bfloat16 if ampere else torch.float16


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, of the machine or of the GPU."""
    # By name, since torch need not have been imported: its error is a RuntimeError.
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"})


def free_memory() -> int:
    """Bytes of the GPU's memory that this process may still take."""
    import torch

    free, _ = torch.cuda.mem_get_info()
    # What torch's allocator holds but does not use is free to us, though not to the driver.
    return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
