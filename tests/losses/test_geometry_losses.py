"""The terms of the geometry stage against numbers worked out by hand, their gradients against differences."""

import math

import pytest

torch = pytest.importorskip("torch")

from ft2os.losses import anchor_loss, needle_loss, spill_loss  # noqa: E402

F64 = torch.float64


def _tensor(values):
    return torch.tensor(values, dtype=F64, requires_grad=True)


def test_needle_charges_what_is_long_in_one_direction_and_lets_discs_be():
    needle, disc = _tensor([[0.1, 1.0, 0.05]]), _tensor([[1.0, 0.9, 0.001]])
    assert needle_loss(needle, torch.ones(1)).item() == pytest.approx(1.0 / 0.1 - 6)
    assert needle_loss(disc, torch.ones(1)).item() == 0.0


def test_needle_charges_growth_beyond_one_and_a_half():
    scales = _tensor([[2.0, 2.0, 1.0], [1.4, 1.0, 1.0]])
    assert needle_loss(scales, torch.ones(2)).item() == pytest.approx((math.log(2.0) - math.log(1.5)) / 2)


def test_anchor_is_the_mean_square_in_extents_and_in_opacity():
    means, start = _tensor([[0.3, 0.0, 0.4], [0.0, 0.0, 0.0]]), torch.zeros(2, 3)
    opacities = _tensor([0.5, 0.9])
    loss = anchor_loss(means, start, opacities, torch.tensor([0.5, 0.7]), extent=2.0)
    assert loss.item() == pytest.approx((0.25 / 4 + 0.2**2) / 2)


def test_spill_counts_only_what_is_outside():
    images, originals = torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2)
    originals[..., 0, 0] = 0.3
    outside = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    assert spill_loss(images, originals, outside).item() == pytest.approx((0.2 + 0.5) / 2)
    assert spill_loss(images, originals, torch.zeros_like(outside)).item() == 0.0


def test_the_gradients_are_the_differences():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.rand(*shape, generator=generator, dtype=F64)

    scales = (draw(6, 3) * torch.tensor([1.0, 9.0, 1.0], dtype=F64) + 0.3).requires_grad_()
    means, opacities = draw(6, 3).requires_grad_(), draw(6).requires_grad_()
    images = draw(2, 3, 4, 4).requires_grad_()
    outside = (draw(2, 1, 4, 4) > 0.5).double()
    assert needle_loss(scales, draw(6)).item() > 0
    longest, start, solid, originals = draw(6), draw(6, 3), draw(6), draw(2, 3, 4, 4)
    assert torch.autograd.gradcheck(lambda s: needle_loss(s, longest), scales)
    assert torch.autograd.gradcheck(lambda m, o: anchor_loss(m, start, o, solid, 1.7), (means, opacities))
    assert torch.autograd.gradcheck(lambda i: spill_loss(i, originals, outside), images)


def test_needle_of_nothing_costs_nothing():
    assert needle_loss(torch.zeros(2, 3), torch.zeros(2)).item() == 0.0


def test_spill_counts_a_single_pixel_of_one_channel_in_full_and_needs_no_gradient_of_the_original():
    images, originals = torch.full((1, 1, 2, 2), 0.75), torch.zeros(1, 1, 2, 2, requires_grad=True)
    outside = torch.zeros(1, 1, 2, 2)
    outside[0, 0, 1, 0] = 1
    loss = spill_loss(images.requires_grad_(), originals, outside)
    loss.backward()
    assert loss.item() == 0.75
    assert originals.grad is None
    assert images.grad.tolist() == [[[[0.0, 0.0], [1.0, 0.0]]]]
