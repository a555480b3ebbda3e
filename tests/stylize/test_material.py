"""The material method: repeatable, cancellable, without torch, and it leaves specks alone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from ft2os.errors import CancelledError, MissingError, RequestError, UnknownPromptError
from ft2os.gaussians import concatenate
from ft2os.looks import apply
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.methods import METHODS
from ft2os.stylize.painting import tone_of
from ft2os.stylize.prepare import prepare
from tests.scenes import ball

SMALL = {"views": 5, "pixels": 64, "limit": 3000}


def request(g, prompt="lava", **fields) -> StylizeRequest:
    return StylizeRequest(g, prompt, overrides={**SMALL, **fields})


def speck(centre=(4.0, 0.0, 0.0)):
    return ball(3, 0, 9, centre=centre, radius=0.01)


def test_specks_are_no_part_of_the_object_and_stay_as_they_were():
    g = concatenate([ball(300), speck()])
    np.testing.assert_array_equal(keep_connected(g), np.arange(303) < 300)
    look = stylize(request(g)).look
    assert look.parent.max() < 300
    shown = apply(g, look, 1.0)
    np.testing.assert_array_equal(shown.means[:3], g.means[300:])
    np.testing.assert_array_equal(shown.sh[:3], g.sh[300:])


def test_a_large_separate_part_belongs_to_the_object():
    g = concatenate([ball(300), ball(60, 0, 5, centre=(3.0, 0.0, 0.0), radius=0.3)])
    assert keep_connected(g).all()


def test_the_same_seed_gives_the_same_look():
    g = ball(200)
    first, second = stylize(request(g)), stylize(request(g))
    np.testing.assert_array_equal(first.look.dc, second.look.dc)


def test_figures_and_previews_come_with_the_look():
    seen = []
    result = stylize(request(ball(200), "ice"), progress=seen.append)
    assert result.stats["clipped"] <= 0.01
    assert -1 <= result.stats["ssim"] <= 1
    steps = [p.step for p in seen]
    assert steps == sorted(steps)
    assert (seen[-1].step, seen[-1].eta_s) == (seen[-1].total, 0)
    assert seen[-1].preview.dtype == np.uint8


def test_a_first_picture_comes_before_the_object_was_seen_from_all_around():
    seen = []
    result = stylize(request(ball(200), "ice"), progress=seen.append)
    pictures = [p for p in seen if p.preview is not None]
    assert [p.stage for p in pictures] == ["split", "solve", "solve"]
    assert seen.index(pictures[0]) < next(i for i, p in enumerate(seen) if p.stage == "views")
    last = pictures[-1].preview.astype(float)
    errors = [np.abs(p.preview - last).mean() for p in pictures[:2]]
    shown = np.abs(last - 127.5).mean()
    assert max(errors) < 0.7 * shown  # they resemble the result, and are not the bare grey
    assert len(result.look) == len(pictures[0].partial().look)


def test_partial_results_come_nearer_to_the_result():
    g = ball(200)
    partial = {}

    def keep(p) -> None:
        if p.preview is not None:
            partial[p.stage, len(partial)] = p.partial().look

    look = stylize(request(g, "gold"), progress=keep).look
    errors = [float(np.abs(each.dc - look.dc).mean()) for each in partial.values()]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0
    assert apply(g, next(iter(partial.values())), 1.0).opacities.max() <= 1


def test_cancelling_stops_the_run_with_the_best_there_is():
    with pytest.raises(CancelledError) as caught:
        stylize(request(ball(200)), cancelled=lambda: True)
    assert caught.value.partial is None
    seen = []
    with pytest.raises(CancelledError) as caught:
        stylize(
            request(ball(200)),
            progress=seen.append,
            cancelled=lambda: any(p.preview is not None for p in seen),
        )
    assert seen[-1].stage == "split"
    assert len(caught.value.partial.look)


def test_what_does_not_exist_is_refused():
    with pytest.raises(UnknownPromptError):
        stylize(request(ball(50), "xylophone qwerty"))
    with pytest.raises(RequestError):
        stylize(request(ball(50), wrong=1))


@pytest.mark.parametrize(
    ("prompt", "object_name", "known"),
    [
        ("lava", None, True),
        ("spiky", None, True),  # a form alone keeps the object's own colours
        ("spiky ice", None, True),
        ("xylophone qwerty", None, False),
        ("spiky qwxz", None, False),
        ("spiky robot", "robot", True),
    ],
)
def test_words_that_say_nothing_are_told_before_any_work(prompt, object_name, known):
    with nullcontext() if known else pytest.raises(UnknownPromptError):
        METHODS["material"].check_words(prompt, object_name)


def test_where_nothing_is_seen_light_and_dark_are_middling():
    (view,) = prepare(ball(50), views=1, pixels=48, max_split_scale=1.0, limit=1).surface_views[:1]
    assert tone_of([replace(view, mask=np.zeros_like(view.mask))]) == (0.5, 0.1)


def test_fine_brings_the_texture_nearer_to_the_material(data_dir, monkeypatch):
    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    g = ball(80, 0, 1)
    losses = []
    high = StylizeRequest(g, "lava", preset="high", overrides={**SMALL, "views": 4, "refine_steps": 12})
    result = stylize(high, progress=lambda p: None if p.loss is None else losses.append(p.loss))
    draft = stylize(StylizeRequest(g, "lava", overrides={**SMALL, "views": 4}))
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    assert not np.array_equal(result.look.dc, draft.look.dc)
    np.testing.assert_array_equal(result.look.means, draft.look.means)


def test_fine_says_at_once_what_it_lacks(monkeypatch, tmp_path):
    for name in ("FT2OS_TEST_DATA", "FT2OS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    stages = []
    with pytest.raises(MissingError, match="VGG16"):
        stylize(StylizeRequest(ball(60), "lava", preset="high"), progress=lambda p: stages.append(p.stage))
    assert not stages


def test_it_runs_where_torch_cannot_be_imported():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from tests.scenes import ball\n"
        "from ft2os.stylize import StylizeRequest, stylize\n"
        f"r = stylize(StylizeRequest(ball(60), 'gold', overrides={SMALL!r}))\n"
        "assert len(r.look)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
