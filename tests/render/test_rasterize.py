"""``rasterize`` on the CPU: pictures and gradients against the dense float64 reference."""

import numpy as np
import pytest
import torch

from ft2os.cameras.camera import stack
from ft2os.errors import MissingError, RequestError
from ft2os.render import engine_name, rasterize
from tests.reference import draw
from tests.splat_scenes import camera, cloud

WIDTH, HEIGHT = 70, 52
NAMES = ("means", "quats", "scales", "opacities", "colors", "backgrounds")


def parameters(degree, dtype, views=1, seed=0, **options):
    scene = cloud(degree=degree or 0, seed=seed, **options)
    colors = scene.base_colours if degree is None else scene.sh
    background = np.linspace(0.1, 0.9, 3 * views).reshape(views, 3)
    arrays = (scene.means, scene.quats, scene.scales, scene.opacities, colors, background)
    return [torch.tensor(x, dtype=dtype).requires_grad_() for x in arrays]


def ours(p, views, degree, antialiased=False):
    viewmats, Ks = (torch.from_numpy(x) for x in stack(views))
    return rasterize(
        *p[:5], viewmats, Ks, WIDTH, HEIGHT, sh_degree=degree, backgrounds=p[5], antialiased=antialiased
    )


def reference(p, views, degree, antialiased=False):
    pictures = [
        draw(
            *p[:5], torch.from_numpy(v.viewmat).double(), torch.from_numpy(v.K).double(), WIDTH, HEIGHT,
            degree=degree, background=p[5][c], antialiased=antialiased,
        )
        for c, v in enumerate(views)
    ]  # fmt: skip
    stacked = [torch.stack(x) for x in list(zip(*pictures))[:4]]
    return stacked[0], stacked[1][..., None], stacked[2][..., None], stacked[3]


@pytest.mark.parametrize(
    ("degree", "antialiased", "size"),
    [
        (None, False, 0.09),
        (0, False, 0.09),
        (1, True, 0.05),
        (2, False, 0.09),
        (3, True, 0.02),
        (4, False, 0.09),
    ],
)
def test_pictures_and_gradients_agree_with_the_reference(degree, antialiased, size):
    views = [camera(0.0), camera(1.3), camera(4.0, distance=0.5)]
    exact = parameters(degree, torch.float64, len(views), size=size)
    rgb, alpha, depth, safe = reference(exact, views, degree, antialiased)
    single = parameters(degree, torch.float32, len(views), size=size)
    drawn = ours(single, views, degree, antialiased)
    assert (~safe).float().mean() < 1e-3
    for a, b, tolerance in zip(drawn, (rgb, alpha, depth), (1e-5, 1e-5, 1e-4)):
        torch.testing.assert_close(a[safe].double(), b[safe], rtol=0, atol=tolerance)

    generator = torch.Generator().manual_seed(1)
    upstream = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in (rgb, alpha, depth)]
    upstream = [g * safe[..., None] for g in upstream]
    upstream[2] = upstream[2] * (
        alpha.detach() > 0.05
    )  # depth = sum / alpha has no bound where alpha is nothing
    torch.autograd.backward((rgb, alpha, depth), upstream)
    torch.autograd.backward(drawn, [g.float() for g in upstream])
    for name, a, b in zip(NAMES, single, exact):
        error = (a.grad.double() - b.grad).norm() / b.grad.norm()
        assert error < 1e-4, (name, float(error))


def test_gradients_agree_with_finite_differences():
    views = [camera(0.4), camera(2.0)]
    p = parameters(2, torch.float32, len(views), n=40, size=0.2)
    generator = torch.Generator().manual_seed(0)
    target = torch.rand((2, HEIGHT, WIDTH, 3), generator=generator)

    def loss(values):
        rgb, alpha, _ = ours(values, views, 2)
        return ((rgb - target).double() ** 2).sum() + alpha.double().sum()

    loss(p).backward()
    for name, value in zip(NAMES, p):
        # along the gradient: in other directions the cutoffs' small jumps drown the slope
        way = value.grad / value.grad.norm()
        step = 2e-3
        moved = []
        for sign in (1, -1):
            shifted = [(v + sign * step * way if v is value else v).detach() for v in p]
            moved.append(float(loss(shifted)))
        numeric = (moved[0] - moved[1]) / (2 * step)
        analytic = float((value.grad * way).sum())
        assert analytic == pytest.approx(numeric, rel=2e-2), name


def test_colours_of_each_camera_are_told_apart():
    views = [camera(0.0), camera(1.0)]
    p = parameters(None, torch.float32, 2)
    p[4] = torch.rand((2, 240, 3), generator=torch.Generator().manual_seed(0)).requires_grad_()
    both = ours(p, views, None)[0]
    for c in range(2):
        alone = ours([*p[:4], p[4][c], p[5][c]], views[c : c + 1], None)[0]
        torch.testing.assert_close(both[c], alone[0], rtol=0, atol=0)
    both[0].sum().backward()
    assert p[4].grad[0].abs().sum() > 0
    assert p[4].grad[1].abs().sum() == 0


def test_an_empty_scene_is_the_background_and_has_gradients():
    p = [x.detach()[:0].requires_grad_() for x in parameters(1, torch.float32)[:5]]
    background = torch.tensor([[0.1, 0.2, 0.3]], requires_grad=True)
    rgb, alpha, depth = ours([*p, background], [camera()], 1)
    assert torch.equal(rgb, background.detach().expand(1, HEIGHT, WIDTH, 3))
    assert not alpha.any()
    assert not depth.any()
    rgb.sum().backward()
    assert background.grad.tolist() == [[WIDTH * HEIGHT] * 3]


def test_gaussians_behind_the_camera_have_no_gradient():
    p = parameters(1, torch.float32)
    with torch.no_grad():
        p[0][:20, 2] -= 30
    sum(x.sum() for x in ours(p, [camera()], 1)).backward()
    for value in p[:5]:
        assert torch.isfinite(value.grad).all()
        assert not value.grad[:20].any()


def test_repeats_to_the_bit():
    def once():
        p = parameters(3, torch.float32)
        sum(x.sum() for x in ours(p, [camera()], 3)).backward()
        return [x.grad for x in p]

    for a, b in zip(once(), once()):
        assert torch.equal(a, b)


def test_refusals():
    p = parameters(1, torch.float32)
    viewmats, Ks = (torch.from_numpy(x) for x in stack([camera()]))
    with pytest.raises(ValueError):
        rasterize(*p[:5], viewmats, Ks, WIDTH, HEIGHT, sh_degree=2)
    with pytest.raises(RequestError):
        rasterize(*p[:5], viewmats, Ks, WIDTH, HEIGHT, sh_degree=1, engine="opengl")
    if engine_name() != "gsplat":
        with pytest.raises(MissingError):
            rasterize(*p[:5], viewmats, Ks, WIDTH, HEIGHT, sh_degree=1, engine="gsplat")
