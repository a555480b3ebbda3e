"""The benchmark's arithmetic and honesty on a scene of a few hundred Gaussians with a tiny judge."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.stylize import gauges, presets, report, subject, tables  # noqa: E402
from benchmarks.stylize.__main__ import main  # noqa: E402
from benchmarks.stylize.paper import PAPER_STEPS, PaperLoop  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.formats import Scene  # noqa: E402
from ft2os.gaussians import concatenate  # noqa: E402
from ft2os.guidance import clip_judge  # noqa: E402
from tests import tiny_clip  # noqa: E402
from tests.scenes import ball  # noqa: E402

SMALL = {"surface_views": 6, "surface_pixels": 48, "limit": 900, "views": 4, "candidates": 2}
WANTED = (("clip", "draft"), ("clip", "standard"), ("material", "draft"), ("image", "standard"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A truck before a wall, and a judge of the size of nothing under the name of the one fallen back to."""
    folder = tmp_path_factory.mktemp("judge")
    tiny_clip.register(folder, "tiny-benchmark")
    parts = [ball(300, degree=1, radius=0.8), ball(80, degree=1, seed=1, centre=(0.0, 0.0, 1.6))]
    both = concatenate([p.replace(group=np.full(len(p), i, np.int32)) for i, p in enumerate(parts)])
    scene = Scene(both, labels={0: "truck", 1: "wall"}, cameras=orbit(parts[0], 3, size=(80, 60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT2OS_WEIGHTS", str(folder))
        patch.delenv("FT2OS_CLIP", raising=False)
        patch.delenv("FT2OS_TEST_DATA", raising=False)
        patch.setattr(clip_judge, "DEFAULT_MODEL", "tiny-benchmark")
        chosen = subject.choose(scene, subject.default_group(scene))
        shorter = {("clip", preset): SMALL | {"steps": 3} for preset in ("draft", "standard")}
        shorter["material", "draft"] = {"views": 6, "pixels": 48, "limit": 900}
        yield replace(chosen, overrides=shorter)


@pytest.fixture(scope="module")
def made(small):
    """The whole report but for the worker, and the lines that were said."""
    lines = []
    parts = [part for part in report.ALL if part != "worker"]
    sizes = {"objects": (200, 500), "contexts": (0, 400), "batches": (1, 2), "judges": ("tiny-benchmark",)}
    return report.make(small, parts, steps=4, wanted=WANTED, say=lines.append, **sizes), "\n".join(lines)


def test_what_is_extrapolated_is_labelled_and_nothing_else_is(made):
    found, text = made
    for name in ("loop", "preset"):
        row = found["paper"][name]
        assert row["extrapolated"]
        each = row["seconds_measured"] / row["judged_views_measured"]
        assert row["seconds"] == pytest.approx(each * PAPER_STEPS)
        assert row["judged_views_measured"] >= 4
    assert not any(row["extrapolated"] for row in found["presets"]["rows"])
    assert text.count(f"extrapolated to {PAPER_STEPS}") == 2


def test_a_long_preset_is_extrapolated_from_some_of_its_steps_and_says_so(small, monkeypatch):
    shorter = {("clip", "high"): SMALL | {"steps": 40}}
    monkeypatch.setattr(presets, "ALL", (("clip", "high"),))
    monkeypatch.setitem(presets.SHORTENED, ("clip", "high"), 4)
    lines = []
    found = report.make(replace(small, overrides=shorter), ["presets"], say=lines.append)
    (row,) = found["presets"]["rows"]
    assert (row["extrapolated"], row["steps_measured"], row["steps"]) == (True, 4, 40)
    assert row["judged_views"] == 40 * 8
    left_out = (40 - 4) / row["steps_per_second"]
    assert row["seconds"] == pytest.approx(row["seconds_measured"] + left_out)
    assert "extrapolated from 4 steps" in "\n".join(lines)


def test_the_ratio_is_the_papers_time_over_standards(made):
    found, text = made
    (standard,) = [
        row for row in found["presets"]["rows"] if row["preset"] == "standard" and "seconds" in row
    ]
    assert standard["method"] == "clip"
    assert found["ratio"] == pytest.approx(found["paper"]["loop"]["seconds"] / standard["seconds"])
    assert f"{found['ratio']:.1f}  the paper's loop / CLIP Standard" in text


def test_every_preset_says_how_long_how_soon_how_much(made):
    rows = {(row["method"], row["preset"]): row for row in made[0]["presets"]["rows"]}
    assert set(rows) == set(WANTED)
    assert "style image" in rows["image", "standard"]["skipped"]
    for key in (("clip", "draft"), ("clip", "standard"), ("material", "draft")):
        row = rows[key]
        assert 0 < row["first_picture_seconds"] <= row["seconds"]
        assert row["peak_bytes"] > row["added_bytes"] >= 0
    standard = rows["clip", "standard"]
    assert standard["steps"] == 3
    assert standard["steps_per_second"] > 0
    spent = standard["seconds_judged_view"] * standard["judged_views"]
    assert spent == pytest.approx(standard["steps"] / standard["steps_per_second"])


def test_a_random_judge_is_named_and_gives_no_score(made):
    found, text = made
    assert found["judge"] == "random"
    assert any(line.startswith("judge: random") for line in text.splitlines())
    assert not any("score" in row for row in found["presets"]["rows"])


def test_a_steps_parts_add_up_and_the_largest_is_named(made):
    for row in (made[0]["paper"]["loop"]["breakdown"], made[0]["presets"]["breakdown"]):
        parts = row["parts"]
        assert set(parts) == set(gauges.PARTS)
        assert sum(parts.values()) == pytest.approx(row["seconds"], rel=0.02)
        assert parts[row["largest"]] == max(parts.values())
        assert all(parts[name] > 0 for name in ("render", "judge", "backward_judge", "optimiser"))


def test_the_tables_have_their_rows(made):
    found, _ = made
    assert [row["gaussians"] for row in found["sizes"]] == [200, 500]
    assert [row["context_gaussians"] for row in found["scene"]] == [0, 400]
    assert [row["batch"] for row in found["batch"]] == [1, 2]
    assert [row["model"] for row in found["judges"]] == ["tiny-benchmark"]
    numbers = [v for part in ("sizes", "scene", "batch") for row in found[part] for v in row.values()]
    assert all(np.isfinite(numbers))
    json.dumps(found, allow_nan=False)


def test_no_ratio_without_both_of_its_sides():
    loop = {"seconds": 500.0, "seconds_judged_view": 0.5}
    rows = [{"method": "clip", "preset": "standard", "seconds": 20.0, "seconds_judged_view": None}]
    found = report.ratios({"paper": {"loop": loop}, "presets": {"rows": rows}})
    assert found["ratio"] == 25.0
    assert found["ratio_judged_view"] is None
    assert report.ratios({"paper": {"loop": loop}})["ratio"] is None
    assert report.ratios({"presets": {"rows": rows}})["ratio"] is None


def test_a_draft_through_a_real_worker_is_timed_against_its_goals(small):
    lines = []
    found = report.make(small, ["worker"], wanted=[("material", "draft")], say=lines.append, worker=400)
    (row,) = found["worker"]
    assert row["gaussians"] == 400
    assert 0 < row["first_picture_seconds"] <= row["seconds"]
    assert row["goals"] == {"first_picture_seconds": 2.0, "seconds": 5.0}
    assert "goal" in lines[-1]


def test_the_papers_loop_judges_only_the_visible_object(small):
    shares = [float(m.mean()) for m in PaperLoop(small).masks]
    assert all(0.05 < share < 0.9 for share in shares)
    # The wall stands before the object in the view from behind, and takes pixels from it.
    alone = PaperLoop(replace(small, context=small.context.subset(np.zeros(80, bool))))
    assert sum(shares) < sum(float(m.mean()) for m in alone.masks)


def test_the_papers_loop_learns(small):
    loop = PaperLoop(replace(small, cameras=small.cameras[:1]))
    losses = [loop.step(0) for _ in range(15)]
    assert losses[-1] < losses[0] - 0.005


def test_memory_of_a_phase_is_seen_though_an_earlier_one_took_more():
    def hold(megabytes: int) -> int:
        with gauges.Memory() as memory:
            array = np.ones(megabytes * 125_000)
            for _ in range(6):
                array.sum()
        return memory.added

    earlier = hold(300)
    assert 240e6 < earlier < 400e6
    assert 80e6 < hold(100) < 200e6


def test_the_clock_leaves_nothing_behind():
    before = torch.Tensor.backward
    network = torch.nn.Linear(3, 3)
    with gauges.Breakdown(network, [(tables, "rasterize")]):
        assert torch.Tensor.backward is not before
    assert torch.Tensor.backward is before
    assert not network._forward_hooks
    assert not network._backward_hooks


@pytest.mark.parametrize("count", [100, 2000])
def test_made_up_objects_have_their_number_and_cover_as_much(count):
    original = ball(700)
    found = subject.resized(original, count)
    assert len(found) == count

    def cover(g):
        return float(np.square(g.scales).sum())

    assert cover(found) == pytest.approx(cover(original), rel=0.5)
    assert np.abs(found.means).max() < 1.3 * np.abs(original.means).max()
    assert np.array_equal(found.means, subject.resized(original, count).means)


def test_a_part_that_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--parts", "paper,speed"])
    assert "'speed' is none of paper" in capsys.readouterr().err
