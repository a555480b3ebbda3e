"""Each loss against its formula written out number by number."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.losses import content_loss, contrastive_loss, similarity_loss  # noqa: E402


@pytest.fixture
def embeddings():
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw(5, 16), draw(16), draw(10, 16)


def _cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("temperature", [1.0, 0.07])
def test_contrastive_is_the_papers_formula_for_each_image(embeddings, temperature):
    images, prompt, negatives = embeddings
    expected = []
    for image in images.numpy():
        positive = np.exp(_cosine(image, prompt.numpy()) / temperature)
        others = sum(np.exp(_cosine(image, n) / temperature) for n in negatives.numpy())
        expected.append(-np.log(positive / (positive + others)))
    got = contrastive_loss(images, prompt, negatives, temperature)
    assert float(got) == pytest.approx(np.mean(expected), rel=1e-12)


def test_contrastive_does_not_couple_the_images_of_a_batch(embeddings):
    # The published code sums the denominator over the batch: its loss of a batch is not the mean of the
    # losses of its images, and one image's gradient depends on the others.
    images, prompt, negatives = embeddings
    alone = [contrastive_loss(image[None], prompt, negatives) for image in images]
    assert float(contrastive_loss(images, prompt, negatives)) == pytest.approx(
        float(sum(alone)) / 5, rel=1e-12
    )
    first = images[:1].clone().requires_grad_()
    contrastive_loss(torch.cat([first, images[1:]]), prompt, negatives).backward()
    among = first.grad.clone()
    first.grad = None
    contrastive_loss(torch.cat([first, images[1:].flip(1)]), prompt, negatives).backward()
    torch.testing.assert_close(among, first.grad)


def test_contrastive_stays_finite_at_a_small_temperature(embeddings):
    # exp(1 / 0.001) overflows; logsumexp does not.
    images, prompt, negatives = (e.float() for e in embeddings)
    assert torch.isfinite(contrastive_loss(images, prompt, negatives, 1e-3))


def test_contrastive_refuses_a_temperature_of_zero(embeddings):
    with pytest.raises(ValueError, match="temperature"):
        contrastive_loss(*embeddings, temperature=0.0)


def test_similarity_is_minus_the_mean_cosine(embeddings):
    images, prompt, _ = embeddings
    expected = -np.mean([_cosine(image, prompt.numpy()) for image in images.numpy()])
    assert float(similarity_loss(images, prompt)) == pytest.approx(expected, rel=1e-12)


def test_content_is_the_scaled_mean_squared_error_and_moves_only_the_current_render():
    now = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
    original = torch.tensor([[[[0.0, 2.0], [3.0, 2.0]]]], requires_grad=True)
    loss = content_loss(now, original, 0.4)
    assert loss.item() == pytest.approx(0.4 * (1 + 4) / 4)
    loss.backward()
    assert original.grad is None
    assert now.grad is not None
