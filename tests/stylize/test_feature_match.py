"""Feature matching: the term falls where pictures become alike, and the loop moves colours towards it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.errors import MissingError  # noqa: E402
from ft2os.guidance import perceptual  # noqa: E402
from ft2os.stylize import feature_match, prepare  # noqa: E402
from ft2os.stylize.feature_match import Matcher, Schedule, Terms  # noqa: E402
from tests.scenes import ball  # noqa: E402


@pytest.fixture(scope="module")
def network():
    """VGG16 of random weights: enough for whatever holds of any network."""
    torch.manual_seed(0)
    made = perceptual.Vgg16()
    for convolution in made.features.values():
        torch.nn.init.kaiming_normal_(convolution.weight)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def made():
    return prepare.prepare(ball(150, 0, 3), views=4, pixels=64, max_split_scale=0.02, limit=2000)


def stripes(size=64, width=8, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    lines = np.repeat(rng.uniform(0, 1, (size // width, 3)), width, axis=0)
    return np.ascontiguousarray(np.broadcast_to(lines[:, None], (size, size, 3)), np.float32)


def batch(*pictures) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def test_a_picture_is_its_own_nearest(network):
    style = stripes()
    matcher = Matcher(network, [style], samples=10_000)
    ones = torch.ones(1, 1, 64, 64)
    own = float(matcher.matching_loss(batch(style), ones))
    other = float(
        matcher.matching_loss(batch(stripes(width=4, seed=5)[:, ::-1].transpose(1, 0, 2).copy()), ones)
    )
    assert own < 1e-5
    assert other > 100 * max(own, 1e-5)


def test_the_term_is_the_mean_of_the_least_cosine_distances(network):
    style, picture = stripes(), stripes(seed=7)
    matcher = Matcher(network, [style], layers=["relu3_1"], samples=10_000)
    own, known = (
        network.layers(batch(x), ["relu3_1"])["relu3_1"][0].flatten(1).double().T for x in (picture, style)
    )
    cosine = (own @ known.T) / own.norm(dim=1)[:, None] / known.norm(dim=1)
    expected = (1 - cosine.max(dim=1).values).mean()
    got = matcher.matching_loss(batch(picture), torch.ones(1, 1, 64, 64))
    assert float(got) == pytest.approx(float(expected), rel=1e-4)


def test_what_lies_outside_the_mask_does_not_count(network):
    matcher = Matcher(network, [stripes()])
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, :, :32] = 1
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    matcher.matching_loss(pictures, mask).backward()
    reach = 24  # of a relu3_3 feature: half its 40 pixels, and its cell
    assert pictures.grad[..., 32 + reach :].abs().max() == 0
    assert pictures.grad[..., :32].abs().max() > 0
    assert float(matcher.matching_loss(pictures, torch.zeros(2, 1, 64, 64))) == 0


def test_exemplars_of_several_sizes_can_only_bring_the_style_nearer(network):
    picture, mask = batch(stripes(seed=3)), torch.ones(1, 1, 64, 64)
    one = Matcher(network, [stripes()], samples=10_000)
    two = Matcher(network, [stripes(), stripes(96, 12)], samples=10_000)
    assert float(two.matching_loss(picture, mask)) <= float(one.matching_loss(picture, mask)) + 1e-6


def run(made, network, terms, steps=16, **more):
    start = np.full_like(made.neutral, 0.5)
    said = []
    colours = feature_match.run(
        made.surface_views,
        start,
        [s.original for s in made.surface_views],
        Matcher(network, [stripes()]),
        terms,
        Schedule(steps, 0.03, shrink=2, seed=4),
        lambda step, loss, values, now: said.append((loss, values)),
        **more,
    )
    return start, colours, said


@pytest.mark.parametrize("name", ["match", "statistics"])
def test_the_loop_lowers_its_terms(made, network, name):
    start, colours, said = run(made, network, Terms(**{"match": 0.0, name: 1.0}), 32, style=stripes())
    values = [terms[name] for _, terms in said]
    assert np.mean(values[-4:]) < 0.95 * np.mean(values[:4])
    assert not np.array_equal(colours, start)


def test_the_loss_is_the_weighted_sum_and_a_run_repeats_itself(made, network):
    terms, more = Terms(1.0, 0.1, 2.0, 5.0, 3.0), {"style": stripes(), "means": made.fine.means}
    _, colours, said = run(made, network, terms, 5, **more)
    _, again, _ = run(made, network, terms, 5, **more)
    np.testing.assert_array_equal(colours, again)
    for loss, found in said:
        assert loss == pytest.approx(sum(getattr(terms, k) * v for k, v in found.items()), rel=1e-4)
    assert set(said[0][1]) == {"match", "content", "hold", "statistics", "smooth"}


def test_holding_and_smoothness_do_what_they_say(made, network):
    style, means = stripes(), made.fine.means
    _, free, _ = run(made, network, Terms(match=1.0), style=style)
    _, held, said = run(made, network, Terms(match=0.0, hold=1.0), style=style)
    _, smooth, _ = run(made, network, Terms(match=1.0, smooth=100.0), style=style, means=means)
    values = [terms["hold"] for _, terms in said]
    assert np.mean(values[-4:]) < 0.7 * np.mean(values[:4])

    def roughness(colours):
        return np.mean(
            [np.abs(np.diff(s.view.image(colours), axis=0))[s.mask[1:]].mean() for s in made.surface_views]
        )

    assert roughness(smooth) < roughness(free)
    assert not np.array_equal(held, free)


def test_missing_weights_are_told_with_a_way_to_them(monkeypatch, tmp_path):
    for name in ("FT2OS_WEIGHTS", "FT2OS_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("FT2OS_TEST_DATA", raising=False)
    with pytest.raises(MissingError, match="This picture needs VGG16") as caught:
        feature_match.weights("This picture")
    assert "vgg16-397923af.pth" in caught.value.hint
    assert "FT2OS_WEIGHTS" in caught.value.hint
    assert "preset draft" in caught.value.hint


def test_on_a_gpu_the_loop_gives_the_same_colours(made, network, gpu):
    import copy

    terms = Terms(match=1.0, content=0.1, hold=1.0, statistics=1.0, smooth=1.0)
    more = {"style": stripes(), "means": made.fine.means}
    _, here, _ = run(made, network, terms, steps=4, **more)
    _, there, _ = run(made, copy.deepcopy(network).to(gpu), terms, steps=4, **more)
    assert np.abs(here - there).mean() < 0.01
