"""Estimates beside measured peaks, the batch that fits, and what is said when nothing does."""

import json
import logging
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from ft2os import process
from ft2os.errors import RequestError
from ft2os.stylize.memory import Job, check_views, fit_batch
from ft2os.stylize.methods import METHODS
from tests.conftest import ROOT

MEGABYTE = 1_000_000
JUDGED = Job(gaussians=40_000, views=12, pixels=224, per_picture=20 * MEGABYTE, moved=3)

pytest.importorskip("psutil")


@pytest.fixture
def room(monkeypatch):
    """Give a job so many bytes."""
    return lambda size: monkeypatch.setenv(process.MEMORY_ENV, str(int(size)))


# What a new process holds at most while it does something, over what it held before, in bytes. Looked at
# every few milliseconds: the system's own highest mark would count what compiling the kernels took before.
MEASURE = """
import ft2os.threads, json, resource, threading
def held(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
def peak(action):
    before = most = held()
    ended = threading.Event()
    def watch():
        nonlocal most
        while not ended.wait(0.003): most = max(most, held())
    thread = threading.Thread(target=watch)
    thread.start()
    done = action()
    ended.set()
    thread.join()
    return done, most - before
"""


def measured(code: str) -> dict:
    command = [sys.executable, "-c", MEASURE + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_estimate_of_a_material_run_is_near_its_measured_peak():
    figures = measured("""
from ft2os.stylize import StylizeRequest, stylize
from tests.scenes import ball
def run(**overrides): return stylize(StylizeRequest(target=ball(12000), prompt="lava", overrides=overrides))
run(views=6, pixels=32, limit=13000, iterations=1)
result, most = peak(lambda: run(views=14, pixels=200, limit=40000, iterations=4))
print(json.dumps({"peak": most, "gaussians": result.stats["gaussians"]}))
""")
    estimate = Job(figures["gaussians"], views=14, pixels=200).bytes(1)
    assert 0.5 < estimate / figures["peak"] < 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_estimate_of_a_judge_is_near_its_measured_peak():
    pytest.importorskip("torch")
    figures = measured("""
import torch
from ft2os.guidance import clip_judge
judge = clip_judge.load("ViT-S-32-alt", "random")
def run(batch):
    pictures = torch.rand(batch, 3, 224, 224, requires_grad=True)
    judge.embed_images(pictures)[:, 0].sum().backward()
run(1)
each = judge.bytes_per_picture
_, most = peak(lambda: run(16))
print(json.dumps({"peak": most, "each": each}))
""")
    estimate = Job(gaussians=1, views=0, pixels=224, per_picture=figures["each"]).bytes(16)
    assert 0.5 < estimate / figures["peak"] < 2


def test_what_fits_is_left_as_it_was_wanted(room, caplog):
    room(JUDGED.bytes(8))
    fit = fit_batch(8, JUDGED)
    assert (fit.batch, fit.wanted, fit.needed) == (8, 8, JUDGED.bytes(8))
    assert not caplog.records
    json.dumps(fit.stats())


@pytest.mark.parametrize("batch", [7, 3, 1])
def test_the_batch_is_lowered_until_it_fits_and_that_is_logged(room, caplog, batch):
    caplog.set_level(logging.WARNING)
    room(JUDGED.bytes(batch))
    fit = fit_batch(8, JUDGED)
    assert fit.batch == batch
    assert fit.needed <= fit.available < JUDGED.bytes(batch + 1)
    assert f"{batch} views a step instead of 8" in caplog.text


@pytest.mark.parametrize("share", [0.95, 0.6, 0.35, 0.15, 0.08])
def test_what_does_not_fit_is_refused_with_what_would(room, share):
    job = Job(gaussians=60_000, views=16, pixels=208)
    room(job.bytes(1) * share)
    with pytest.raises(RequestError, match=r"needs about \d+ MB of memory, and \d+ MB may be used") as caught:
        fit_batch(1, job)
    hint = caught.value.hint
    assert process.MEMORY_ENV in hint
    numbers = {
        name: int(n) for n, name in re.findall(r"(\d+) (views|pixels|Gaussians)", hint.split("instead")[0])
    }
    limit = re.search(r"limit of (\d+)", hint)
    advised = Job(
        gaussians=int(limit[1]) if limit else job.gaussians,
        views=numbers["views"],
        pixels=numbers.get("pixels", job.pixels),
    )
    assert fit_batch(1, advised).batch == 1


def test_a_judge_that_is_too_large_is_named(room):
    job = Job(gaussians=1000, views=6, pixels=96, per_picture=900 * MEGABYTE)
    room(700 * MEGABYTE)
    with pytest.raises(RequestError) as caught:
        fit_batch(1, job)
    assert "smaller judge" in caught.value.hint


def test_no_advice_where_nothing_helps(room):
    room(1000)
    with pytest.raises(RequestError) as caught:
        fit_batch(4, JUDGED)
    assert "more memory" in caught.value.hint


def test_a_material_run_that_does_not_fit_is_refused_before_it_begins(room):
    from ft2os.stylize import StylizeRequest, stylize
    from tests.scenes import ball

    seen = []
    room(1 * MEGABYTE)
    with pytest.raises(RequestError, match="needs about"):
        stylize(StylizeRequest(target=ball(300), prompt="lava"), progress=seen.append)
    assert not seen


def test_a_clip_run_with_less_memory_lowers_its_batch_and_gives_the_same_kind_of_look(room, tmp_path):
    pytest.importorskip("torch")
    from ft2os.stylize import StylizeRequest, stylize
    from tests import tiny_clip
    from tests.scenes import ball

    overrides = {"model": str(tiny_clip.write(tmp_path / "judge")), "steps": 2, "candidates": 1, "views": 2}
    overrides |= {"surface_views": 6, "surface_pixels": 32, "limit": 500, "start": "lava"}
    request = StylizeRequest(target=ball(300), prompt="lava", method="clip", overrides=overrides)
    plain = stylize(request)
    wanted = plain.stats["memory"]
    assert (wanted["batch"], plain.stats["batch"]) == (8, 8)
    each = wanted["needed"] / 8  # more than one picture takes, so that six of them are sure to go
    room(wanted["needed"] - 1)
    lowered = stylize(request)
    assert lowered.stats["memory"] == {
        "batch": 7,
        "wanted": 8,
        "needed": lowered.stats["memory"]["needed"],
        "available": wanted["needed"] - 1,
    }
    assert lowered.stats["batch"] == 7
    assert wanted["needed"] - each < lowered.stats["memory"]["needed"] < wanted["needed"]
    assert lowered.look.dc.shape == plain.look.dc.shape
    assert len(lowered.stats["losses"]) == len(plain.stats["losses"]) == 2


WIDE = Job(gaussians=200_000, views=40, pixels=208, judged_views=30, judged_pixels=280)


@pytest.mark.parametrize(
    ("job", "fits", "advice"),
    [
        (WIDE, {"judged_views": 9}, "Choose 9 views for the judge instead of 30,"),
        (WIDE, {"judged_views": 6, "views": 17}, "Choose 17 views instead of 40,"),
        (
            Job(1000, 6, 208, per_picture=400 * MEGABYTE),
            {"per_picture": 200 * MEGABYTE},
            "Choose a smaller judge",
        ),
        (
            replace(WIDE, judged_views=0),
            {"views": 6, "pixels": 150},
            "Choose 6 views of 150 pixels instead of 40 of 208.",
        ),
        (
            replace(WIDE, judged_views=0),
            {"views": 6, "pixels": 96, "gaussians": 5000},
            "Choose 6 views of 96 pixels and a limit of 5000 Gaussians.",
        ),
    ],
)
def test_the_advice_is_the_largest_that_fits(room, job, fits, advice):
    room(replace(job, **fits).bytes(1))
    with pytest.raises(RequestError) as caught:
        fit_batch(4, job)
    assert caught.value.hint.startswith(advice)
    assert "of memory" in caught.value.message


def test_sizes_are_said_in_megabytes_and_from_a_thousand_of_them_in_gigabytes(room):
    job = Job(1, 0, 16, fixed=1500 * MEGABYTE)
    room(999 * MEGABYTE)
    with pytest.raises(RequestError, match=r"about 1\.5 GB .* and 999 MB may be used"):
        fit_batch(1, job)


def test_views_of_too_many_layers_are_refused_by_their_weights(room):
    room(16 * MEGABYTE)  # sixteen bytes each
    check_views(MEGABYTE)
    with pytest.raises(RequestError, match="very many faint"):
        check_views(MEGABYTE + 1)


def test_so_many_gaussians_come_of_an_object_and_what_grows():
    settings = METHODS["material"].settings("standard", {"limit": 10_000, "views": 7, "pixels": 33})
    assert Job.of_prepared(100, settings, moved=3) == Job(10_000, 7, 33, moved=3)
    assert Job.of_prepared(100, settings, grown=500).gaussians == 10_500
    assert Job.of_prepared(8000, settings).gaussians == 16_000
    assert Job.of_prepared(100_000, settings).gaussians == 160_000
