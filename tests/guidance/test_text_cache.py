"""Texts in bulk: encoded only as long as they are, and kept on disk."""

import pytest

torch = pytest.importorskip("torch")

from ft2os.guidance import clip_judge, templates, text_cache, truncated_text_encoder  # noqa: E402
from ft2os.guidance.negatives import Bank  # noqa: E402
from tests import tiny_clip  # noqa: E402

TEXTS = ["cat", "a photo of a lighthouse", "the quick brown fox jumps over the lazy dog, twice", "é"]


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    return clip_judge.load(str(tiny_clip.write(tmp_path_factory.mktemp("clip") / "texts")))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path))
    return tmp_path


def test_short_encoding_is_the_models_own(judge):
    tokens = judge._tokenizer(TEXTS)
    assert truncated_text_encoder._fits(judge.model)
    with torch.no_grad():
        own = judge.model.encode_text(tokens, normalize=True)
        torch.testing.assert_close(
            truncated_text_encoder.encode(judge.model, tokens), own, rtol=1e-5, atol=1e-6
        )


def test_a_tower_that_pools_otherwise_is_left_to_itself(judge, monkeypatch):
    monkeypatch.setattr(judge.model, "text_pool_type", "last")
    assert not truncated_text_encoder._fits(judge.model)


def test_what_was_encoded_once_comes_from_the_disk(judge, cache, monkeypatch):
    first = text_cache.embed_all(judge, TEXTS)
    (path,) = (cache / "texts").iterdir()
    torch.testing.assert_close(first, judge.embed_texts(TEXTS))
    asked = []
    embed = judge.embed_texts
    monkeypatch.setattr(judge, "embed_texts", lambda texts: asked.append(texts) or embed(texts))
    torch.testing.assert_close(text_cache.embed_all(judge, TEXTS), first)
    assert all(len(texts) == 1 for texts in asked)  # the probe alone
    path.write_bytes(b"no embeddings")
    torch.testing.assert_close(text_cache.embed_all(judge, TEXTS), first)


def test_other_weights_of_the_same_name_are_encoded_anew(judge, tmp_path):
    other = clip_judge.load(str(tiny_clip.write(tmp_path / "texts", seed=1)))
    other.name = judge.name
    assert not torch.allclose(text_cache.embed_all(judge, TEXTS), text_cache.embed_all(other, TEXTS))


def test_the_bank_leaves_out_what_lies_nearest_the_prompt(judge):
    bank = Bank.of(judge, 40)
    prompt = judge.embed_texts([bank.texts[7]])[0]
    left = bank.without(prompt, 0.05)
    assert len(left.texts) == 38
    assert bank.texts[7] not in left.texts
    gone = [i for i, text in enumerate(bank.texts) if text not in left.texts]
    near = bank.embeddings @ prompt
    assert near[gone].min() >= max(near[i] for i in range(40) if i not in gone)


def test_a_template_mean_is_the_mean_of_its_sentences(judge):
    own = judge.embed_texts(["a photo of ice", "ice"]).mean(dim=0)
    found = templates.embed(judge, "ice", ("a photo of {}", "{}"))
    torch.testing.assert_close(found, own / own.norm())


def test_other_texts_are_other_embeddings(judge):
    first = text_cache.embed_all(judge, ["cat", "lava"])
    second = text_cache.embed_all(judge, ["lava", "cat"])
    torch.testing.assert_close(second, first.flip(0))


def test_a_cache_that_holds_no_numbers_is_made_anew(judge):
    expected = text_cache.embed_all(judge, TEXTS)
    path = text_cache._path(judge, TEXTS)
    text_cache._write(path, torch.full_like(expected, float("nan")))
    torch.testing.assert_close(text_cache.embed_all(judge, TEXTS), expected)
