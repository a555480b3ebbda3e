"""Pictures drawn in parts: the bits of the whole, within bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os import tiles
from ft2os.cameras.camera import stack
from ft2os.errors import RequestError
from ft2os.tiles import binning, linear, rasterizer
from tests.costs import MB, cost
from tests.splat_scenes import camera, cloud

COVER = """
def cover(n, opacity):
    '''Gaussians that each cover the whole picture.'''
    z = np.linspace(0, 1, n, dtype=np.float32)
    means = np.stack([0 * z, 0 * z, z], axis=1)
    quats = np.tile(np.float32([1, 0, 0, 0]), (n, 1))
    return Gaussians(means, quats, np.full((n, 3), 1e3, np.float32), np.full(n, opacity, np.float32),
                     np.zeros((n, 1, 3), np.float32))
def view(side):
    viewmat = np.eye(4, dtype=np.float32)
    viewmat[2, 3] = 4
    K = np.float32([[side, 0, side / 2], [0, side, side / 2], [0, 0, 1]])
    return viewmat, K, side, side
"""
IMPORTS = f"""
import numpy as np
from ft2os import tiles
from ft2os.gaussians import Gaussians
{COVER}
tiles.compile_kernels()
"""


@pytest.mark.parametrize("most", ["pixels", "entries"])
def test_parts_have_the_bits_of_the_whole(monkeypatch, most):
    """However small the parts are, and with whatever else is asked for."""
    scene, views = cloud(), [camera(), camera(1.0)]
    limit = np.random.default_rng(0).uniform(1, 6, (2, 52, 70)).astype(np.float32)
    more = {"background": [(0.1, 0.5, 0.9), (1, 0, 0)], "antialiased": True, "depth_limit": limit}
    whole = tiles.render(scene, *stack(views), 70, 52, **more)
    monkeypatch.setattr(binning, f"WINDOW_{most.upper()}", 300)
    looks = []
    parts = tiles.render(scene, *stack(views), 70, 52, **more, look=lambda: looks.append(1))
    assert len(looks) > 10
    for one, other in zip(whole, parts):
        np.testing.assert_array_equal(one, other)


def test_parts_cover_every_pixel_once_from_the_top(monkeypatch):
    monkeypatch.setattr(binning, "WINDOW_ENTRIES", 300)
    (viewmat,), (K,) = stack([camera()])
    seen = np.zeros((52, 70), int)
    tops = []
    for window, drawn in tiles.render_parts(cloud(), viewmat, K, 70, 52):
        seen[window.rows, window.columns] += 1
        assert drawn.alpha.shape == (1, *window.shape)
        tops.append(window.rows.start)
    assert (seen == 1).all()
    assert tops == sorted(tops)


@pytest.mark.parametrize(("n", "opacity", "side"), [(20_000, 0.999, 1920), (1, 0.5, 4096)])
def test_what_covers_everything_is_drawn_within_bounded_memory(n, opacity, side):
    code = """
n, opacity, side = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
longest = 0
last = time.perf_counter()
for window, drawn in tiles.render_parts(cover(n, opacity), *view(side)):
    assert abs(drawn.alpha - min(opacity, 0.999)).max() < 1e-2
    now = time.perf_counter()
    longest, last = max(longest, now - last), now
print(longest)
"""
    spent = cost(code, n, opacity, side, imports=IMPORTS)
    assert not spent.kind, spent.error
    assert spent.extra < 600 * MB


def test_a_pass_with_its_gradient_that_does_not_fit_is_refused(monkeypatch):
    scene, (viewmats, Ks) = cloud(), stack([camera()])
    whole = rasterizer.Parameters(scene.means, scene.quats, scene.scales, scene.opacities, scene.sh[None], 1)
    rasterizer.forward(whole, viewmats, Ks, 70, 52)
    monkeypatch.setattr(binning, "_SMALL", 0)
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    for draw in (
        lambda: rasterizer.forward(whole, viewmats, Ks, 70, 52),
        lambda: linear.build(scene, [camera()]),
    ):
        with pytest.raises(RequestError) as caught:
            draw()
        assert caught.value.hint
