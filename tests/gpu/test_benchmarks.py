"""The benchmark on a GPU: every row that is measured there comes, and says what it was measured on."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.stylize import report, subject  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.formats import Scene  # noqa: E402
from ft2os.gaussians import concatenate  # noqa: E402
from ft2os.guidance import clip_judge  # noqa: E402
from tests import tiny_clip  # noqa: E402
from tests.scenes import ball  # noqa: E402

FEW = {"surface_views": 4, "surface_pixels": 48, "limit": 200, "views": 4, "candidates": 2, "steps": 3}


def test_the_rows_of_the_gpu(pretended_gpu, tmp_path, monkeypatch):
    tiny_clip.register(tmp_path, "tiny-gpu-benchmark")
    for name in ("FT2OS_CLIP", "FT2OS_TEST_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(clip_judge, "DEFAULT_MODEL", "tiny-gpu-benchmark")
    parts = [ball(90, degree=1, radius=0.8), ball(30, degree=1, seed=1, centre=(0.0, 0.0, 1.6))]
    both = concatenate([p.replace(group=np.full(len(p), i, np.int32)) for i, p in enumerate(parts)])
    scene = Scene(both, labels={0: "truck", 1: "wall"}, cameras=orbit(parts[0], 3, size=(80, 60)))
    chosen = subject.choose(scene, subject.default_group(scene))
    assert chosen.device == "cuda"
    lines = []
    found = report.make(
        replace(chosen, overrides={("clip", "standard"): FEW, ("clip", "draft"): FEW}),
        ["paper", "presets", "sizes", "batch", "judges"], steps=2, wanted=[("clip", "standard")],
        say=lines.append, objects=(60,), batches=(1,), judges=("tiny-gpu-benchmark",),
    )  # fmt: skip
    assert (found["device"], found["rasterizer"]) == ("pretended GPU", "gsplat")
    assert "device     pretended GPU, rasterizer gsplat" in "\n".join(lines)
    (row,) = found["sizes"]
    names = ("build_seconds_view", "linear_seconds_view", "rasterizer_seconds_view", "form_bytes_view")
    assert all(row[name] > 0 for name in names)
    assert found["ratio"] > 0
    assert found["presets"]["rows"][0]["steps"] == 3
