"""How a frozen network judges: at which precision and in which memory layout.

Only the gradient to the pictures is wanted, so the weights are frozen and autograd keeps what the way back to
the input needs and nothing for theirs. The choices rest on measurements; forward and backward of 8 pictures,
CPU seconds of two AMD EPYC cores (AVX-512, no AMX), torch 2.13, random weights:

====================  ==========  =============  =======================
model                 contiguous  channels-last  note
====================  ==========  =============  =======================
ViT-B-32 (224²)       1.99        1.95           one convolution: no gain
ViT-S-32-alt (224²)   0.57        0.58           the same
MobileCLIP2-S0 (256²) 1.10        0.87           channels-last
RN50 (224²)           1.70        1.42           channels-last
====================  ==========  =============  =======================

ViT-B-32 in wall seconds: float32 1.1, bfloat16 2.3, float16 43, since without matrix units for them a CPU
converts more than it saves. So a CPU judges in float32. A GPU judges in bfloat16 where it has it (Ampere on),
else in float16 with scaled gradients; TF32 is not switched on, because every card that has it has bfloat16,
and the switch would reach the camera matrices too. ``torch.compile`` takes 43 CPU seconds for ViT-B-32 and
saves 0.09 of 2.04 for 8 pictures, 88 for MobileCLIP2-S0 and saves 0.19 of 0.87: either pays after some 470
steps, more than a run has, so it is not used. On the CPU the same pictures give the same bits; a GPU's
bicubic, attention and blending gradients add in the order they come.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ft2os.device import half_precision
from ft2os.errors import RequestError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_SCALE = 4096.0  # lifts gradients over float16's smallest numbers; float16 holds up to 16 times the loss's 1


class FrozenNetwork:
    """A network whose weights stay as they are, run at one precision.

    Parameters
    ----------
    network : torch.nn.Module
        Laid out channels-last if it is made of convolutions.
    function : callable
        What runs it: pictures [B, 3, H, W] to one tensor.
    precision : str
        One of `PRECISIONS`; "auto" chooses by the device.

    Raises
    ------
    RequestError
        If there is no such precision.
    """

    def __init__(
        self,
        network: nn.Module,
        function: Callable[[Tensor], Tensor],
        precision: str = "auto",
    ) -> None:
        if precision not in PRECISIONS:
            raise RequestError(
                f"There is no precision {precision!r}.", f"Choose one of {', '.join(PRECISIONS)}."
            )
        self.precision = precision
        self._function = function
        if _is_convolutional(network):
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  no overload has it

    def __call__(
        self,
        pictures: Tensor,  # [B, 3, H, W]
    ) -> Tensor:
        """The network's answer, float32 whatever it was computed in."""
        kind = self.dtype(pictures.device)
        scaled = kind is torch.float16 and pictures.requires_grad
        if scaled:
            pictures = _ScaleGradient.apply(pictures, 1 / _SCALE)
        with _autocast(pictures.device, kind):
            answer = self._function(pictures)
        answer = answer.float()
        return _ScaleGradient.apply(answer, _SCALE) if scaled else answer

    def dtype(self, device: torch.device) -> torch.dtype | None:
        """What matrices are multiplied in on that device; None is float32."""
        if self.precision == "auto":
            return half_precision(device)
        return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]


def kept_bytes(network: Callable[[Tensor], Tensor], side: int, device: torch.device | str = "cpu") -> int:
    """Bytes that a frozen network keeps of one picture [1, 3, side, side] until the gradient has come back.

    Counted, so that it holds for any network: what two pictures keep less what one does, since the weights
    are there anyway.
    """
    return _kept(network, 2, side, device) - _kept(network, 1, side, device)


def _kept(network: Callable[[Tensor], Tensor], batch: int, side: int, device: torch.device | str) -> int:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    pictures = torch.full((batch, 3, side, side), 0.5, device=device, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        last = network(pictures)  # held: a storage that is freed would give its place to another
    del last
    return sum(kept.values())


class _ScaleGradient(torch.autograd.Function):
    """The same values, the gradient times a factor."""

    @staticmethod
    def forward(ctx, values, factor):
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


def _autocast(device: torch.device, kind: torch.dtype | None) -> AbstractContextManager:
    return nullcontext() if kind is None else torch.autocast(device.type, kind)


def _is_convolutional(network: nn.Module) -> bool:
    """Whether it has more convolutions than a vision transformer's one, which cuts the patches."""
    return sum(isinstance(part, nn.Conv2d) for part in network.modules()) > 1
