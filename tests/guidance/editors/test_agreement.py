"""What makes views agree: shared attention against a plain loop, grids, noise that sticks to the surface."""

from __future__ import annotations

import numpy as np
import pytest

from ft2os.cameras.orbit import orbit
from ft2os.guidance.editors import grid, noise

PIXELS = 48


@pytest.fixture(scope="module")
def unet():
    pytest.importorskip("diffusers")
    from tests import tiny_editors

    return tiny_editors.instruct_pix2pix().unet


def plain(attn, hidden, views, keys):
    """Softmax attention written out, view after view and head after head."""
    import torch

    q, k, v = attn.to_q(hidden), attn.to_k(hidden), attn.to_v(hidden)
    width = q.shape[-1] // attn.heads
    out = torch.zeros_like(hidden)
    for branch in range(len(hidden) // views):
        for view in range(views):
            at = branch * views + view
            seen = set(range(views)) if not keys else {*range(keys), view}
            rows = [branch * views + i for i in sorted(seen)]
            key, value = torch.cat([k[i] for i in rows]), torch.cat([v[i] for i in rows])
            for head in range(attn.heads):
                part = slice(head * width, (head + 1) * width)
                weights = torch.softmax(q[at][:, part] @ key[:, part].T / width**0.5, -1)
                out[at][:, part] = weights @ value[:, part]
    return attn.to_out[0](out)


@pytest.mark.parametrize("keys", [0, 1, 2])
def test_shared_attention_equals_a_plain_loop(unet, keys):
    import torch

    from ft2os.guidance.editors.share import SharedAttention

    attn = next(module for name, module in unet.named_modules() if name.endswith("attn1"))
    torch.manual_seed(0)
    hidden = torch.randn(6, 9, attn.to_q.in_features)  # two branches of three views
    with torch.no_grad():
        got = SharedAttention(attn.processor, 3, keys)(attn, hidden)
        assert (got - plain(attn, hidden, 3, keys)).abs().max() <= 1e-5


def test_sharing_ends_with_the_stock_processors(unet):
    import torch

    from ft2os.guidance.editors.share import shared

    torch.manual_seed(0)
    z, text = torch.randn(6, 8, 16, 16), torch.randn(2, 16, 32).repeat_interleave(3, 0)

    def run(latents):
        with torch.no_grad():
            return unet(latents, torch.tensor(300), text).sample

    before, stock = unet.attn_processors, run(z)
    with shared(unet, 3):
        together = run(z)
        moved = z.clone()
        moved[1] += 1  # the second view of the first branch
        changed = (run(moved) - together).abs().amax((1, 2, 3))
    assert unet.attn_processors == before
    assert torch.equal(run(z), stock)
    assert (together - stock).abs().max() > 1e-4
    assert changed[0] > 1e-5, "the first view does not feel the second"
    assert (changed[3:] == 0).all(), "branches mix"
    with shared(unet, 1):
        assert torch.equal(run(z), stock)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_tiles_come_back_as_they_went(count):
    random = np.random.default_rng(0)
    views = [random.random((24, 16, 3)).astype(np.float32) for _ in range(count)]
    picture = grid.tile(views, (24, 16))
    assert picture.shape == (48, 32, 3)
    for view, back in zip(views, grid.untile(picture, count)):
        np.testing.assert_array_equal(view, back)
    larger = np.repeat(np.repeat(picture, 2, 0), 2, 1)  # as an editor of a larger native size gives it
    assert [tile.shape for tile in grid.untile(larger, count)] == [(48, 32, 3)] * count


def test_only_an_anchored_grid_says_so():
    assert grid.instruction("Make it lava", anchored=False) == "Make it lava"
    assert grid.instruction("Make it lava.", anchored=True).startswith("Make it lava. The top left")


def sphere(camera) -> np.ndarray:  # [H, W, 3]
    """Where the rays of a camera meet the unit sphere; NaN beside it."""
    x, y = np.meshgrid(np.arange(PIXELS) + 0.5, np.arange(PIXELS) + 0.5)
    pixels = np.stack([x, y, np.ones_like(x)], -1)
    rays = pixels @ np.linalg.inv(camera.K).T @ camera.viewmat[:3, :3]
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    centre = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]
    along = rays @ centre
    inside = along**2 - centre @ centre + 1
    return centre + rays * np.where(inside > 0, -along - np.sqrt(np.maximum(inside, 0)), np.nan)[..., None]


@pytest.fixture(scope="module")
def views():
    return [sphere(camera) for camera in orbit(((0, 0, 0), 1.0), 24, (PIXELS, PIXELS))[:2]]


def own(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((4, PIXELS, PIXELS)).astype(np.float32)


def test_a_place_has_the_same_number_from_two_cameras(views):
    cell = noise.cell_size(views)
    first, second = (noise.on_surface(own(i), points, cell, seed=7) for i, points in enumerate(views))
    common = set(first[0].ravel().tolist()) & set(second[0].ravel().tolist())
    assert len(common) > 200
    for value in list(common)[:50]:
        places = [points[made[0] == np.float32(value)][0] for points, made in zip(views, (first, second))]
        assert np.floor(places[0] / cell).tolist() == np.floor(places[1] / cell).tolist()
    other = noise.on_surface(own(0), views[0], cell, seed=8)
    assert not common & set(other[0].ravel().tolist())


def test_noise_on_the_surface_is_white_and_standard_normal(views):
    cell = noise.cell_size(views)
    made = np.stack([noise.on_surface(own(i), views[0], cell, seed=i) for i in range(8)])
    seen = np.isfinite(views[0]).all(axis=2)
    values = made[:, :, seen]
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
    assert abs(np.mean(values**4) - 3) < 0.2
    both = seen[:, 1:] & seen[:, :-1]
    assert abs(np.mean((made[..., 1:] * made[..., :-1])[:, :, both])) < 0.02
    assert abs(np.corrcoef(values[:, 0].ravel(), values[:, 1].ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(made[3][:, ~seen], own(3)[:, ~seen])


def test_latent_pixels_take_the_point_at_their_middle():
    rows, columns = np.meshgrid(np.arange(32.0), np.arange(32.0), indexing="ij")
    points = noise.latent_points(np.stack([rows, columns, rows], -1), (4, 4))
    assert points[1, 2].tolist() == [12, 20, 12]
    assert noise.cell_size([points]) == 8
