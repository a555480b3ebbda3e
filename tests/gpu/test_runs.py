"""Whole runs on a GPU against the same runs on the CPU: the judge's methods, the picture's, the geometry's.

Every run passes through the pretended GPU, which refuses what CUDA would refuse. Both sides count in float32
and the judge of the GPU in half precision, so that results are near each other and not the same.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os import device  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.errors import CancelledError, RequestError  # noqa: E402
from ft2os.evaluate import text, views  # noqa: E402
from ft2os.gaussians import C0  # noqa: E402
from ft2os.guidance import clip_judge  # noqa: E402
from ft2os.render import engine_name  # noqa: E402
from ft2os.stylize import StylizeRequest, stylize  # noqa: E402
from tests import strokes, tiny_clip, tiny_vgg  # noqa: E402
from tests.scenes import ball  # noqa: E402

FAST = {
    "surface_views": 4,
    "surface_pixels": 48,
    "limit": 250,
    "refit": 0,
    "views": 4,
    "batch": 2,
    "steps": 4,
    "bank": 16,
    "contrast": 4,
    "candidates": 2,
    "geometry": 0.0,
}


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    return str(tiny_clip.write(tmp_path_factory.mktemp("clip") / "judge"))


@pytest.fixture(scope="module")
def target():
    return ball(80, degree=1, seed=2, radius=0.7)


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    """VGG16 of random weights where ft2os looks for weights."""
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tiny_vgg.write(tmp_path / "weights")))


@pytest.fixture
def picture(tmp_path):
    """Wide strokes in blue and gold."""
    return strokes.write(tmp_path / "stars.png")


@pytest.fixture
def both(gpu, monkeypatch, tmp_path):
    """Run a request on the CPU and on the GPU: both results."""
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))

    def run(request, **more):
        monkeypatch.setenv("FT2OS_DEVICE", "cpu")
        here = stylize(request(), **more)
        clip_judge._load.cache_clear()
        monkeypatch.delenv("FT2OS_DEVICE")
        return here, stylize(request(), **more)

    return run


def near(here, there, mean=0.02, share=0.05) -> None:
    """Colours that differ by little on average, and geometry where few Gaussians are elsewhere."""
    assert here.look.dc.shape == there.look.dc.shape
    assert np.isfinite(there.look.dc).all()
    assert C0 * np.abs(here.look.dc - there.look.dc).mean() < mean
    for name in ("means", "scales", "opacities"):
        a, b = getattr(here.look, name), getattr(there.look, name)
        assert (np.abs(a - b) > 0.02).mean() < share, name


def clip_request(judge_folder, target, preset="standard", prompt="lava", **overrides):
    own = {"style_image", "context", "checkpoint", "resume"}
    fields = {name: overrides.pop(name) for name in own & overrides.keys()}
    size = {"batch": 3, "steps": 3} if preset == "paper" else FAST
    return lambda: StylizeRequest(
        target,
        prompt,
        method="clip",
        preset=preset,
        overrides={"model": judge_folder, **size, **overrides},
        cameras=orbit(target, 4, size=(64, 48)),
        **fields,
    )


@pytest.mark.parametrize("preset", ["draft", "standard", "high"])
def test_clip_moves_colours(both, judge_folder, target, preset):
    here, there = both(clip_request(judge_folder, target, preset))
    near(here, there)
    assert len(there.stats["losses"]) == 4
    assert there.stats["losses"] == pytest.approx(here.stats["losses"], abs=0.05)


def test_clip_with_all_its_terms(both, judge_folder, target, picture, vgg):
    request = clip_request(
        judge_folder, target, "high", style_image=picture, style=1.0, regularisation=1.0, crops=0.5, nce=1.0,
        direction=1.0, patch=1.0, structure=1.0, smooth=1.0, anchor=1.0,
    )  # fmt: skip
    here, there = both(request)
    near(here, there)
    assert {"content", "style", "nce", "direction", "patch"} <= there.stats["terms"].keys()
    assert there.stats["terms"].keys() == here.stats["terms"].keys()


def test_clip_moves_geometry_among_surroundings(both, judge_folder, target):
    wall = ball(40, degree=1, centre=(0.0, 0.0, 2.5), radius=0.8)
    settings = {"geometry": 0.8, "geometry_steps": 8, "start_form": "none"}
    here, there = both(clip_request(judge_folder, target, context=wall, **settings))
    assert "means" in there.look.target
    assert np.abs(there.look.target["means"] - there.look.means).max() > 1e-4
    assert np.isfinite(there.look.target["means"]).all()
    assert len(there.look) == pytest.approx(len(here.look), rel=0.1)
    assert there.stats["losses"] == pytest.approx(here.stats["losses"], rel=0.02)
    assert {"needle", "spill"} <= there.stats["terms"].keys()


def test_where_gsplat_is_missing_the_gpu_judges_and_the_cpu_draws(both, judge_folder, target, monkeypatch):
    monkeypatch.setattr(device, "has_gsplat", lambda: False)
    assert (device.best_device(), engine_name()) == ("cuda", "tiles")
    settings = {"geometry": 0.8, "geometry_steps": 8, "start_form": "none"}
    here, there = both(clip_request(judge_folder, target, **settings))
    assert len(there.look) == pytest.approx(len(here.look), rel=0.1)
    assert there.stats["losses"] == pytest.approx(here.stats["losses"], rel=0.02)


def test_a_judge_that_a_run_left_on_the_gpu_evaluates_there(gpu, judge_folder):
    rng = np.random.default_rng(0)
    before, after = rng.uniform(size=(2, 32, 32, 3)).astype(np.float32)
    (view,) = orbit(ball(20), 1, size=(32, 32))
    flat = np.ones((32, 32), np.float32)
    windows = [views.Drawn(view, before, after, flat, flat, flat, flat)]
    told = []
    for where in ("cpu", gpu):
        clip_judge.load(judge_folder).to(where)
        told.append(text.measure(windows, "lava", "ball", judge=(judge_folder, None)))
    clip_judge.load(judge_folder).to("cpu")
    for name in ("similarity_before", "similarity_after", "direction"):
        assert told[0][name] == pytest.approx(told[1][name], abs=0.02)


def test_the_papers_loop(both, judge_folder, target, vgg):
    here, there = both(clip_request(judge_folder, target, "paper", regularisation=0.01))
    near(here, there)
    assert there.stats["losses"] == pytest.approx(here.stats["losses"], abs=0.05)


@pytest.mark.parametrize("preset", ["standard", "paper"])
def test_a_run_broken_off_on_the_gpu_goes_on_there(gpu, judge_folder, target, tmp_path, monkeypatch, preset):
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))
    path, seen = tmp_path / "run.safetensors", []
    geometry = {} if preset == "paper" else {"geometry": 0.5, "geometry_steps": 6}

    def request(**more):
        return clip_request(judge_folder, target, preset, **geometry, **more)()

    def cancelled():
        return sum(told.loss is not None for told in seen) > (1 if preset == "paper" else 7)

    with pytest.raises(CancelledError):
        stylize(request(checkpoint=path), progress=seen.append, cancelled=cancelled)
    assert path.exists()
    partial = [told.partial for told in seen if told.partial][-1]
    assert np.isfinite(partial().look.dc).all()
    resumed, whole = stylize(request(checkpoint=path, resume=True)), stylize(request())
    np.testing.assert_allclose(resumed.look.dc, whole.look.dc, atol=1e-3)
    assert resumed.stats["losses"] == pytest.approx(whole.stats["losses"], abs=1e-3)


@pytest.mark.parametrize("preset", ["draft", "standard", "high"])
def test_the_method_image(both, target, picture, vgg, preset):
    overrides = {"views": 4, "pixels": 64, "limit": 1000}
    overrides |= {} if preset == "draft" else {"steps": 4}
    here, there = both(
        lambda: StylizeRequest(
            target, "", method="image", preset=preset, style_image=picture, overrides=overrides
        )
    )
    near(here, there)
    assert len(there.stats["losses"]) == len(here.stats["losses"])


def test_the_method_material_leaves_the_gpu_alone(both, target):
    overrides = {"views": 4, "pixels": 48, "limit": 400}
    here, there = both(lambda: StylizeRequest(target, "gold", overrides=overrides))
    np.testing.assert_array_equal(here.look.dc, there.look.dc)


def test_a_run_takes_what_fits_into_the_gpus_memory(
    pretended_gpu, judge_folder, target, monkeypatch, tmp_path
):
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FT2OS_MEMORY", raising=False)
    request = clip_request(judge_folder, target, steps=1)
    needed = stylize(request()).stats["memory"]["needed"]

    def free(size):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (int(size / 0.8), 8 << 30))

    free(needed - 1000)
    assert stylize(request()).stats["batch"] == 1
    free(1000)
    with pytest.raises(RequestError, match="on the GPU"):
        stylize(request())
