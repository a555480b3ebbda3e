"""Settings from a shell or a socket: what fits is let through, what does not is told what would."""

from __future__ import annotations

import math

import pytest

from ft2os.errors import RequestError
from ft2os.stylize import overrides
from ft2os.stylize.overrides import (
    flag,
    names,
    number,
    numbers,
    one_of,
    optional,
    split_names,
    table,
    text,
    whole,
)

KINDS = {
    "whole": (whole(1, 9, 3), [1, 9], [0, 10, 1.0, True, "3", None]),
    "number": (number(0, 1, 0.5), [0, 1, 0.25], [-0.1, 1.1, math.nan, math.inf, True, "0.5"]),
    "flag": (flag(), [True, False], [1, 0, "true", None]),
    "text": (text("a"), ["", "b"], [1, None, ["a"]]),
    "one_of": (one_of(["a", "b"]), ["a", "b"], ["c", 1, ["a"]]),
    "names": (names("a,b", "ab"), ["a", "a, b", ["b"], ("a",), ""], ["c", 1, ["a", 1], None]),
    "free": (names("cat"), ["cat, dog", ["x"]], [3, [3]]),
    "colour": (numbers(3, "[1, 1, 1]"), [[0, 1, 2.5], (1, 1, 1)], [[1, 1], [1, 1, "1"], 3, [1, 1, math.nan]]),
    "table": (table("ab", '{"a": 1}'), [{}, {"a": 0.5}], [{"c": 1}, {"a": "1"}, 1, [1]]),
    "optional": (optional(whole(1, 9, 3)), [None, 2], [0, "x"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_fits_passes_and_what_does_not_is_told_what_would(name):
    kind, good, bad = KINDS[name]
    for value in good:
        overrides.check("test", ["standard"], "standard", {name: kind}, {name: value})
    for value in bad:
        with pytest.raises(RequestError, match=f"setting {name} cannot be") as caught:
            overrides.check("test", ["standard"], "standard", {name: kind}, {name: value})
        assert kind.words in caught.value.hint
        assert kind.example in caught.value.hint


def test_what_does_not_exist_is_told_what_does():
    with pytest.raises(RequestError, match="no preset") as caught:
        overrides.check("test", ["draft", "high"], "best", {}, {})
    assert "draft, high" in caught.value.hint
    with pytest.raises(RequestError, match='no setting "speed"') as caught:
        overrides.check("test", ["draft"], "draft", {"steps": flag()}, {"speed": 1})
    assert "steps" in caught.value.hint


def test_names_come_as_a_list_or_as_one_text():
    assert split_names(" a, b,,c ") == split_names(["a", " b", "c"]) == ("a", "b", "c")
