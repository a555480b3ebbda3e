"""The gsplat engine against the tiles, where there is a GPU."""

import numpy as np
import pytest
import torch

from ft2os.cameras.camera import stack
from ft2os.render import engine_name, linear, rasterize
from ft2os.tiles import linear as tiles_linear
from tests.splat_scenes import camera, cloud

pytestmark = pytest.mark.skipif(engine_name() != "gsplat", reason="needs an NVIDIA GPU and gsplat")


@pytest.mark.parametrize("antialiased", [False, True])
def test_both_engines_draw_the_same(antialiased):
    scene = cloud()
    arrays = (scene.means, scene.quats, scene.scales, scene.opacities, scene.sh)
    viewmats, Ks = (torch.from_numpy(x) for x in stack([camera(), camera(2.0)]))
    grads, pictures = [], []
    for device in ("cpu", "cuda"):
        p = [torch.tensor(x, device=device).requires_grad_() for x in arrays]
        out = rasterize(
            *p, viewmats.to(device), Ks.to(device), 70, 52, sh_degree=3, antialiased=antialiased,
            backgrounds=torch.tensor([0.2, 0.5, 0.8], device=device),
        )  # fmt: skip
        (out[0].sum() + out[1].sum()).backward()
        pictures.append([x.detach().cpu() for x in out])
        grads.append([x.grad.cpu() for x in p])
    for a, b in zip(pictures[0][:2], pictures[1][:2]):
        assert ((a - b).abs() > 1e-3).float().mean() < 2e-3  # float32 may fall on the other side of a cutoff
    for a, b in zip(*grads):
        assert (a - b).norm() < 2e-2 * a.norm()


def test_the_linear_form_is_the_tiles():
    scene, view = cloud(), camera()
    (ours,) = tiles_linear.build(scene, [view])
    (theirs,) = linear.build(scene, [view], device="cuda")
    colours = np.random.default_rng(0).uniform(size=(len(scene), 3)).astype(np.float32)
    x = torch.tensor(colours, device="cuda", requires_grad=True)
    picture = linear.apply(x, theirs, (0.2, 0.5, 0.8))
    difference = np.abs(picture.detach().cpu().numpy() - ours.image(colours, (0.2, 0.5, 0.8)))
    assert (difference > 1e-3).mean() < 2e-3
    picture.sum().backward()
    expected = ours.gradient(np.ones((52, 70, 3), np.float32))
    assert np.linalg.norm(x.grad.cpu().numpy() - expected) < 1e-2 * np.linalg.norm(expected)
