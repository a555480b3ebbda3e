"""The screen gradient against what moving one Gaussian across the screen really does."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.render import ScreenGradients, rasterize  # noqa: E402
from ft2os.tiles.projection import project  # noqa: E402
from tests.splat_scenes import camera, cloud  # noqa: E402

SIZE = (70, 52)


def test_a_pull_is_the_gradient_of_the_centre_on_the_screen():
    scene, view = cloud(1, degree=0, seed=3), camera(shift=0.0)
    scene = scene.replace(
        means=np.array([[0.1, 0.05, 0.0]], np.float32), opacities=np.array([0.8], np.float32)
    )
    weights = torch.rand(SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(0))
    viewmats, Ks = (torch.from_numpy(x) for x in stack([view]))
    names = ("means", "quats", "scales", "opacities")
    arrays = [torch.from_numpy(getattr(scene, name)).requires_grad_() for name in names]
    screen_gradients = ScreenGradients()
    _, alpha, _ = rasterize(
        *arrays,
        torch.from_numpy(scene.sh),
        viewmats,
        Ks,
        *SIZE,
        sh_degree=0,
        screen_gradients=screen_gradients,
    )
    (alpha[0, ..., 0] * weights).sum().backward()
    pull, views = screen_gradients.each(*SIZE)

    # The same splat written out, its centre alone free.
    flat = project(scene.means, scene.quats, scene.scales, scene.opacities, view.viewmat, view.K, *SIZE)
    centre = torch.tensor(flat.means2d[0], requires_grad=True)
    y, x = torch.meshgrid(torch.arange(SIZE[1]) + 0.5, torch.arange(SIZE[0]) + 0.5, indexing="ij")
    xx, xy, yy = flat.conics[0].tolist()
    dx, dy = x - centre[0], y - centre[1]
    shown = 0.8 * torch.exp(-0.5 * (xx * dx**2 + yy * dy**2) - xy * dx * dy)
    (torch.where(shown >= 1 / 255, shown, 0) * weights).sum().backward()
    assert float(pull[0]) == pytest.approx(
        float(np.hypot(*(centre.grad.numpy() * np.array(SIZE) / 2))), rel=1e-3
    )
    assert views.tolist() == [1.0]


def test_what_no_camera_sees_is_not_pulled():
    scene = cloud(40, degree=0)
    means = scene.means.copy()
    means[0] = (0.0, 0.0, -50.0)  # behind
    arrays = [torch.from_numpy(np.array(x)).requires_grad_() for x in (means, scene.quats, scene.scales)]
    viewmats, Ks = (torch.from_numpy(x) for x in stack([camera(), camera(0.3)]))
    screen_gradients = ScreenGradients()
    rgb, _, _ = rasterize(
        *arrays, torch.from_numpy(scene.opacities), torch.from_numpy(scene.sh), viewmats, Ks, *SIZE,
        sh_degree=0, screen_gradients=screen_gradients,
    )  # fmt: skip
    rgb.square().sum().backward()
    pull, views = screen_gradients.each(*SIZE)
    assert pull[0] == 0
    assert views[0] == 0
    assert (pull[1:] > 0).any()
    assert views.max() == 2


def test_before_the_backward_pass_there_is_no_pull():
    with pytest.raises(ValueError, match="backward"):
        ScreenGradients().each(*SIZE)
