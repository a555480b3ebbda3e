"""``rasterize`` and the linear form at their edges: engines, shapes of colours, backgrounds, no Gaussians."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.errors import MissingError, RequestError  # noqa: E402
from ft2os.render import ScreenGradients, linear, rasterize  # noqa: E402
from tests.splat_scenes import camera, cloud  # noqa: E402

SIZE = (20, 14)


def pieces(degree=1):
    scene = cloud(30, degree=degree)
    arrays = (scene.means, scene.quats, scene.scales, scene.opacities, scene.sh)
    return [torch.tensor(x) for x in arrays]


def views(count=2):
    return [torch.from_numpy(x) for x in stack([camera(0.4 * i) for i in range(count)])]


@pytest.mark.parametrize(
    ("shape", "degree", "fits"),
    [
        ((30, 3), None, True),
        ((2, 30, 3), None, True),
        ((1, 30, 3), None, True),
        ((3, 30, 3), None, False),
        ((29, 3), None, False),
        ((30, 4), None, False),
        ((30, 4, 3), 1, True),
        ((30, 9, 3), 1, True),  # more bands than are drawn
        ((30, 3, 3), 1, False),
        ((30, 1, 3), 0, True),
        ((2, 30, 4, 3), 1, True),
        ((3, 30, 4, 3), 1, False),
        ((30, 4, 2), 1, False),
        ((30, 3), 0, False),
        ((1, 2, 30, 4, 3), 1, False),
    ],
)
def test_colours_fit_the_gaussians_and_cameras_or_are_refused(shape, degree, fits):
    colours = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    if fits:
        rgb, alpha, depth = rasterize(*pieces()[:4], colours, *views(), *SIZE, sh_degree=degree)
        assert (rgb.shape, alpha.shape, depth.shape) == ((2, 14, 20, 3), (2, 14, 20, 1), (2, 14, 20, 1))
    else:
        with pytest.raises(ValueError, match="do not fit 30 Gaussians"):
            rasterize(*pieces()[:4], colours, *views(), *SIZE, sh_degree=degree)


def test_bands_beyond_the_degree_play_no_part():
    p = pieces(2)
    few = rasterize(*p[:4], p[4][:, :4], *views(), *SIZE, sh_degree=1)
    for a, b in zip(rasterize(*p, *views(), *SIZE, sh_degree=1), few):
        assert torch.equal(a, b)
    assert not torch.equal(rasterize(*p, *views(), *SIZE, sh_degree=2)[0], few[0])


def test_one_background_is_every_cameras_and_none_is_black():
    p = pieces()
    plain, alpha, _ = rasterize(*p, *views(), *SIZE, sh_degree=1)
    behind = torch.tensor([[0.2, 0.5, 0.8], [1.0, 0.0, 0.3]])
    both = rasterize(*p, *views(), *SIZE, sh_degree=1, backgrounds=behind)[0]
    torch.testing.assert_close(both, plain + (1 - alpha) * behind[:, None, None])
    one = rasterize(*p, *views(), *SIZE, sh_degree=1, backgrounds=behind[0])[0]
    torch.testing.assert_close(one, plain + (1 - alpha) * behind[0])


def test_the_named_engine_draws(pretended_gpu):
    """Tensors on the CPU are drawn by the tiles even where there is a GPU, unless gsplat is asked for."""
    p = pieces()
    assert torch.equal(
        rasterize(*p, *views(), *SIZE, sh_degree=1)[0],
        rasterize(*p, *views(), *SIZE, sh_degree=1, engine="tiles")[0],
    )
    on_gpu = [x.cuda() for x in p]
    drawn = rasterize(*on_gpu, *(x.cuda() for x in views()), *SIZE, sh_degree=1, engine="tiles")[0]
    assert drawn.is_cuda
    assert torch.equal(drawn.cpu(), rasterize(*p, *views(), *SIZE, sh_degree=1)[0])
    named, meant = (
        rasterize(*on_gpu, *(x.cuda() for x in views()), *SIZE, sh_degree=1, engine=engine)[0].cpu()
        for engine in ("gsplat", None)
    )
    assert torch.equal(named, meant)
    assert not torch.equal(named, drawn.cpu())


def test_without_a_gpu_the_tiles_may_be_named():
    p = pieces()
    named, meant = (rasterize(*p, *views(), *SIZE, sh_degree=1, engine=e)[0] for e in ("tiles", None))
    assert torch.equal(named, meant)


def test_an_engine_that_is_not_here_is_said():
    with pytest.raises(MissingError, match="NVIDIA"):
        rasterize(*pieces(), *views(), *SIZE, sh_degree=1, engine="gsplat")
    with pytest.raises(RequestError, match="'vulkan'"):
        rasterize(*pieces(), *views(), *SIZE, sh_degree=1, engine="vulkan")


def test_what_is_changed_before_the_way_back_is_noticed():
    p = [x.requires_grad_() for x in pieces()]
    scales = p[2] * 1.0
    rgb, _, _ = rasterize(p[0], p[1], scales, p[3], p[4], *views(), *SIZE, sh_degree=1)
    with torch.no_grad():
        scales.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        rgb.sum().backward()


def test_pulls_count_in_half_pictures_over_all_cameras():
    pulls = ScreenGradients()
    gradient = torch.tensor([[[3.0, 0.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 0.0]]])
    seen = torch.tensor([[True, False], [True, True]])
    pulls.provide(lambda: (gradient, seen))
    pull, cameras = pulls.each(8, 6)  # halves of 4 and 3
    assert pull.tolist() == [12.0 + 6.0, 0.0]
    assert cameras.tolist() == [2.0, 1.0]
    assert pull.dtype == cameras.dtype == torch.float32


def test_linear_views_over_no_background_are_black_and_over_one_filled():
    scene, view = cloud(40, degree=0), camera()
    (form,) = linear.build(scene, [view])
    colours = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    plain = linear.apply(colours, form)
    assert plain.shape == (view.height, view.width, 3)
    dense = form.W.toarray() @ colours.numpy()
    np.testing.assert_allclose(plain.numpy().reshape(-1, 3), dense, atol=1e-5)
    rest = (1 - form.alpha)[:, None] * np.float32([0.25, 0.5, 1.0])
    filled = linear.apply(colours, form, [0.25, 0.5, 1.0]).numpy().reshape(-1, 3)
    np.testing.assert_allclose(filled, dense + rest, atol=1e-5)


@pytest.mark.parametrize("cuda", [False, True])
def test_what_weighs_less_than_asked_is_left_out_of_the_linear_form(cuda, request):
    if cuda:
        request.getfixturevalue("pretended_gpu")
    scene, view = cloud(40, degree=0), camera()
    device = "cuda" if cuda else "cpu"
    (whole,), (pruned,) = (linear.build(scene, [view], prune=p, device=device) for p in (0.0, 0.05))
    weights = [(f.W.values() if cuda else torch.from_numpy(f.W.data)) for f in (whole, pruned)]
    assert weights[0].min() > 0
    assert weights[1].min() > 0.05
    assert len(weights[1]) == int((weights[0] > 0.05).sum())
    negative = linear.build(scene, [view], prune=-1.0, device=device)[0]
    assert (negative.W.values() if cuda else negative.W.data).min() > 0


def test_without_gsplat_the_linear_form_of_every_camera_is_moved(pretended_gpu, monkeypatch):
    from ft2os import device as devices

    monkeypatch.setattr(devices, "has_gsplat", lambda: False)
    scene, shots = cloud(40, degree=0), [camera(), camera(1.0)]
    moved = linear.build(scene, shots, device="cuda", prune=0.01, antialiased=True)
    for one, shot in zip(moved, shots, strict=True):
        (own,) = linear.build(scene, [shot], prune=0.01, antialiased=True)
        assert one.camera is shot
        np.testing.assert_array_equal(one.W.to_dense().cpu().numpy(), own.W.toarray())
        assert np.array_equal(one.alpha.cpu(), own.alpha)
        assert np.array_equal(one.depths.cpu(), own.depths)
        columns = one.W.col_indices().cpu().numpy()
        ends = one.W.crow_indices().cpu().numpy()
        assert all((np.diff(columns[a:b]) > 0).all() for a, b in pairwise(ends))


def test_gsplat_kernels_that_lack_memory_are_asked_again(pretended_gpu, monkeypatch):
    def full(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    p = [x.cuda() for x in pieces()]
    shots = [x.cuda() for x in views()]
    with monkeypatch.context() as patched:
        patched.setattr("gsplat.isect_offset_encode", full)
        with pytest.raises(torch.cuda.OutOfMemoryError):
            rasterize(*p, *shots, *SIZE, sh_degree=1)
    assert rasterize(*p, *shots, *SIZE, sh_degree=1)[0].is_cuda


def test_no_gaussians_and_no_cameras_on_a_gpu(pretended_gpu):
    p = [x.cuda() for x in pieces()]
    V, K = (x.cuda() for x in views())
    rgb, alpha, depth = rasterize(*p, V[:0], K[:0], *SIZE, sh_degree=1)
    assert (rgb.shape, alpha.shape, depth.shape) == ((0, 14, 20, 3), (0, 14, 20, 1), (0, 14, 20, 1))
    empty = cloud(5, degree=0).subset(np.zeros(5, bool))
    (form,) = linear.build(empty, [camera()], device="cuda")
    assert not form.alpha.any()
    assert form.W.shape == (camera().width * camera().height, 0)
