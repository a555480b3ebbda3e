"""Texts in bulk: encoded only as long as they are, and kept on disk."""

from types import SimpleNamespace

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


def test_many_texts_are_encoded_a_few_at_a_time_and_each_time_told(judge):
    texts = [f"word {i}" for i in range(130)]
    told = []
    found = text_cache.embed_all(judge, texts, told.append)
    assert told == [64 / 130, 128 / 130, 1.0]
    torch.testing.assert_close(found, judge.embed_texts(texts))
    told.clear()
    text_cache.embed_all(judge, texts, told.append)
    assert told == []


def test_what_was_encoded_before_is_known(judge):
    assert not text_cache.knows(judge, TEXTS)
    text_cache.embed_all(judge, TEXTS)
    assert text_cache.knows(judge, TEXTS)
    assert not text_cache.knows(judge, TEXTS[::-1])


def test_without_a_home_or_room_texts_are_encoded_all_the_same(judge, monkeypatch, cache):
    (cache / "texts").write_text("a file where the folder would be")
    torch.testing.assert_close(text_cache.embed_all(judge, TEXTS), judge.embed_texts(TEXTS))

    def homeless():
        raise RuntimeError("no home")

    monkeypatch.setattr(text_cache, "cache_dir", homeless)
    torch.testing.assert_close(text_cache.embed_all(judge, TEXTS), judge.embed_texts(TEXTS))
    assert not text_cache.knows(judge, TEXTS)


@pytest.mark.parametrize("kept", [torch.zeros(3, 16), torch.zeros(4)])
def test_a_cache_of_another_size_is_made_anew(judge, kept):
    expected = judge.embed_texts(TEXTS)
    text_cache._write(text_cache._path(judge, TEXTS), kept)
    torch.testing.assert_close(text_cache.embed_all(judge, TEXTS), expected)


def test_the_cache_tells_weights_apart_at_the_third_decimal(judge, monkeypatch):
    """And not at the fourth: processors round otherwise."""
    probe = torch.full((1, 16), 0.25)

    def of(value):
        monkeypatch.setattr(judge, "embed_texts", lambda texts: value)
        return text_cache._path(judge, TEXTS)

    assert of(probe) == of(probe + 0.0002) != of(probe + 0.001)


@pytest.mark.parametrize("projection", ["linear", "none"])
def test_short_encoding_knows_every_kind_of_projection(judge, monkeypatch, projection):
    model, tokens = judge.model, judge._tokenizer(TEXTS)
    changed = torch.nn.Linear(32, 16) if projection == "linear" else None
    with torch.no_grad(), monkeypatch.context() as patched:
        kept = model._parameters.pop("text_projection")
        try:
            patched.setattr(model, "text_projection", changed, raising=False)
            own = model.encode_text(tokens, normalize=True)
            found = truncated_text_encoder.encode(model, tokens)
        finally:
            patched.undo()
            model._parameters["text_projection"] = kept
    torch.testing.assert_close(found, own, rtol=1e-5, atol=1e-6)


def test_short_encoding_looks_at_no_more_tokens_than_there_are(judge):
    seen = []
    hook = judge.model.transformer.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    with torch.no_grad():
        tokens = judge._tokenizer(["cat", "a photo of a cat"])
        truncated_text_encoder.encode(judge.model, tokens)
    hook.remove()
    assert seen[0][1] == int(tokens.argmax(dim=1).max()) + 1 == 7


PARTS = ("token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection")


def test_towers_of_another_kind_are_left_to_themselves(judge):
    whole = {name: getattr(judge.model, name) for name in (*PARTS, "attn_mask", "text_pool_type")}

    def fits(*without, **changed):
        parts = {name: value for name, value in (whole | changed).items() if name not in without}
        return truncated_text_encoder._fits(SimpleNamespace(**parts))

    leaky = whole["attn_mask"].clone()
    leaky[0, 1] = 0.0
    assert fits()
    assert not any(fits(part) for part in whole)
    assert not any(fits(attn_mask=mask) for mask in (None, torch.zeros_like(leaky), leaky))
    assert not fits(text_pool_type="eos")
    assert not fits(transformer=torch.nn.Linear(2, 2))


def test_what_does_not_fit_is_encoded_by_the_model_itself(judge, monkeypatch):
    monkeypatch.setattr(truncated_text_encoder, "_fits", lambda model: False)
    tokens = judge._tokenizer(TEXTS)
    with torch.no_grad():
        own = judge.model.encode_text(tokens, normalize=True)
        assert torch.equal(truncated_text_encoder.encode(judge.model, tokens), own)
