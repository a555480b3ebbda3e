"""The judges of text and likeness: who may judge, what they say of known pictures, what is said without."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os.errors import RequestError
from ft2os.evaluate import likeness, text, views
from tests.evaluate.scenes import cameras

NO_TORCH = """
import sys
from pathlib import Path
sys.modules["torch"] = None  # importing torch raises ImportError
from ft2os.cli import main
from tests.evaluate.scenes import grouped, written
folder = Path(sys.argv[1])
scene = str(written(folder, "scene", grouped()))
words = ["evaluate", scene, scene, "--group", "ball", "--prompt", "lava", "--views", "2"]
raise SystemExit(main([*words, "--json", str(folder / "out.json"), "--html", str(folder / "out.html")]))
"""


def windows(seed: int = 0):
    rng = np.random.default_rng(seed)
    full = np.ones((64, 64), np.float32)
    a = rng.random((64, 64, 3)).astype(np.float32)
    return [views.Drawn(cameras(1)[0], a, np.roll(a, 20, axis=2) * 0.5, full, full, full, full)]


def same(ws):
    return [views.Drawn(d.camera, d.before, d.before, *([d.covered_before] * 4)) for d in ws]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("torch")
    from tests import tiny_clip

    return str(tiny_clip.write(tmp_path_factory.mktemp("second")))


def test_scores_equal_a_plain_computation(tiny):
    import torch

    from ft2os.guidance import clip_judge

    found = text.measure(windows(), "lava", "a truck", judge=(tiny, None))
    judge = clip_judge.load(tiny)
    (d,) = windows()
    with torch.no_grad():
        a, b = (
            judge.embed_images(torch.from_numpy(x).permute(2, 0, 1)[None])[0].numpy()
            for x in (d.before, d.after)
        )
    to, start = judge.embed_texts(["lava", "a truck"]).numpy()
    move, told = b - a, to - start
    assert found["similarity_before"] == pytest.approx(float(a @ to), abs=1e-5)
    assert found["similarity_after"] == pytest.approx(float(b @ to), abs=1e-5)
    expected = float(move @ told / np.linalg.norm(move) / np.linalg.norm(told))
    assert found["direction"] == pytest.approx(expected, abs=1e-4)
    assert found["reason"] is None


def test_a_picture_that_did_not_change_has_no_direction(tiny):
    found = text.measure(same(windows()), "lava", "a truck", judge=(tiny, None))
    assert found["direction"] is None
    assert found["similarity_gain"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("judge", "guide"),
    [
        (("ViT-B-32", None), "ViT-B-32 openai"),
        (("ViT-B/32", "openai"), "ViT-B-32 openai"),
        (("ViT-B-32-quickgelu", "OpenAI"), "ViT-B-32 openai"),
    ],
)
def test_the_judge_that_guided_is_refused(judge, guide):
    with pytest.raises(RequestError, match="guided this look"):
        text.measure(windows(), "lava", "a truck", judge=judge, guide=guide)


def test_a_guiding_folder_is_refused_by_any_way_to_it(tiny):
    roundabout = os.path.join(tiny, "..", Path(tiny).name)
    with pytest.raises(RequestError, match="guided this look"):
        text.measure(windows(), "lava", "a truck", judge=(roundabout, None), guide=f"{tiny} openai")


def test_random_weights_have_no_opinion():
    with pytest.raises(RequestError, match="random weights"):
        text.measure(windows(), "lava", "a truck", judge=("ViT-B-32", "random"))


def test_without_a_second_clip_there_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(text, "SECOND_JUDGES", (("ViT-B-32", "openai"),))
    by_name = text.measure(windows(), "lava", "a truck", guide="ViT-B-32 openai")
    assert by_name["similarity_after"] is None
    assert "second CLIP" in by_name["reason"]


def test_likeness_of_the_same_is_nothing_and_of_another_something(data_dir, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    none, some = likeness.measure(same(windows())), likeness.measure(windows())
    assert none["lpips"] == pytest.approx(0, abs=1e-6)
    assert none["vgg"] == 0
    assert some["lpips"] > 0.05
    assert some["vgg"] > 0.05


def test_lpips_is_the_packages_own_with_these_weights(data_dir, monkeypatch):
    """Against the published measure written out: unit features, squared differences, the linear heads."""
    torch = pytest.importorskip("torch")
    import torch.nn.functional as F
    from safetensors.torch import load_file

    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    state = load_file(next((data_dir / "perceptual").glob("alexnet*.safetensors")))
    package = Path(importlib.util.find_spec("lpips").origin).parent  # importing it wants torchvision mended
    file = package / "weights/v0.1/alex.pth"
    heads = torch.load(file, weights_only=True, map_location="cpu")
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])

    def features(picture):
        x = (2 * torch.from_numpy(picture).permute(2, 0, 1)[None] - 1 - shift[:, None, None]) / scale[
            :, None, None
        ]
        found = []
        for index, (stride, pad) in zip((0, 3, 6, 8, 10), ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
            if index in (3, 6):
                x = F.max_pool2d(x, 3, 2)
            weight, bias = (state[f"features.{index}.{n}"].float() for n in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, stride, pad))
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    (d,) = windows()
    a, b = features(d.before), features(d.after)
    expected = sum(
        float(F.conv2d((x - y).square(), heads[f"lin{i}.model.1.weight"]).mean())
        for i, (x, y) in enumerate(zip(a, b))
    )
    assert likeness.measure([d])["lpips"] == pytest.approx(expected, rel=1e-4)


def test_missing_weights_are_a_reason(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    monkeypatch.delenv("FT2OS_TEST_DATA", raising=False)
    for name in ("FT2OS_WEIGHTS", "FT2OS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    found = likeness.measure(windows())
    assert found["lpips"] is None
    assert "AlexNet" in found["lpips_reason"]
    assert "VGG16" in found["vgg_reason"]


def test_the_command_works_where_importing_torch_raises(tmp_path):
    import json

    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, tmp_path], capture_output=True, text=True, timeout=240, cwd=root,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    assert "torch" in report["text"]["reason"]
    assert "torch" in report["preservation"]["lpips_reason"]
    assert report["spill"]["identical"]
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")
