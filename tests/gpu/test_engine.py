"""Drawing on a GPU against the tiles: pictures, gradients, pulls, the linear form; with gsplat or without."""

import importlib.util

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os import device as devices  # noqa: E402
from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.errors import MissingError  # noqa: E402
from ft2os.gaussians import Gaussians  # noqa: E402
from ft2os.render import ScreenGradients, engine_name, linear, rasterize  # noqa: E402
from ft2os.tiles import linear as tiles_linear  # noqa: E402
from tests.splat_scenes import camera, cloud  # noqa: E402

WIDTH, HEIGHT = 70, 52


@pytest.fixture(params=["gsplat", "tiles"])
def engine(request, gpu, monkeypatch):
    """What draws for the GPU: gsplat, or the tiles where it is not installed."""
    if request.param == "tiles":
        monkeypatch.setattr(devices, "has_gsplat", lambda: False)
    assert engine_name() == request.param
    return request.param


def pieces(scene: Gaussians) -> tuple[np.ndarray, ...]:
    return scene.means, scene.quats, scene.scales, scene.opacities, scene.sh


def mostly_alike(a, b, most=1e-3, share=2e-3) -> bool:
    """In float32 a contribution may fall on the other side of a cutoff."""
    return bool((np.abs(np.asarray(a) - np.asarray(b)) > most).mean() < share)


@pytest.mark.parametrize("antialiased", [False, True])
def test_pictures_depths_and_gradients_are_the_tiles(engine, antialiased):
    scene = cloud()
    viewmats, Ks = (torch.from_numpy(x) for x in stack([camera(), camera(2.0)]))
    gradients, pictures = [], []
    for device in ("cpu", "cuda"):
        p = [torch.tensor(x, device=device).requires_grad_() for x in pieces(scene)]
        behind = torch.tensor([0.2, 0.5, 0.8], device=device, requires_grad=True)
        out = rasterize(
            *p, viewmats.to(device), Ks.to(device), WIDTH, HEIGHT, sh_degree=3, antialiased=antialiased,
            backgrounds=behind,
        )  # fmt: skip
        assert all(x.device.type == device for x in out)
        (out[0].sum() + out[1].sum() + 0.1 * out[2].sum()).backward()
        pictures.append([x.detach().cpu() for x in out])
        gradients.append([x.grad.cpu() for x in (*p, behind)])
    for a, b in zip(*pictures):
        assert mostly_alike(a, b)
    for a, b in zip(*gradients):
        assert (a - b).norm() < 2e-2 * a.norm()


def test_plain_colours_and_bands_of_their_own_for_every_camera(engine):
    scene = cloud(degree=1)
    cameras = [torch.from_numpy(x) for x in stack([camera(), camera(2.0)])]
    bands = np.stack([scene.sh, scene.sh[:, :, ::-1]])
    for colours, degree in ((bands, 1), (bands, 0), (bands[:, :, 0] + 0.5, None)):
        drawn = [
            rasterize(
                *(torch.tensor(x, device=device) for x in (*pieces(scene)[:4], colours)),
                *(x.to(device) for x in cameras), WIDTH, HEIGHT, sh_degree=degree,
            )[0].cpu()
            for device in ("cpu", "cuda")
        ]  # fmt: skip
        assert mostly_alike(*drawn)


def test_no_gaussians_are_an_empty_picture(engine):
    nothing = [torch.tensor(x[:0], device="cuda") for x in pieces(cloud())]
    viewmats, Ks = (torch.tensor(x, device="cuda") for x in stack([camera()]))
    rgb, alpha, depth = rasterize(
        *nothing, viewmats, Ks, WIDTH, HEIGHT, sh_degree=3, backgrounds=torch.ones(3, device="cuda")
    )
    assert (rgb == 1).all()
    assert not alpha.any()
    assert not depth.any()


def test_pulls_rank_as_the_tiles_do(engine):
    scene, ranks = cloud(200, degree=0), []
    weights = torch.rand(2, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0))
    viewmats, Ks = (torch.from_numpy(x) for x in stack([camera(), camera(0.3)]))
    for device in ("cpu", "cuda"):
        arrays = [torch.tensor(x, device=device, requires_grad=True) for x in pieces(scene)]
        pulls = ScreenGradients()
        rgb, _, _ = rasterize(
            *arrays, viewmats.to(device), Ks.to(device), WIDTH, HEIGHT, sh_degree=0, screen_gradients=pulls
        )
        (rgb * weights.to(device)).sum().backward()
        pull, views = pulls.each(WIDTH, HEIGHT)
        assert pull.device.type == views.device.type == device
        ranks.append(pull.cpu().argsort().argsort().double().numpy())
        assert views.max() == 2
    # gsplat's sums are of absolute values, ours are not: the order is alike, not the same.
    assert np.corrcoef(*ranks)[0, 1] > 0.5


@pytest.mark.parametrize("antialiased", [False, True])
@pytest.mark.parametrize("prune", [0.0, 0.02])
def test_the_linear_form_is_the_tiles(engine, antialiased, prune):
    scene, view = cloud(), camera()
    (ours,) = tiles_linear.build(scene, [view], antialiased=antialiased, prune=prune)
    (theirs,) = linear.build(scene, [view], device="cuda", antialiased=antialiased, prune=prune)
    assert theirs.W.device.type == theirs.WT.device.type == "cuda"
    dense = theirs.W.to_dense().cpu().numpy()
    assert mostly_alike(dense, ours.W.toarray(), most=1e-4, share=1e-3)
    np.testing.assert_array_equal(theirs.WT.to_dense().cpu().numpy(), dense.T)
    assert mostly_alike(theirs.alpha.cpu(), ours.alpha)
    seen = theirs.depths.cpu().numpy()
    assert ((seen > 0) == (ours.depths > 0)).mean() > 0.99
    both = (seen > 0) & (ours.depths > 0)
    np.testing.assert_allclose(seen[both], ours.depths[both], rtol=1e-5)
    assert mostly_alike(theirs.depth().cpu(), ours.depth())


def test_the_linear_forms_picture_and_gradient_are_the_tiles(engine):
    scene, view = cloud(), camera()
    (ours,) = tiles_linear.build(scene, [view])
    (theirs,) = linear.build(scene, [view], device="cuda")
    colours = np.random.default_rng(0).uniform(size=(len(scene), 3)).astype(np.float32)
    x = torch.tensor(colours, device="cuda", requires_grad=True)
    picture = linear.apply(x, theirs, (0.2, 0.5, 0.8))
    assert picture.device.type == "cuda"
    assert mostly_alike(picture.detach().cpu(), ours.image(colours, (0.2, 0.5, 0.8)))
    picture.sum().backward()
    expected = ours.gradient(np.ones((HEIGHT, WIDTH, 3), np.float32))
    assert np.linalg.norm(x.grad.cpu().numpy() - expected) < 1e-2 * np.linalg.norm(expected)


def test_the_linear_form_of_what_is_not_seen_is_empty(engine):
    scene = cloud(20)
    (form,) = linear.build(scene.replace(means=scene.means + 1000), [camera()], device="cuda")
    picture = linear.apply(torch.ones(20, 3, device="cuda"), form, (0.25, 0.5, 0.75))
    assert (picture == torch.tensor([0.25, 0.5, 0.75], device="cuda")).all()
    assert not form.depth().any()
    assert not form.depths.any()


def test_told_to_leave_the_gpu_alone_nothing_draws_on_it(gpu, monkeypatch):
    monkeypatch.setenv("FT2OS_DEVICE", "cpu")
    assert engine_name() == "tiles"
    viewmats, Ks = (torch.from_numpy(x) for x in stack([camera()]))
    arrays = [torch.from_numpy(x) for x in pieces(cloud())]
    with pytest.raises(MissingError):
        rasterize(*arrays, viewmats, Ks, WIDTH, HEIGHT, sh_degree=3, engine="gsplat")


def test_kernels_that_cannot_be_compiled_are_told_once_and_with_a_way(pretended_gpu, monkeypatch):
    asked = []

    def mismatched(*_):
        asked.append(True)
        raise RuntimeError("The detected CUDA version (12.1) mismatches the version (13.0)\nand so on")

    monkeypatch.setattr("gsplat.isect_offset_encode", mismatched)
    arrays = [torch.tensor(x, device="cuda") for x in pieces(cloud())]
    viewmats, Ks = (torch.tensor(x, device="cuda") for x in stack([camera()]))
    for _ in range(2):
        with pytest.raises(MissingError) as caught:
            rasterize(*arrays, viewmats, Ks, WIDTH, HEIGHT, sh_degree=3)
        assert caught.value.message.endswith("mismatches the version (13.0)")
        assert "CUDA toolkit" in caught.value.hint
    with pytest.raises(MissingError):
        linear.build(cloud(), [camera()], device="cuda")
    assert len(asked) == 1


@pytest.mark.gpu
def test_the_package_is_a_tested_one():
    assert importlib.util.find_spec("gsplat") is not None
    import gsplat

    assert gsplat.__version__.startswith("1.5.")
