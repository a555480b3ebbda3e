"""The numpy rasterizer against the dense reference, and at its edges."""

import numpy as np
import pytest
import torch

from ft2os import tiles
from ft2os.cameras.camera import stack
from ft2os.tiles import linear
from tests.reference import draw
from tests.splat_scenes import camera, cloud

BACKGROUND = np.array([0.2, 0.5, 0.8], np.float32)


def exact(gaussians, view, **options):
    g = gaussians
    arrays = (g.means, g.quats, g.scales, g.opacities, g.sh, view.viewmat, view.K)
    t = [torch.from_numpy(x.astype(np.float64)) for x in arrays]
    background = torch.from_numpy(BACKGROUND.astype(np.float64))
    return draw(*t, view.width, view.height, degree=gaussians.degree, background=background, **options)


def agree(rendered, expected, c=0):
    safe = expected.safe.numpy()
    assert (~safe).mean() < 1e-3
    for ours, reference, tolerance in (
        (rendered.rgb, expected.rgb, 1e-5),
        (rendered.alpha, expected.alpha, 1e-5),
        (rendered.depth, expected.depth, 1e-4),
    ):
        np.testing.assert_allclose(ours[c][safe], reference.numpy()[safe], rtol=0, atol=tolerance)


@pytest.mark.parametrize("degree", range(5))
def test_agrees_with_the_reference_for_a_batch_of_cameras(degree):
    scene = cloud(degree=degree, seed=degree)
    views = [camera(a) for a in (0.0, 1.3, 4.0)]
    rendered = tiles.render(scene, *stack(views), 70, 52, background=BACKGROUND)
    for c, view in enumerate(views):
        agree(rendered, exact(scene, view), c)


def test_antialiased_agrees_with_the_reference():
    scene = cloud(size=0.02)
    rendered = tiles.render(scene, *stack([camera()]), 70, 52, background=BACKGROUND, antialiased=True)
    agree(rendered, exact(scene, camera(), antialiased=True))
    assert rendered.alpha.mean() < 0.9 * tiles.render(scene, *stack([camera()]), 70, 52).alpha.mean()


def test_a_camera_inside_the_cloud_agrees_with_the_reference():
    scene = cloud(
        n=150
    )  # Gaussians behind the camera, at its sides, and stretched by the near ones' Jacobian
    view = camera(distance=0.3)
    agree(tiles.render(scene, *stack([view]), 70, 52, background=BACKGROUND), exact(scene, view))


def test_a_long_thin_diagonal_splat_keeps_its_shape():
    """Its conic's terms cancel to one part in 10⁵: the case for which splats are not stored as conics."""
    half = np.sin(np.pi / 8)
    scene = cloud(n=1).replace(
        means=np.array([[0.3, 0.2, 0]], np.float32),
        quats=np.array([[np.cos(np.pi / 8), 0, 0, half]], np.float32),
        scales=np.array([[3.0, 0.002, 0.002]], np.float32),
        opacities=np.array([0.9], np.float32),
    )
    view = camera(width=400, height=300)
    agree(tiles.render(scene, *stack([view]), 400, 300, background=BACKGROUND), exact(scene, view))


def test_depth_limit_hides_what_lies_beyond():
    scene, view = cloud(), camera()
    limit = np.full((52, 70), 2.4, np.float32)
    limit[:, 35:] = np.inf
    limit[:10] = 0.0
    rendered = tiles.render(scene, *stack([view]), 70, 52, background=BACKGROUND, depth_limit=limit[None])
    agree(rendered, exact(scene, view, depth_limit=torch.from_numpy(limit)))
    assert (rendered.alpha[0, :10] == 0).all()


def test_nothing_to_draw_leaves_the_background():
    empty = cloud().subset(np.zeros(0, int))
    behind = cloud().replace(means=cloud().means - np.float32([0, 0, 50]))
    for scene in (empty, behind):
        rendered = tiles.render(scene, *stack([camera(), camera(1.0)]), 70, 52, background=BACKGROUND)
        assert rendered.rgb.shape == (2, 52, 70, 3)
        np.testing.assert_array_equal(rendered.rgb, np.broadcast_to(BACKGROUND, (2, 52, 70, 3)))
        assert not rendered.alpha.any()
        assert not rendered.depth.any()


def test_read_only_and_strided_inputs_are_drawn_alike():
    scene = cloud()
    strided = scene.replace(means=np.repeat(scene.means, 2, axis=0)[::2])
    scene.opacities.flags.writeable = False
    a = tiles.render(scene, *stack([camera()]), 70, 52)
    b = tiles.render(strided, *stack([camera()]), 70, 52)
    np.testing.assert_array_equal(a.rgb, b.rgb)


def test_projection_covers_every_contribution():
    scene, view = cloud(), camera()
    p = tiles.project(scene.means, scene.quats, scene.scales, scene.opacities, view.viewmat, view.K, 70, 52)
    expected = exact(scene, view)
    ys, xs = np.mgrid[0:52, 0:70] + 0.5
    for row, weights in zip(expected.order.numpy(), expected.weights.numpy()):
        used = weights > 0
        if used.any():
            assert np.abs(xs[used] - p.means2d[row, 0]).max() <= p.radii[row, 0]
            assert np.abs(ys[used] - p.means2d[row, 1]).max() <= p.radii[row, 1]


@pytest.mark.parametrize("name", ["means", "quats", "scales", "opacities", "sh"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_values_that_are_not_numbers_stay_inside_the_picture(name, value):
    """A diverging optimisation must end in an error message, not in a crash."""
    scene = cloud()
    broken = getattr(scene, name).copy()
    broken[:40] = value
    scene = scene.replace(**{name: broken})
    rendered = tiles.render(scene, *stack([camera()]), 70, 52)
    assert rendered.rgb.shape == (1, 52, 70, 3)
    (view,) = linear.build(scene, [camera()])
    assert view.W.shape == (52 * 70, len(scene))
    if name == "means":
        rest = scene.subset(np.arange(40, len(scene)))
        np.testing.assert_array_equal(rendered.rgb, tiles.render(rest, *stack([camera()]), 70, 52).rgb)
