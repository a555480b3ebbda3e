"""Prompts: the right material, or a refusal that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from ft2os.errors import RequestError, UnknownPromptError
from ft2os.materials import MATERIALS, match
from ft2os.materials.words import _phrases, tokens

HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    return [x for x in (HERE / name).read_text("utf-8").splitlines() if x and not x.startswith("#")]


def found(prompt: str, object_name: str | None = None) -> str | None:
    try:
        return match(prompt, object_name=object_name).material.name
    except UnknownPromptError:
        return None


@pytest.mark.parametrize(
    ("prompt", "object_name", "name"),
    [
        ("lava", None, "lava"),
        ("LAVA!", None, "lava"),
        ("truck with flames", "truck", "flames"),
        ("a fire truck with flames", "fire truck", "flames"),
        ("made of ice", None, "ice"),
        ("a robot covered in green moss", None, "moss"),
        ("a wooden robot covered in moss", "robot", "moss"),
        ("molten lava", None, "lava"),
        ("ice cream", None, "frosting"),
        ("honey", None, "honey"),
        ("dripping with golden honey", None, "honey"),
        ("golden", None, "gold"),
        ("gold", "gold bar", "gold"),
        ("carved wood", "chair", "wood"),
        ("stained-glass", None, "stained_glass"),
        ("covered in autumn leaves", "tree", "autumn_leaves"),
        ("zebra stripes", "horse", "zebra"),
        ("plants made of gold", "plant", "gold"),
        ("chocolate cake", None, "chocolate"),
        ("rusty old car", "car", "rust"),
        ("cotton candy", None, "candy"),
        ("red bricks", None, "brick"),
        ("magma", None, "lava"),
        ("a snowy truck", "truck", "snow"),
        ("knitted from wool", None, "wool"),
        ("starry galaxy", None, "galaxy"),
    ],
)
def test_prompts_find_their_material(prompt: str, object_name: str | None, name: str) -> None:
    assert match(prompt, object_name=object_name).material.name == name


@pytest.mark.parametrize(
    "prompt",
    ["fire truck", "goldfish", "rock star", "red", "make it look nice", "xyzzy", "ice age", "12345 !!"],
)
def test_what_names_no_material_is_refused(prompt: str) -> None:
    with pytest.raises(RequestError):
        match(prompt)


def test_the_object_s_own_noun_is_not_a_material() -> None:
    assert found("truck", "truck") is None
    assert found("the plants", "plant") is None
    assert match("snake made of lava", object_name="snake").material.name == "lava"
    assert found("lava snake", "snake") == "lava"


@pytest.mark.parametrize("prompt", ["", "   ", "?!", "\n"])
def test_an_empty_prompt_is_said_to_be_empty(prompt: str) -> None:
    with pytest.raises(RequestError, match="empty") as caught:
        match(prompt)
    assert not isinstance(caught.value, UnknownPromptError)
    assert caught.value.hint


def test_a_refusal_names_neighbours_and_the_other_method() -> None:
    with pytest.raises(UnknownPromptError) as caught:
        match("lavva")
    assert caught.value.nearest[0] == "lava"
    assert set(caught.value.nearest) <= set(MATERIALS)
    assert "lava" in caught.value.hint
    assert "clip" in caught.value.hint


def test_names_beat_synonyms_beat_similar_words() -> None:
    name, synonym, similar = match("lava"), match("magma"), match("galactic")
    assert (name.how, synonym.how, similar.how) == ("name", "synonym", "similar")
    assert 1 >= name.score > synonym.score > similar.score > 0
    assert similar.word == "galactic"
    assert match("ice and lava").score < name.score


def test_every_name_title_and_synonym_finds_its_owner() -> None:
    for material in MATERIALS.values():
        for word in (material.name, material.title, *material.words):
            assert match(word).material is material, word


def test_everyday_words_are_refused() -> None:
    words = lines("everyday_words.txt")
    assert len(words) == 300
    taken = [w for w in words if found(w)]
    assert len(taken) <= 6, taken


def test_words_in_no_list_find_a_fitting_material_or_are_refused() -> None:
    cases = {w: set(fits.split()) for w, fits in (x.split(": ") for x in lines("heldout_synonyms.txt"))}
    assert len(cases) >= 100
    assert set().union(*cases.values()) <= set(MATERIALS)
    assert not [w for w in cases if tokens(w) in _phrases()]
    got = {w: found(w) for w in cases}
    right = [w for w in cases if got[w] in cases[w]]
    wrong = {w: n for w, n in got.items() if n and n not in cases[w]}
    assert len(wrong) <= 0.1 * len(cases), wrong
    assert len(right) >= 0.35 * len(cases), sorted(right)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("ice, no snow", "ice"),
        ("lava, not ice", "lava"),
        ("no lava, gold", "gold"),
        ("gold without rust or moss", "gold"),
        ("not made of lava but of ice", "ice"),
        ("not only ice", "ice"),
        ("not too shiny gold", "gold"),
        ("a truck without wheels made of gold", "gold"),
        ("no doubt gold", "gold"),
        ("ice with no cracks", "ice"),
    ],
)
def test_what_is_negated_names_no_material(prompt: str, name: str) -> None:
    assert found(prompt) == name


@pytest.mark.parametrize(
    "prompt",
    ["no lava", "not lava", "without lava", "never lava", "no longer lava", "no lava or ice"],
)
def test_a_prompt_that_only_says_no_is_told_so(prompt: str) -> None:
    with pytest.raises(UnknownPromptError, match="only what it should not be") as refused:
        match(prompt)
    assert "lava" not in refused.value.nearest


def test_a_prompt_in_another_script_is_not_called_empty() -> None:
    with pytest.raises(RequestError, match="no English word"):
        match("岩浆")
