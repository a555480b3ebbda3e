"""What a prompt may be: the same rule wherever one is taken, and at once."""

from __future__ import annotations

import contextlib
import time

import pytest

from ft2os import prompts
from ft2os.cli import main
from ft2os.errors import RequestError
from ft2os.materials import match
from ft2os.stylize import StylizeRequest
from tests.scenes import ball

LONG, BROKEN = "lava " * 101, "lava \udcff"  # as Python brings an argument that is not UTF-8


@pytest.mark.parametrize(("prompt", "said"), [(LONG, "characters; 500 are the limit"), (BROKEN, "UTF-8")])
def test_a_prompt_is_refused_wherever_it_is_taken(prompt: str, said: str, tmp_path, capsys) -> None:
    with pytest.raises(RequestError, match=said):
        prompts.checked(prompt)
    with pytest.raises(RequestError, match=said):
        StylizeRequest(ball(10), prompt)
    missing = str(tmp_path / "missing.ply")  # the prompt is looked at before any file
    out = ["--out", str(tmp_path / "out.ply")]
    for words in (
        ["stylize", missing, "--prompt", prompt, *out],
        ["stylize", missing, "--style", f"truck={prompt}", *out],
        ["evaluate", missing, missing, "--group", "all", "--prompt", prompt],
        ["evaluate", missing, missing, "--group", "all", "--source", prompt],
    ):
        assert main(words) == 1
        printed = capsys.readouterr().err
        assert said in printed
        assert len(printed.splitlines()) == 2


@pytest.mark.parametrize("prompt", ["lava " * 20_000, "no lava or " * 5000, "lava" + "a" * 200_000])
def test_matching_takes_no_longer_than_reading(prompt: str) -> None:
    """20,000 words took ten seconds, and nobody could cancel them."""
    started = time.process_time()
    with contextlib.suppress(RequestError):
        match(prompt)
    assert time.process_time() - started < 5


def test_a_prompt_may_be_as_long_as_it_says_and_loses_its_blanks() -> None:
    assert prompts.checked("  old gold\n") == "old gold"
    assert prompts.checked("x" * 500) == "x" * 500
    with pytest.raises(RequestError, match="The name has 501 characters; 500 are the limit"):
        prompts.checked("x" * 501, "name")
    assert prompts.plain("a\udcff") == "a?"
