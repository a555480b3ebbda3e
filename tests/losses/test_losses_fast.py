"""The fast method's losses on cases whose answer is known, and the crops that they are asked on."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.losses import direction_loss, smoothness_loss, structure_loss  # noqa: E402
from ft2os.stylize.clip import augment  # noqa: E402


def _unit(*values):
    return torch.nn.functional.normalize(torch.tensor(values, dtype=torch.float64), dim=-1)


def test_direction_is_zero_along_the_words_two_against_them_and_one_across():
    original = torch.zeros(3, 3, dtype=torch.float64)
    moved = torch.tensor([[2.0, 0, 0], [-2.0, 0, 0], [0, 2.0, 0]], dtype=torch.float64)
    words = torch.tensor([0.3, 0, 0], dtype=torch.float64)
    each = [float(direction_loss(m[None], o[None], words, soft=1e-6)) for m, o in zip(moved, original)]
    assert each == pytest.approx([0.0, 2.0, 1.0], abs=1e-9)
    assert float(direction_loss(moved, original, words, soft=1e-6)) == pytest.approx(1.0)


def test_direction_of_an_image_that_has_not_moved_is_finite_and_points_along_the_words():
    original = _unit([1.0, 2.0, 2.0])
    image = original.clone().requires_grad_()
    words = torch.tensor([0.0, 3.0, 0.0], dtype=torch.float64)
    loss = direction_loss(image, original, words)
    loss.backward()
    assert loss.item() == 1.0
    torch.testing.assert_close(image.grad, torch.tensor([[0.0, -10.0, 0.0]], dtype=torch.float64))


def test_direction_has_the_gradient_that_differences_say():
    generator = torch.Generator().manual_seed(0)
    images, originals = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64)
    words = torch.randn(6, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: direction_loss(x, originals, words), images.requires_grad_())


def _stripes(low, high, size=24):
    row = torch.where(torch.arange(size) % 4 < 2, torch.tensor(low), torch.tensor(high))
    return row.expand(1, 3, size, size).clone()


def test_form_is_kept_by_other_brightness_and_contrast_and_lost_by_the_negative():
    original = _stripes(0.2, 0.8)
    assert float(structure_loss(original, original)) == pytest.approx(0.0, abs=1e-5)
    assert float(structure_loss(_stripes(0.1, 0.4), original)) < 0.02
    assert float(structure_loss(_stripes(0.8, 0.2), original)) > 1.9
    assert 0.9 < float(structure_loss(torch.full_like(original, 0.5), original)) < 1.0


def test_form_pulls_towards_the_originals_light_and_dark():
    original = _stripes(0.2, 0.8)
    flat = 0.5 + 0.02 * torch.randn(original.shape, generator=torch.Generator().manual_seed(0))
    flat.requires_grad_()
    structure_loss(flat, original).backward()
    bright = original > 0.5
    assert flat.grad[bright].mean() < 0 < flat.grad[~bright].mean()


def test_an_even_original_has_no_form_to_keep():
    even = torch.full((1, 3, 24, 24), 0.5)
    assert torch.isfinite(structure_loss(torch.rand(1, 3, 24, 24), even))


def test_smoothness_counts_what_sticks_out_and_pulls_it_back():
    neighbours = torch.tensor([[1, 2], [0, 2], [0, 1]])
    change = torch.tensor([[0.3] * 3, [0.0] * 3, [0.0] * 3], requires_grad=True)
    loss = smoothness_loss(change, neighbours)
    assert loss.item() == pytest.approx((0.3**2 + 2 * 0.15**2) / 3)
    loss.backward()
    assert change.grad[0, 0] > 0 > change.grad[1, 0]
    assert smoothness_loss(torch.full((3, 3), 0.7), neighbours) == 0


def test_a_homography_takes_the_corners_where_they_should_go():
    wanted = np.array([(-0.5, -0.4), (0.3, -0.6), (0.4, 0.2), (-0.6, 0.5)])
    square = np.array([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)]) @ augment.homography(wanted).T
    np.testing.assert_allclose(square[:, :2] / square[:, 2:], wanted, atol=1e-12)


def test_a_crop_without_tilt_is_a_slice_of_the_picture():
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    half = augment.homography(np.array([(-1, -1), (0, -1), (0, 0), (-1, 0)]))
    found = augment.crop(image, np.array([0]), half[None], 16)
    torch.testing.assert_close(found[0], image[0, :, :16, :16], rtol=1e-4, atol=1e-5)


def test_crops_lie_on_the_object_have_the_asked_area_and_come_from_every_view():
    masks = np.zeros((3, 40, 40), bool)
    masks[:, 5:9, 30:34] = True
    rng = np.random.default_rng(0)
    sources, homographies = augment.windows(masks, 9, (0.25, 0.5), 0.0, rng)
    assert sorted(sources) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for matrix in homographies:
        assert 0.5 <= matrix[0, 0] <= np.sqrt(0.5) + 1e-9
        corners = matrix @ np.array([(-1, 1), (-1, 1), (1, 1)])
        assert np.abs(corners).max() <= 1 + 1e-9
        x, y = (31.5 / 20 - 1, 6.5 / 20 - 1)  # the object's middle is inside
        assert corners[0].min() < x < corners[0].max()
        assert corners[1].min() < y < corners[1].max()


def test_a_crops_gradient_goes_to_the_pixels_that_it_shows():
    image = torch.rand(2, 3, 16, 16, requires_grad=True)
    corner = augment.homography(np.array([(-1, -1), (0, -1), (0, 0), (-1, 0)]))
    augment.crop(image, np.array([1]), corner[None], 8).sum().backward()
    assert not image.grad[0].any()
    assert image.grad[1, :, :7, :7].min() > 0.5
    assert not image.grad[1, :, 9:, 9:].any()


def test_structure_is_the_correlation_of_windows_weighed_by_the_originals_spread():
    """Written out window by window: 9 pixels wide, 4 apart, variances over a floor of 2e-4."""
    rng = np.random.default_rng(3)
    now, then = rng.random((2, 2, 3, 21, 17))
    then[0, :, :9, :9] = 0.5  # an even window, which has no say
    got = structure_loss(torch.tensor(now), torch.tensor(then))
    top = bottom = 0.0
    for image in range(2):
        a, b = ((x[image] * np.reshape([0.299, 0.587, 0.114], (3, 1, 1))).sum(0) for x in (now, then))
        for y in range(0, 21 - 8, 4):
            for x in range(0, 17 - 8, 4):
                p, q = (v[y : y + 9, x : x + 9] for v in (a, b))
                shared = ((p - p.mean()) * (q - q.mean())).mean()
                weight = q.std()
                top += weight * (shared + 2e-4) / np.sqrt((p.var() + 2e-4) * (q.var() + 2e-4))
                bottom += weight
    assert float(got) == pytest.approx(1 - top / bottom, rel=1e-6)
    even = torch.full((1, 3, 24, 24), 0.5)
    assert float(structure_loss(even, even)) == pytest.approx(1.0, abs=1e-2)


def test_structure_gives_no_gradient_to_the_original():
    original = torch.rand(1, 3, 18, 18, requires_grad=True)
    structure_loss(torch.rand(1, 3, 18, 18, requires_grad=True), original).backward()
    assert original.grad is None
