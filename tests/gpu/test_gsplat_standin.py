"""The stand-in for gsplat against the dense reference, which judges every layout that ft2os relies on."""

import inspect

import pytest

torch = pytest.importorskip("torch")

from ft2os.cameras.camera import stack  # noqa: E402
from tests import gsplat_standin as gsplat  # noqa: E402
from tests import reference  # noqa: E402
from tests.splat_scenes import camera, cloud  # noqa: E402

WIDTH, HEIGHT, TILE = 70, 52, 16
ACROSS, DOWN = 5, 4
VIEWS = (camera(), camera(2.0))

pytestmark = pytest.mark.usefixtures("pretended_gpu")


def arrays(degree=3):
    """Means, quats, scales, opacities and harmonics on the GPU; one lies behind the cameras, one is faint."""
    scene = cloud(degree=degree)
    found = [
        torch.tensor(x, device="cuda") for x in (scene.means, scene.quats, scene.scales, scene.opacities)
    ]
    found[0][0] = torch.tensor([0.0, 0.0, -50.0])
    found[3][1] = 0.003
    return *found, torch.tensor(scene.sh, device="cuda")


def cameras():
    return tuple(torch.tensor(x, device="cuda") for x in stack(VIEWS))


def drawn(parameters, number, antialiased=False, degree=3):
    """The reference's picture of one camera, from tensors of the CPU."""
    view = VIEWS[number]
    viewmat, K = torch.tensor(view.viewmat).double(), torch.tensor(view.K).double()
    return reference.draw(
        *(x.double() for x in parameters), viewmat, K, WIDTH, HEIGHT, degree=degree, antialiased=antialiased
    )


def projected(antialiased=False):
    means, quats, scales, opacities, _ = arrays()
    return opacities, gsplat.fully_fused_projection(
        means, None, quats, scales, *cameras(), WIDTH, HEIGHT,
        packed=False, calc_compensations=antialiased, opacities=opacities,
    )  # fmt: skip


def listed(means2d, radii, depths):
    per_splat, ids, flat = gsplat.isect_tiles(means2d, radii, depths, TILE, ACROSS, DOWN, packed=False)
    return per_splat, ids, flat, gsplat.isect_offset_encode(ids, len(means2d), ACROSS, DOWN)


@pytest.mark.parametrize("antialiased", [False, True])
def test_pictures_alphas_and_depths_are_the_references(antialiased):
    parameters = arrays()
    pictures, alphas, _ = gsplat.rasterization(
        *parameters, *cameras(), WIDTH, HEIGHT, sh_degree=3, packed=False, render_mode="RGB+D",
        rasterize_mode="antialiased" if antialiased else "classic",
    )  # fmt: skip
    assert pictures.shape == (2, HEIGHT, WIDTH, 4)
    assert alphas.shape == (2, HEIGHT, WIDTH, 1)
    assert pictures.is_cuda
    assert pictures.dtype == alphas.dtype == torch.float32
    for number in range(2):
        expected = drawn([x.cpu() for x in parameters], number, antialiased)
        sure = expected.safe
        picture, alpha = pictures[number].cpu()[sure], alphas[number, ..., 0].cpu()[sure]
        assert sure.float().mean() > 0.9
        torch.testing.assert_close(picture[:, :3].double(), expected.rgb[sure], atol=2e-5, rtol=0)
        torch.testing.assert_close(alpha.double(), expected.alpha[sure], atol=2e-5, rtol=0)
        summed = expected.depth[sure] * expected.alpha[sure]
        torch.testing.assert_close(picture[:, 3].double(), summed, atol=2e-4, rtol=0)


def test_gradients_are_the_references():
    weights = torch.rand(HEIGHT, WIDTH, 4, generator=torch.Generator().manual_seed(0))
    ours = [x.requires_grad_() for x in arrays()]
    picture, alpha, _ = gsplat.rasterization(
        *ours, *(x[:1] for x in cameras()), WIDTH, HEIGHT, sh_degree=3, packed=False, render_mode="RGB+D"
    )
    theirs = [x.detach().cpu().double().requires_grad_() for x in ours]
    expected = drawn(theirs, 0)
    mask = expected.safe[..., None]
    (
        (picture[0, ..., :3] * weights[..., :3].cuda() + alpha[0] * weights[..., 3:].cuda()) * mask.cuda()
    ).sum().backward()
    shown = expected.rgb * weights[..., :3] + expected.alpha[..., None] * weights[..., 3:]
    (shown * mask).sum().backward()
    for a, b in zip(ours, theirs):
        assert torch.isfinite(a.grad).all()
        assert (a.grad.cpu() - b.grad).norm() < 1e-4 * b.grad.norm()


def test_plain_colours_of_one_or_of_every_camera_are_taken():
    *geometry, _ = arrays()
    colours = torch.rand(2, len(geometry[0]), 3, device="cuda")
    asked = {"packed": False, "render_mode": "RGB+D"}
    each, _, _ = gsplat.rasterization(*geometry, colours, *cameras(), WIDTH, HEIGHT, **asked)
    for number in range(2):
        one, _, _ = gsplat.rasterization(
            *geometry, colours[number], *(x[number : number + 1] for x in cameras()), WIDTH, HEIGHT, **asked
        )
        torch.testing.assert_close(each[number], one[0], atol=1e-6, rtol=0)
    assert not torch.allclose(each[0], each[1])


def test_a_projection_says_what_is_seen_and_where():
    opacities, (radii, means2d, depths, conics, compensations) = projected(antialiased=True)
    n = len(opacities)
    assert (radii.shape, radii.dtype) == ((2, n, 2), torch.int32)
    assert (means2d.shape, depths.shape, conics.shape) == ((2, n, 2), (2, n), (2, n, 3))
    seen = (radii > 0).all(-1)
    assert seen.any(1).all()
    assert not seen[0, 0], "it lies behind"
    assert not seen[:, 1].any(), "it is too faint"
    for values in (means2d, depths[..., None], conics):
        assert torch.isfinite(values[seen]).all()
        assert values[~seen].isnan().all(), "gsplat leaves these as they were"
    assert (compensations[~seen] == 0).all()
    assert ((compensations[seen] > 0) & (compensations[seen] <= 1)).all()
    assert projected()[1][4] is None

    means, quats, scales = (x.cpu().double() for x in arrays()[:3])
    at, covariance, z = reference.project(
        means, quats, scales, torch.tensor(VIEWS[0].viewmat).double(), torch.tensor(VIEWS[0].K).double(),
        WIDTH, HEIGHT,
    )  # fmt: skip
    rows = seen[0].cpu()
    torch.testing.assert_close(means2d[0].cpu()[rows].double(), at[rows], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(depths[0].cpu()[rows].double(), z[rows], atol=1e-5, rtol=1e-5)
    a, b, c = conics[0].cpu()[rows].double().unbind(1)
    inverse = torch.linalg.inv(covariance[rows] + 0.3 * torch.eye(2))
    expected = torch.stack([inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]], 1)
    torch.testing.assert_close(torch.stack([a, b, c], 1), expected, atol=1e-6, rtol=1e-4)


def test_nothing_shows_beyond_a_radius():
    opacities, (radii, means2d, _, conics, _) = projected()
    seen = (radii[0] > 0).all(-1)
    a, b, c = conics[0, seen].double().unbind(1)
    edge = torch.sqrt(2 * torch.log(opacities[seen].double() * 255))  # where alpha is 1/255, in sigmas
    determinant = a * c - b * b
    for axis, along in ((0, c), (1, a)):
        needed = (edge * torch.sqrt(along / determinant)).clamp_max(torch.inf)
        reach = radii[0, seen, axis]
        # gsplat stops at 3.33 standard deviations, where an opaque splat is barely below the threshold.
        assert (reach >= needed * 0.999 - 1e-3).all()
        assert (reach < needed + 1.001).all()
    assert means2d.is_cuda


def test_ids_tell_image_tile_and_depth_and_are_sorted():
    _, (radii, means2d, depths, _, _) = projected()
    per_splat, ids, flat, offsets = listed(means2d, radii, depths)
    n = radii.shape[1]
    assert (ids.dtype, flat.dtype, per_splat.dtype) == (torch.int64, torch.int32, torch.int32)
    assert per_splat.shape == (2, n)
    assert (ids[1:] >= ids[:-1]).all()
    image, tile = ids >> (32 + 5), (ids >> 32) & 31  # 20 tiles take 5 bits
    assert (image == flat.long() // n).all()
    depth = (ids & 0xFFFFFFFF).int().view(torch.float32)
    assert (depth == depths.reshape(-1)[flat.long()]).all()
    assert (per_splat.reshape(-1).long() == torch.bincount(flat.long(), minlength=2 * n)).all()

    at, reach = means2d.reshape(-1, 2)[flat.long()], radii.reshape(-1, 2)[flat.long()]
    low = torch.stack([tile % ACROSS, tile // ACROSS], 1) * TILE
    assert ((at + reach > low) & (at - reach < low + TILE)).all()

    assert (offsets.shape, offsets.dtype) == ((2, DOWN, ACROSS), torch.int32)
    place = image * ACROSS * DOWN + tile
    counts = torch.bincount(place, minlength=2 * ACROSS * DOWN)
    assert (offsets.reshape(-1).long() == counts.cumsum(0) - counts).all()


def test_contributions_are_the_references_by_pixel_and_nearest_first():
    opacities, (radii, means2d, depths, conics, _) = projected()
    _, _, flat, offsets = listed(means2d, radii, depths)
    gaussians, pixels, images = gsplat.rasterize_to_indices_in_range(
        0, 2**30, torch.ones(2, HEIGHT, WIDTH, device="cuda"), means2d, conics,
        opacities[None].expand(2, -1).contiguous(), WIDTH, HEIGHT, TILE, offsets, flat,
    )  # fmt: skip
    assert gaussians.dtype == pixels.dtype == images.dtype == torch.int64
    order = images * WIDTH * HEIGHT + pixels
    assert (order[1:] >= order[:-1]).all()
    same = order[1:] == order[:-1]
    near = depths[images, gaussians]
    assert (near[1:] >= near[:-1])[same].all()
    for number in range(2):
        expected = drawn([x.cpu() for x in arrays()], number)
        _, by_pixel = (expected.weights.flatten(1).T > 0).nonzero(as_tuple=True)
        mine = images.cpu() == number
        sure = expected.safe.flatten()[pixels.cpu()[mine]]
        counts = (expected.weights > 0).sum(0).flatten()
        found = torch.bincount(pixels.cpu()[mine], minlength=WIDTH * HEIGHT)
        assert (found == counts)[expected.safe.flatten()].all()
        if expected.safe.all():
            assert (gaussians.cpu()[mine] == expected.order[by_pixel]).all()
        assert sure.float().mean() > 0.9


def test_what_no_camera_sees_is_an_empty_picture():
    parameters = list(arrays())
    parameters[0] = parameters[0] + 1000
    pictures, alphas, meta = gsplat.rasterization(
        *parameters, *cameras(), WIDTH, HEIGHT, sh_degree=3, packed=False, render_mode="RGB+D"
    )
    assert not pictures.any()
    assert not alphas.any()
    assert len(meta["flatten_ids"]) == 0
    assert not meta["isect_offsets"].any()


def test_absolute_gradients_come_with_the_backward_pass_and_do_not_cancel():
    parameters = [x.requires_grad_() for x in arrays()]
    pictures, _, meta = gsplat.rasterization(
        *parameters, *cameras(), WIDTH, HEIGHT, sh_degree=3, packed=False, render_mode="RGB+D", absgrad=True
    )
    means2d = meta["means2d"]
    means2d.retain_grad()
    assert not hasattr(means2d, "absgrad")
    pictures[..., :3].sum().backward()
    assert (means2d.absgrad.shape, means2d.absgrad.dtype) == (means2d.shape, torch.float32)
    assert means2d.absgrad.is_cuda
    assert (means2d.absgrad >= means2d.grad.abs() * 0.9999 - 1e-6).all()
    assert means2d.absgrad.sum() > 2 * means2d.grad.abs().sum()


REFUSED = {
    "tensors of the CPU": (lambda p: p | {"means": p["means"].cpu()}, RuntimeError),
    "double precision": (lambda p: p | {"means": p["means"].double()}, RuntimeError),
    "another shape": (lambda p: p | {"opacities": p["opacities"][:, None]}, AssertionError),
    "too few bands": (lambda p: p | {"sh_degree": 4}, AssertionError),
    "what ft2os does not use": (lambda p: p | {"camera_model": "ortho"}, NotImplementedError),
}


@pytest.mark.parametrize(("change", "error"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(change, error):
    names = ("means", "quats", "scales", "opacities", "colors", "viewmats", "Ks")
    parameters = dict(zip(names, (*arrays(), *cameras())))
    parameters |= {"width": WIDTH, "height": HEIGHT, "sh_degree": 3, "packed": False, "render_mode": "RGB+D"}
    gsplat.rasterization(**parameters)
    with pytest.raises(error):
        gsplat.rasterization(**change(parameters))


@pytest.mark.gpu
@pytest.mark.parametrize("name", gsplat.__all__)
def test_the_real_one_has_the_same_arguments(name, monkeypatch):
    monkeypatch.undo()  # the stand-in goes
    import gsplat as real

    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (gsplat, real))
    assert list(ours) == list(theirs)
    for argument in ours:
        known = {argument: ours[argument].default}
        if theirs[argument].default is not inspect.Parameter.empty and known[argument] is not None:
            assert known[argument] == theirs[argument].default
