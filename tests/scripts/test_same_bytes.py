"""The comparison of two commits' looks: what it calls the same is the same, and a difference is seen."""

from __future__ import annotations

import pytest

from scripts import same_bytes

pytest.importorskip("torch")
CASES = {"gold": "--group pumpkin --prompt gold --preset {paper}", "ice": "--group ball --prompt ice"}


@pytest.fixture
def made(monkeypatch):
    """What each tree is said to make: the digests of the commit's, then those of this tree's."""
    answers: list[dict] = []
    monkeypatch.setattr(same_bytes, "digests", lambda *args: answers.pop(0))
    monkeypatch.setattr(same_bytes, "_tree", lambda commit: same_bytes.ROOT)
    monkeypatch.setattr(same_bytes, "_judges", lambda folder: {})
    return answers


@pytest.mark.parametrize(
    ("gold", "ice", "code"),
    [
        (("aa", "aa"), ("bb", "bb"), 0),
        (("aa", "aa"), ("bb", "bc"), 1),
        (("aa", "aa"), ("failed with exit code 1",) * 2, 1),  # two failures prove nothing
    ],
)
def test_a_difference_and_a_failure_are_told(made, capsys, gold, ice, code):
    made += [{"gold": (g, 1.0), "ice": (i, 1.0)} for g, i in zip(gold, ice)]
    assert same_bytes.main(["--against", "HEAD"], CASES) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["same", "DIFFERENT" if code else "same"]


def test_a_pattern_that_fits_nothing_is_no_success(made):
    made += [{}, {}]
    assert same_bytes.main(["--against", "HEAD", "--only", "nothing"], CASES) == 1


def test_a_tree_runs_its_cases_under_the_names_it_knows(tmp_path, monkeypatch):
    """The preset's first name is no tree's; the second is, and another seed gives other bytes."""
    monkeypatch.setattr(same_bytes, "ALIASES", {"paper": ("nobody's", "draft")})
    words = ["--group", "pumpkin", "--prompt", "gold", "--preset", "{paper}", "--set", "views=4"]
    cases = {"one": words, "other": [*words, "--seed", "1"], "wrong": [*words, "--set", "x=1"]}
    found = same_bytes.digests(same_bytes.ROOT, cases, tmp_path, {})
    one, other, wrong = (found[name][0] for name in cases)
    assert one != other
    assert len(one) == len(other) == 64
    assert wrong == "failed with exit code 1"
