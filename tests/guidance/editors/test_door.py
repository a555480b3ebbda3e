"""What comes through the door is a picture of the asked size, or nothing; never what an editor broke."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from ft2os.errors import CancelledError, RequestError
from ft2os.guidance import editors
from ft2os.guidance.editors import GREY, Flags, Options, Task, catalogue

SIZE = (24, 32)


class Answers:
    """An editor that gives what it was told to."""

    name, title, flags = "answers", "Answers", Flags()

    def __init__(self, *answers):
        self.answers = list(answers)

    def edit(self, task, tick):
        tick(0.5)
        return self.answers

    def close(self):
        pass


def task(count: int) -> Task:
    pictures = [np.full((*SIZE, 3), 0.5, np.float32) for _ in range(count)]
    masks = [np.ones(SIZE, np.float32)] * count
    return Task("lava", [f"view_{i:03d}" for i in range(count)], pictures, pictures, masks, range(count))


def ramp(*size: int) -> np.ndarray:
    across = np.linspace(0, 1, size[1], dtype=np.float32)
    return np.repeat(np.broadcast_to(across, size[:2])[..., None], size[2], axis=2).copy()


def quiet(share: float) -> None:
    """A tick that never stops anything."""


def test_usable_pictures_come_back_in_the_task_s_size():
    good = ramp(*SIZE, 3)
    exact, larger, loud = editors.edit(Answers(good, ramp(96, 128, 3), good * 3 - 1), task(3), quiet)
    np.testing.assert_array_equal(exact, good)
    assert larger.shape == (*SIZE, 3)
    assert np.abs(larger - good).max() < 0.03
    assert loud.min() == 0
    assert loud.max() == 1


def test_alpha_is_laid_over_grey():
    clear = ramp(*SIZE, 4)
    clear[..., 3] = 0
    clear[:12, :, 3] = 1
    (picture,) = editors.edit(Answers(clear), task(1), quiet)
    np.testing.assert_array_equal(picture[:12], clear[:12, :, :3])
    np.testing.assert_array_equal(picture[12:], np.full_like(picture[12:], GREY))


def test_broken_pictures_are_left_out():
    spoilt = ramp(*SIZE, 3)
    spoilt[3, 4, 1] = np.nan
    black, one_channel = np.zeros((*SIZE, 3), np.float32), ramp(*SIZE, 1)
    answers = editors.edit(Answers(ramp(*SIZE, 3), spoilt, black, one_channel, None), task(5), quiet)
    assert [answer is None for answer in answers] == [False, True, True, True, True]


def test_nothing_usable_is_an_error_that_says_why():
    black = np.zeros((*SIZE, 3), np.float32)
    with pytest.raises(RequestError, match="2 are black or of one colour; 1 did not come back"):
        editors.edit(Answers(black, black, None), task(3), quiet)
    # The run goes on after one: it counts what is left.
    assert editors.edit(Answers(black), task(1), quiet) == [None]
    with pytest.raises(RequestError, match="given 2 views and gave back 1"):
        editors.edit(Answers(ramp(*SIZE, 3)), task(2), quiet)


def test_cancelling_passes_through():
    def stop(share):
        raise CancelledError

    with pytest.raises(CancelledError):
        editors.edit(Answers(ramp(*SIZE, 3)), task(1), stop)


def test_names_that_lead_nowhere(tmp_path):
    with pytest.raises(RequestError, match='no editor "nosuch"') as caught:
        editors.find("nosuch")
    assert "klein-4b" in caught.value.hint
    assert "comfyui" in caught.value.hint
    for name in ("x" * 5000, "~nobody-of-that-name", "a\0b"):
        with pytest.raises(RequestError, match="no editor"):
            editors.find(name)
        assert editors.cameras_of(name) is None
    with pytest.raises(RequestError, match="neither views nor a pipeline"):
        editors.find(str(tmp_path))


@pytest.mark.parametrize(
    "wrong",
    [{"steps": -1}, {"batch": 0}, {"noise_low": 0.9, "noise_high": 0.5}, {"quality": 6}, {"memory": "some"}],
)
def test_options_that_make_no_sense(wrong):
    with pytest.raises(RequestError):
        Options(**wrong)


def test_every_number_of_the_catalogue_has_a_source_and_unknown_ones_no_value():
    assert {"ip2p", "sdxl-ip2p", "klein-4b", "kontext", "qwen-2509"} <= set(catalogue.rows())
    for row in catalogue.rows().values():
        for name in ("side", "steps", "download", "memory", "working"):
            fact = getattr(row, name)
            assert fact.source in catalogue.SOURCES
            assert (fact.value is None) == (fact.source == "unknown"), (row.name, name)
        assert row.licence.source in catalogue.SOURCES
        assert set(row.large) <= set(row.parameters)
        full, four, parts = (catalogue.weights(row.parameters, row.large, m) for m in catalogue.MODES)
        assert full > four > parts / 4
        assert full > parts


def test_the_door_opens_without_torch():
    code = (
        "import sys\n"
        "for name in ('torch', 'diffusers', 'PIL', 'scipy', 'numba'): sys.modules[name] = None\n"
        "from ft2os.guidance import editors\n"
        "from ft2os.guidance.editors import catalogue\n"
        "print(len(catalogue.rows()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stdout.strip() == str(len(catalogue.rows())), done.stderr
