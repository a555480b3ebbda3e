"""The engine for machines without CUDA: ``ft2os.tiles`` as a torch operation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ft2os.render.screen_gradients import ScreenGradients
from ft2os.tiles import rasterizer


class _Tiles(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, means, quats, scales, opacities, colours, degree, viewmats, Ks, width, height, antialiased,
        screen_gradients, home,
    ):  # fmt: skip
        arrays = [x.detach().contiguous().numpy() for x in (means, quats, scales, opacities, colours)]
        done = rasterizer.forward(
            rasterizer.Parameters(*arrays, degree=degree), viewmats.numpy(), Ks.numpy(), width, height,
            antialiased=antialiased,
        )  # fmt: skip
        # Saving the inputs makes torch notice when one is changed in place before the backward pass.
        ctx.save_for_backward(means, quats, scales, opacities, colours)
        ctx.done, ctx.screen_gradients, ctx.home = done, screen_gradients, home
        return torch.from_numpy(done.blended.features), torch.from_numpy(done.blended.rest)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_features, grad_rest):
        _ = ctx.saved_tensors
        sums = rasterizer.pixel_sums(ctx.done, grad_features.numpy(), grad_rest.numpy())
        if ctx.screen_gradients is not None:
            gradients_and_seen = tuple(
                torch.from_numpy(x).to(ctx.home) for x in rasterizer.screen_gradients(ctx.done, *sums)
            )
            ctx.screen_gradients.provide(lambda: gradients_and_seen)
        gradients = rasterizer.parameter_gradients(ctx.done, *sums)
        return (*(torch.from_numpy(g) for g in gradients), *(None,) * 8)


def features(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4]
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    colours: Tensor,  # [1 or C, N, K, 3]
    degree: int,
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    antialiased: bool,
    screen_gradients: ScreenGradients | None = None,
) -> tuple[Tensor, Tensor]:
    """Σ w·(rgb, z) [C, H, W, 4] and the transmittance left [C, H, W]; float32 on the CPU.

    Screen gradients come on the device of the means.
    """
    tensors = [x.to("cpu", torch.float32) for x in (means, quats, scales, opacities, colours)]
    cameras = [x.detach().to("cpu") for x in (viewmats, Ks)]
    return _Tiles.apply(
        *tensors, degree, *cameras, width, height, antialiased, screen_gradients, means.device
    )
