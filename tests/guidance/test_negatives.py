"""The negative texts: ten, seeded, from a list that ships with its licence."""

import numpy as np
import pytest

from ft2os.guidance import negatives


def test_the_list_has_ten_thousand_different_words_and_says_its_licence():
    assert len(negatives.words()) == 10_000
    assert len(set(negatives.words())) == 10_000
    assert all(word.strip() == word and not word.startswith("#") for word in negatives.words())


def test_ten_negatives_the_same_for_a_seed_and_others_for_another():
    # Ten, as in Algorithm 2: the paper's text counts ten with the prompt.
    first = negatives.draw("truck with flames", seed=4)
    assert len(set(first)) == 10
    assert negatives.draw("truck with flames", seed=4) == first
    assert negatives.draw("truck with flames", seed=5) != first


@pytest.mark.parametrize("prompt", ["Gold", "a gold house"])
def test_no_negative_is_a_word_of_the_prompt(prompt):
    everything = negatives.draw(prompt, seed=0, count=9_990)
    assert not {word.lower() for word in everything} & set(prompt.lower().split())


def test_the_words_of_a_bank_come_from_the_whole_list():
    """The list is sorted: its first words alone would all begin with the same letters."""
    some = negatives.Bank.words(26)
    assert len(set(some)) == 26
    places = [negatives.words().index(word) for word in some]
    assert max(np.diff(places)) == min(np.diff(places)) == 10_000 // 26


def test_a_bank_leaves_out_what_lies_nearest_to_the_prompt():
    """Words a right angle apart and less: the nearest quarter goes, the others stay in their order."""
    torch = pytest.importorskip("torch")
    angles = torch.deg2rad(torch.tensor([80.0, 10.0, 50.0, 20.0, 70.0, 30.0, 60.0, 40.0]))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1)
    texts = ("80", "10", "50", "20", "70", "30", "60", "40")
    kept = negatives.Bank(texts, embeddings).without(torch.tensor([1.0, 0.0]), share=0.25)
    assert kept.texts == ("80", "50", "70", "30", "60", "40")
    torch.testing.assert_close(kept.embeddings, embeddings[[0, 2, 4, 5, 6, 7]])


def test_as_many_words_are_drawn_as_are_wanted_none_twice():
    torch = pytest.importorskip("torch")
    bank = negatives.Bank(tuple("abcdefgh"), torch.eye(8))
    drawn = bank.draw(3, np.random.default_rng(0))
    assert drawn.shape == (3, 8)
    assert len(set(drawn.argmax(dim=1).tolist())) == 3
    assert len(bank.draw(20, np.random.default_rng(0))) == 8  # all that there are


KEPT_DRAW = [
    "startles",
    "significant",
    "pays",
    "lean",
    "dismal",
    "another",
    "adjective",
    "encoded",
    "concerto",
    "bandwagon",
]


def test_the_usual_numbers_are_the_papers_and_the_banks():
    """Which words a seed draws is kept: a run that is repeated is the same run."""
    assert negatives.draw("lava", seed=0) == KEPT_DRAW
    assert len(negatives.Bank.words()) == 512
    assert len(negatives.Bank.words(20_000)) == 10_000
    torch = pytest.importorskip("torch")
    bank = negatives.Bank(tuple(map(str, range(30))), torch.eye(30))
    assert len(bank.without(torch.arange(30.0)).texts) == 28  # a twentieth, rounded up
    assert bank.without(torch.arange(30.0)).texts[-1] == "27"
