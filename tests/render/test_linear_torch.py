"""The torch operation over the linear rendering: the rasterizer's picture and its colour gradient."""

import torch

from ft2os.cameras.camera import stack
from ft2os.render import linear, rasterize
from ft2os.tiles.linear import view_colours
from tests.splat_scenes import camera, cloud


def test_picture_and_colour_gradient_are_the_rasterizers():
    scene, view = cloud(), camera()
    fixed = [torch.from_numpy(x) for x in (scene.means, scene.quats, scene.scales, scene.opacities)]
    a = torch.from_numpy(view_colours(scene, view)).requires_grad_()
    b = a.detach().clone().requires_grad_()
    background = torch.tensor([0.2, 0.5, 0.8], requires_grad=True)
    other = background.detach().clone().requires_grad_()
    viewmats, Ks = (torch.from_numpy(x) for x in stack([view]))
    drawn = rasterize(*fixed, a, viewmats, Ks, view.width, view.height, backgrounds=background)[0][0]
    (matrix,) = linear.build(scene, [view])
    product = linear.apply(b, matrix, other)
    torch.testing.assert_close(product, drawn, rtol=0, atol=1e-5)

    upstream = torch.randn(drawn.shape, generator=torch.Generator().manual_seed(0))
    drawn.backward(upstream)
    product.backward(upstream)
    assert (a.grad - b.grad).norm() < 1e-4 * a.grad.norm()
    torch.testing.assert_close(other.grad, background.grad, rtol=1e-4, atol=1e-4)


def test_gradcheck_by_linearity():
    scene, view = cloud(n=60), camera()
    (matrix,) = linear.build(scene, [view])
    x = torch.rand((60, 3), requires_grad=True)
    y = linear.apply(x, matrix)
    upstream = torch.rand(y.shape)
    y.backward(upstream)
    # <upstream, W x> = <Wᵀ upstream, x>
    torch.testing.assert_close((upstream * y).sum(), (x.grad * x).sum(), rtol=1e-4, atol=1e-4)
