"""What gsplat asks of its arguments before a kernel starts."""

from __future__ import annotations

import torch
from torch import Tensor


def on_gpu(**tensors: Tensor) -> None:
    """Refuse what a kernel of CUDA could not read."""
    for name, tensor in tensors.items():
        if not tensor.is_cuda:
            raise RuntimeError(f"{name} must be a CUDA tensor")
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise RuntimeError(f"expected scalar type Float but found {tensor.dtype} ({name})")


def unused(**options: tuple[object, object]) -> None:
    """Refuse options (given, default) that ft2os does not use."""
    for name, (given, default) in options.items():
        if given is not default and given != default:
            raise NotImplementedError(f"the stand-in for gsplat has no {name}={given!r}")
