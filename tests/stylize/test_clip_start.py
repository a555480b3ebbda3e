"""Where the fast CLIP method starts: words first, then pictures, and never by chance."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.guidance.negatives import Bank  # noqa: E402
from ft2os.materials import MATERIALS  # noqa: E402
from ft2os.stylize import StylizeRequest  # noqa: E402
from ft2os.stylize.clip import start, texts  # noqa: E402
from ft2os.stylize.clip.about import CLIP  # noqa: E402
from tests.scenes import ball  # noqa: E402


class KnowsOneWord:
    """Texts that hold ``word`` lie along one axis, all others somewhere across it."""

    name, image_size, device, bytes_per_picture = "one word", 8, torch.device("cpu"), 1

    def __init__(self, *words):
        self.words = words

    def embed_texts(self, found):
        rows = []
        for text in found:
            rng = np.random.default_rng(sum(text.encode()))
            row = np.concatenate([[0.0], rng.normal(size=7)])
            row /= np.linalg.norm(row)
            if any(word in text for word in self.words):
                row = np.array([1.0, *[0.0] * 7])
            rows.append(row)
        return torch.from_numpy(np.array(rows, np.float32))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path))


def _candidates(prompt, *words, object_name=None, **overrides):
    request = StylizeRequest(ball(4), prompt, object_name=object_name)
    settings, judge = CLIP.settings("standard", {"bank": 64, **overrides}), KnowsOneWord(*words)
    candidates = start.find_candidates(request, settings, judge, texts.Texts(request, settings, judge))
    return candidates.names, candidates.how


def test_a_material_that_the_prompt_names_is_taken_at_its_word():
    assert _candidates("carved from ice", "lava") == (["ice"], "name")
    assert _candidates("molten rock", "ice") == (["lava"], "synonym")


def test_words_that_no_list_has_are_for_clip_to_place():
    # As CLIP hears it, "xyzzy" is what lava is called.
    names, how = _candidates("xyzzy", "xyzzy", MATERIALS["lava"].title.lower())
    assert (names[0], how) == ("lava", "ranked")


def test_where_nothing_is_nearer_than_everyday_words_the_original_is_the_start():
    names, how = _candidates("xyzzy", "no such word")
    assert how == "ranked"
    assert len(names) <= start._FEW
    assert _candidates("xyzzy", "xyzzy", "e")[0] == []  # everything is as near: it could be chance


def test_a_word_that_is_only_similar_brings_what_clip_hears_as_well():
    title = MATERIALS["lava"].title.lower()
    names, how = _candidates("galactic", "galactic", title)
    similar, _ = _candidates("galactic", "no such word")
    assert how == "similar"
    assert names[:2] == [similar[0], "lava"]
    assert similar[0] != "lava"
    assert len(names) <= start._FEW


def test_a_form_alone_keeps_the_objects_own_colours():
    assert _candidates("spiky") == ([], "original")
    assert _candidates("spiky", start_form="none")[1] == "ranked"


def test_an_override_settles_it():
    assert _candidates("lava", start="original") == ([], "original")
    assert _candidates("xyzzy", start="gold") == (["gold"], "asked")


@pytest.mark.parametrize(("scores", "chosen"), [((1.0, 2.0), "lava"), ((2.0, 1.0), None), ((1.0, 1.0), None)])
def test_a_material_that_clip_came_up_with_has_to_beat_the_original(monkeypatch, scores, chosen):
    monkeypatch.setattr(
        start,
        "_ranked",
        lambda brushes, *a: {"original": scores[0], **{start._label(b): scores[1] for b in brushes}},
    )
    request = StylizeRequest(ball(4), "xyzzy")
    choice = start.choose(
        start.Candidates(["lava"], "ranked"), request, CLIP.settings("standard"), None, None, None
    )
    assert (choice.brush.material.name if choice.brush else None) == chosen
    assert choice.stats()["from"] == (chosen or "original")
    if choice.brush:  # among equals the pattern's usual size and strength
        assert choice.brush.scale == start.PATTERN_SCALE
    assert start.Choice.restored(choice.stats(), 0).stats() == choice.stats()


def test_the_objects_noun_stays_in_the_target_but_not_twice():
    assert texts.phrase("lava", "toy robot (playbot)") == "lava toy robot"
    assert texts.phrase("a robot of lava", "toy robot (playbot)") == "a robot of lava"
    assert texts.phrase("lava", None) == "lava"
    assert texts.described("houseplant_2") == "houseplant 2"
    assert texts.described(None) == "object"


def test_negatives_are_drawn_anew_and_hold_the_source_and_never_the_prompts_neighbours():
    request, judge = StylizeRequest(ball(4), "lava"), KnowsOneWord("lava")
    words = texts.Texts(request, CLIP.settings("standard", {"bank": 64, "contrast": 6}), judge)
    first, again, other = (words.negatives(np.random.default_rng(s)) for s in (0, 0, 1))
    assert first.shape == (6, 8)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first[0], other[0])
    assert len(words.bank.texts) == 60  # 64 less 5 %, rounded up
    assert isinstance(words.bank, Bank)
    fixed = texts.Texts(request, CLIP.settings("standard", {"negatives": "cat,dog"}), judge)
    assert torch.equal(fixed.negatives(np.random.default_rng(0)), judge.embed_texts(["cat", "dog"]))
