"""A GPU that is not there: CUDA's rules over the CPU's memory.

``torch.device("cuda")`` works as it does where a GPU is: tensors live there, say so, and are computed with.
What CUDA refuses is refused: operands on two devices, an index on the GPU into a tensor of the CPU, numpy of
a tensor on the GPU, a gradient on another device than its tensor. Only the numbers come from the CPU, so that
whatever is not a kernel runs here as it will there.

Each such tensor is a plain one of the CPU with a mark, and a ``TorchFunctionMode`` sees every call of Python
to torch: it reads the marks, says no, and marks what comes out. Inside the engine of autograd, which is C++,
no marks are set, so a backward pass is not checked; the forward pass of the same tensors was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

GPU = torch.device("cuda", 0)
_MARK = "on_pretended_gpu"
_REAL_TO = Tensor.to
# What may be called with tensors of both; what takes not even a single number of the CPU beside the GPU's.
_ACROSS = ("copy_", "backward", "set_", "_has_compatible_shallow_copy_type")
_STRICT = ("cat", "stack", "index_select", "gather", "index_add_", "index_put_", "matmul", "mm")


def is_marked(tensor: Tensor) -> bool:
    """Whether the tensor lives on the pretended GPU."""
    return _MARK in tensor.__dict__


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)


def _mark(value: Any, on_gpu: bool = True) -> Any:
    for tensor in _tensors(value):
        if on_gpu:
            tensor.__dict__[_MARK] = True
        else:
            tensor.__dict__.pop(_MARK, None)
    return value


def _mixed(name: str) -> RuntimeError:
    return RuntimeError(
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
        f"(in {name})"
    )


class Mode(TorchFunctionMode):
    """Where it is entered, the pretended GPU is there, for this thread."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if name in ("__get__", "__set__"):
            return _attribute(func, func.__self__.__name__, name, args)
        if name in ("to", "cpu", "cuda") and args and isinstance(args[0], Tensor):
            return _move(name, args, kwargs)
        if name in ("numpy", "__array__", "__dlpack__") and is_marked(args[0]):
            raise TypeError(
                "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                "host memory first."
            )
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type in ("cpu", "cuda"):
            return _made(func, args, kwargs)
        marked = _check(name, args, kwargs)
        found = func(*args, **kwargs)
        if name != "copy_" and marked and isinstance(found, (Tensor, list, tuple, dict)):
            _mark(found)
        return found


def _attribute(func: Callable, attribute: str, access: str, args: tuple) -> Any:
    self = args[0]
    if access == "__set__":
        value = args[1]
        if attribute == "grad" and value is not None and is_marked(value) != is_marked(self):
            raise RuntimeError("assigned grad has data located on a different device")
        func(*args)
        if attribute == "data":
            _mark(self, is_marked(value))
        return None
    found = func(*args)
    if not is_marked(self):
        return found
    if attribute == "device":
        return GPU
    if attribute in ("is_cuda", "is_cpu"):
        return attribute == "is_cuda"
    return _mark(found) if isinstance(found, Tensor) else found


def _move(name: str, args: tuple, kwargs: dict) -> Tensor:
    source, rest = args[0], args[1:]
    if name == "to":
        device, dtype, copy = _target(rest, kwargs)
    else:
        device, dtype, copy = torch.device(name), None, False
    if device is not None and device.type not in ("cpu", "cuda"):
        return _REAL_TO(source, *rest, **kwargs)
    goes = is_marked(source) if device is None else device.type == "cuda"
    found = source if dtype is None else _REAL_TO(source, dtype)
    if found is source and (copy or goes != is_marked(source)):
        found = source.clone()
    return found if found is source else _mark(found, goes)


def _target(rest: tuple, kwargs: dict) -> tuple[torch.device | None, torch.dtype | None, bool]:
    copy = kwargs.pop("copy", False)
    kwargs.pop("memory_format", None)
    other = kwargs.pop("other", rest[0] if rest and isinstance(rest[0], Tensor) else None)
    if other is not None:
        return (GPU if is_marked(other) else torch.device("cpu")), other.dtype, copy
    device, dtype, _, _ = torch._C._nn._parse_to(*rest, **kwargs)
    return device, dtype, copy


def _made(func: Callable, args: tuple, kwargs: dict) -> Any:
    """What is asked for on a device: ``zeros``, ``tensor``, ``zeros_like`` and their like."""
    on_gpu = torch.device(kwargs["device"]).type == "cuda"
    found = func(*args, **{**kwargs, "device": "cpu"})
    if any(found is tensor for tensor in _tensors(args)) and is_marked(found) != on_gpu:
        found = found.clone()
    return _mark(found, on_gpu)


def _check(name: str, args: tuple, kwargs: dict) -> bool:
    """Whether any operand is on the GPU; refuses those that CUDA does not take together."""
    everything = list(_tensors((args, kwargs)))
    marked = [tensor for tensor in everything if is_marked(tensor)]
    others = [tensor for tensor in everything if not is_marked(tensor)]
    if not marked or not others or torch._C._current_graph_task_id() != -1:
        return bool(marked)
    if name in ("__getitem__", "__setitem__"):
        _check_index(name, args)
    elif name in _STRICT or (name not in _ACROSS and any(tensor.dim() for tensor in others)):
        raise _mixed(name)
    return True


def _check_index(name: str, args: tuple) -> None:
    """CUDA takes indices of the CPU, the CPU none of CUDA's; what is put at indices must be on the same."""
    if not is_marked(args[0]) and any(map(is_marked, _tensors(args[1]))):
        raise RuntimeError(
            "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
        )
    by_index = any(tensor.dim() for tensor in _tensors(args[1]))
    put = args[2] if name == "__setitem__" and isinstance(args[2], Tensor) else None
    if by_index and put is not None and put.dim() and is_marked(args[0]) != is_marked(put):
        raise _mixed(name)


@contextmanager
def present(*, capability: tuple[int, int] = (8, 6), free: int = 8 << 30) -> Iterator[None]:
    """Within it the GPU is there, on every thread that starts.

    Parameters
    ----------
    capability : tuple of int
        8 and more is Ampere, which has bfloat16.
    free : int
        Bytes of its memory that nobody has taken.
    """
    with pytest.MonkeyPatch.context() as patch, Mode():
        says = {
            "is_available": True,
            "device_count": 1,
            "current_device": 0,
            "get_device_name": "pretended GPU",
            "get_device_capability": capability,
            "mem_get_info": (free, 2 * free),
            "memory_reserved": 0,
            "memory_allocated": 0,
            "max_memory_allocated": 0,
            "reset_peak_memory_stats": None,
            "empty_cache": None,
            "synchronize": None,
            "get_rng_state": torch.empty(0, dtype=torch.uint8),
            "set_rng_state": None,
        }
        for name, answer in says.items():
            patch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
        autocast, run, engine = torch.autocast, threading.Thread.run, torch.autograd._engine_run_backward
        # A real autocast of the CPU: matrices are multiplied in half precision, as they would be.
        patch.setattr(torch, "autocast", lambda _, *args, **kwargs: autocast("cpu", *args, **kwargs))
        patch.setattr(threading.Thread, "run", _with_mode(run))
        # A call of torch takes the mode off, and the way back runs functions of our own.
        patch.setattr(torch.autograd, "_engine_run_backward", _with_mode(engine))
        yield


def _with_mode(run: Callable) -> Callable:
    def inside(*args: Any, **kwargs: Any) -> Any:
        with Mode():
            return run(*args, **kwargs)

    return inside
