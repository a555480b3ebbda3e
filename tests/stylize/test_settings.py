"""Settings from a shell or a socket: what fits is let through, what does not is told what would."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from ft2os.errors import RequestError
from ft2os.stylize.settings import (
    changed,
    described,
    flag,
    names,
    number,
    numbers,
    one_of,
    split_names,
    table,
    text,
    whole,
)


@dataclass(frozen=True)
class Kinds:
    """A setting of every kind."""

    a_whole: int = whole(3, 1, 9, "How many.")
    a_number: float = number(0.5, 0, 1, "How much.")
    a_flag: bool = flag(False, "Whether.")
    a_text: str = text("a", "What.")
    a_one_of: str = one_of("a", ["a", "b"], "Which.")
    a_names: tuple = names((), "Which.", "ab", example="a,b")
    free: tuple = names((), "Which.", example="cat")
    colour: tuple = numbers((1, 1, 1), "What colour.")
    a_table: Mapping = table({"a": 1, "b": 2}, "How much of each.")
    optional: int | None = whole(None, 1, 9, "How many.", optional=True, example="3", formerly="maybe")


KINDS = {  # what fits, what does not
    "a_whole": ([1, 9], [0, 10, 1.0, True, "3", None]),
    "a_number": ([0, 1, 0.25], [-0.1, 1.1, math.nan, math.inf, True, "0.5"]),
    "a_flag": ([True, False], [1, 0, "true", None]),
    "a_text": (["", "b"], [1, None, ["a"]]),
    "a_one_of": (["a", "b"], ["c", 1, ["a"]]),
    "a_names": (["a", "a, b", ["b"], ("a",), ""], ["c", 1, ["a", 1], None]),
    "free": (["cat, dog", ["x"]], [3, [3]]),
    "colour": ([[0, 1, 2.5], (1, 1, 1)], [[1, 1], [1, 1, "1"], 3, [1, 1, math.nan]]),
    "a_table": ([{}, {"a": 0.5}], [{"c": 1}, {"a": "1"}, 1, [1]]),
    "optional": ([None, 2], [0, "x"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_fits_passes_and_what_does_not_is_told_what_would(name):
    good, bad = KINDS[name]
    kind = described(Kinds)[name].kind
    for value in good:
        changed(Kinds(), "Test", {name: value})
    for value in bad:
        with pytest.raises(RequestError, match=f"setting {name} cannot be") as caught:
            changed(Kinds(), "Test", {name: value})
        assert kind.words in caught.value.hint
        assert kind.example in caught.value.hint


def test_the_method_gets_what_it_works_with():
    given = {"a_names": "b, a", "colour": [0, 0, 0.5], "a_table": {"b": 3}, "optional": None}
    settings = changed(Kinds(optional=4), "Test", given)
    assert (settings.a_names, settings.colour) == (("b", "a"), (0, 0, 0.5))
    assert settings.a_table == {"a": 1, "b": 3}
    assert settings.optional is None
    assert settings.a_whole == 3


def test_a_setting_that_does_not_exist_is_told_which_do():
    with pytest.raises(RequestError, match='method Test has no setting "speed"') as caught:
        changed(Kinds(), "Test", {"speed": 1})
    assert "a_whole, a_number" in caught.value.hint


def test_the_name_of_the_version_before_is_understood():
    assert changed(Kinds(), "Test", {"maybe": 5}).optional == 5


def test_names_come_as_a_list_or_as_one_text():
    assert split_names(" a, b,,c ") == split_names(["a", " b", "c"]) == ("a", "b", "c")
