"""The linear rendering for torch: pictures from colours by a sparse product, with its gradient.

On the CPU the matrices come from ``ft2os.tiles.linear``; on CUDA from gsplat's own list of which Gaussian
touches which pixel, weighed here, or without gsplat from the tiles, and moved. Either way ``apply`` is one
product forward and one backward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.autograd.function import once_differentiable

from ft2os.cameras.camera import Camera
from ft2os.gaussians import Gaussians
from ft2os.render.rasterize import engine_name
from ft2os.tiles import linear as tiles_linear
from ft2os.tiles.linear import LinearView


@dataclass(frozen=True)
class CudaView:
    """A ``LinearView`` on a GPU: ``W`` [P, N] and ``WT`` [N, P] sparse CSR, ``alpha`` [P], ``depths`` [N]."""

    W: Tensor
    WT: Tensor
    alpha: Tensor
    depths: Tensor
    camera: Camera

    def depth(self) -> Tensor:
        """Expected camera z of every pixel, 0 where nothing is seen.  [H, W]"""
        total = (self.W @ self.depths[:, None])[:, 0]
        return (total / self.alpha.clamp_min(1e-10)).reshape(self.camera.height, self.camera.width)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, colours, view):
        ctx.view = view
        if isinstance(view, LinearView):
            return torch.from_numpy(tiles_linear.multiply(view.W, colours.detach().numpy()))
        return view.W @ colours.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        if isinstance(ctx.view, LinearView):
            return torch.from_numpy(tiles_linear.multiply(ctx.view.WT, gradient.numpy())), None
        return ctx.view.WT @ gradient, None


def apply(
    colours: Tensor,  # [N, 3] shown colours
    view: LinearView | CudaView,
    background: Tensor | Sequence[float] | None = None,  # [3]
) -> Tensor:  # [H, W, 3]
    """The view's picture of ``colours`` over ``background`` (black if left out), differentiable in both."""
    flat = _Product.apply(colours, view)
    if background is not None:
        alpha = view.alpha if isinstance(view, CudaView) else torch.from_numpy(view.alpha)
        flat = flat + (1.0 - alpha)[:, None] * torch.as_tensor(background).to(flat)
    return flat.reshape(view.camera.height, view.camera.width, 3)


def build(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    *,
    prune: float = 0.0,
    antialiased: bool = False,
    device: str | torch.device = "cpu",
) -> list[LinearView] | list[CudaView]:
    """The linear rendering of every camera, on ``device``; see ``ft2os.tiles.linear.build``."""
    if torch.device(device).type != "cuda":
        return tiles_linear.build(gaussians, cameras, prune=prune, antialiased=antialiased)
    if engine_name() != "gsplat":
        views = (tiles_linear.build(gaussians, [c], prune=prune, antialiased=antialiased)[0] for c in cameras)
        return [_moved(view, device) for view in views]
    from ft2os.render import cuda

    parts = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities)
    tensors = [torch.as_tensor(x, dtype=torch.float32, device=device) for x in parts]
    views = []
    for camera in cameras:
        pixels, columns, weights, depths = cuda.blend_weights(
            *tensors, camera=camera, antialiased=antialiased
        )
        keep = weights > max(prune, 0.0)
        shape = (camera.height * camera.width, len(gaussians))
        index = torch.stack([pixels[keep], columns[keep]])
        # The indices are in range as gsplat gives them; checking them would wait for the GPU.
        W = torch.sparse_coo_tensor(index, weights[keep], shape, check_invariants=False).coalesce()
        alpha = torch.zeros(shape[0], device=device).index_add_(0, W.indices()[0], W.values())
        views.append(CudaView(W.to_sparse_csr(), W.t().coalesce().to_sparse_csr(), alpha, depths, camera))
    return views


def _moved(view: LinearView, device: str | torch.device) -> CudaView:
    """The same on a GPU."""

    def put(matrix: csr_matrix) -> Tensor:
        # Rows of W lie nearest first; the products of a GPU want columns in their order.
        matrix = matrix.sorted_indices()
        ends, columns, weights = (torch.from_numpy(x) for x in (matrix.indptr, matrix.indices, matrix.data))
        sparse = torch.sparse_csr_tensor(ends, columns, weights, matrix.shape, check_invariants=False)
        return sparse.to(device)

    alpha, depths = (torch.from_numpy(x).to(device) for x in (view.alpha, view.depths))
    return CudaView(put(view.W), put(view.WT), alpha, depths, view.camera)
