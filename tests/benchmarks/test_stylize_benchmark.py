"""The benchmark's arithmetic and honesty on a scene of a few hundred Gaussians with a tiny judge."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import stylize as benchmark  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.formats import Scene  # noqa: E402
from ft2os.gaussians import concatenate  # noqa: E402
from ft2os.guidance import clip_judge  # noqa: E402
from tests import tiny_clip  # noqa: E402
from tests.scenes import ball  # noqa: E402


@pytest.fixture(scope="module")
def scene():
    parts = [ball(300, degree=1, radius=0.8), ball(80, degree=1, seed=1, centre=(0.0, 0.0, 1.6))]
    both = concatenate([p.replace(group=np.full(len(p), i, np.int32)) for i, p in enumerate(parts)])
    cameras = orbit(parts[0], 3, size=(80, 60))
    return Scene(both, labels={0: "truck", 1: "wall"}, cameras=cameras)


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """A judge of the size of nothing, by the name that the benchmark falls back to."""
    tiny_clip.register(tmp_path, "tiny-benchmark")
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    monkeypatch.delenv("FT2OS_CLIP", raising=False)
    monkeypatch.setattr(clip_judge, "DEFAULT_MODEL", "tiny-benchmark")
    return clip_judge.load("tiny-benchmark", clip_judge.RANDOM)


def test_the_report_labels_what_is_extrapolated_and_who_judged(scene, judge, tmp_path):
    report = benchmark.run(scene, benchmark.default_group(scene), steps=4)
    assert report["judge"] == "random"
    assert report["group"] == "truck"
    paper, clip, material = report["paper"], report["clip_seed"], report["material"]
    assert (paper["extrapolated"], clip["extrapolated"], material["extrapolated"]) == (True, True, False)
    assert paper["seconds"] == pytest.approx(paper["seconds_measured"] / 4 * 5020)
    assert report["ratio"] == pytest.approx(paper["seconds"] / material["seconds"])
    assert clip["judged_views_measured"] >= 4
    json.dumps(report, allow_nan=False)
    lines = benchmark.describe(report).splitlines()
    assert any(line.startswith("judge: random") for line in lines)
    assert sum("extrapolated to 5020" in line for line in lines) == 2


def test_the_papers_loop_judges_only_the_visible_object(scene, judge):
    mask = scene.mask(0)
    target, context = scene.gaussians.subset(mask), scene.gaussians.subset(~mask)
    loop = benchmark.PaperLoop(target, context, scene.cameras, judge)
    shares = [float(m.mean()) for m in loop.masks]
    assert all(0.05 < share < 0.9 for share in shares)
    # The wall stands before the object in the view from behind, and takes pixels from it.
    alone = benchmark.PaperLoop(target, context.subset(np.zeros(80, bool)), scene.cameras, judge)
    assert sum(shares) < sum(float(m.mean()) for m in alone.masks)


def test_the_papers_loop_learns(scene, judge):
    mask = scene.mask(0)
    loop = benchmark.PaperLoop(
        scene.gaussians.subset(mask), scene.gaussians.subset(~mask), scene.cameras[:1], judge
    )
    losses = [loop.step(0) for _ in range(15)]
    assert losses[-1] < losses[0] - 0.005
