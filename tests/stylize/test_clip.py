"""The paper's CLIP method with a small judge of random weights: its mechanics, not its taste."""

import dataclasses
import importlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os import looks  # noqa: E402
from ft2os.cameras import look_at, orbit  # noqa: E402
from ft2os.cameras.camera import Camera, stack  # noqa: E402
from ft2os.errors import CancelledError, MissingError, RequestError  # noqa: E402
from ft2os.gaussians import concatenate  # noqa: E402
from ft2os.guidance import clip_judge, perceptual  # noqa: E402
from ft2os.render import rasterize  # noqa: E402
from ft2os.stylize import StylizeRequest, memory, stylize  # noqa: E402
from ft2os.stylize.clip.about import CLIP  # noqa: E402
from ft2os.stylize.clip.views import object_views, schedule  # noqa: E402
from ft2os.tiles import render  # noqa: E402
from tests import tiny_clip, tiny_vgg  # noqa: E402
from tests.scenes import ball  # noqa: E402

PROMPT = "a ball of lava"
VIEWS = 5


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    return str(tiny_clip.write(tmp_path_factory.mktemp("clip") / "judge"))


@pytest.fixture(scope="module")
def target():
    return ball(120, degree=1, seed=2, radius=0.7)


@pytest.fixture
def make(judge_folder, target):
    """A request; keywords are overrides of the settings, ``seed`` and others of the request itself."""

    def build(*, seed=0, prompt=PROMPT, preset="paper", context=None, cameras=None, obj=target, **overrides):
        settings = {"model": judge_folder, "batch": 3, "steps": 2, "outliers": False, **overrides}
        return StylizeRequest(
            target=obj,
            context=context,
            prompt=prompt,
            method="clip",
            preset=preset,
            seed=seed,
            overrides=settings,
            cameras=cameras or orbit(obj, VIEWS, size=(96, 64)),
        )

    return build


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    """VGG16 of random weights where ft2os looks for weights."""
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tiny_vgg.write(tmp_path)))


def _judged(request, step=0):
    """The pictures of a step, drawn by the numpy renderer: [B, 3, 32, 32]."""
    views = object_views(request.target, request.cameras, 32)
    rng = np.random.default_rng(request.seed)
    indices = schedule(len(views), request.overrides["batch"], 1, step + 1, rng)[step]
    viewmats, Ks = stack([views[i] for i in indices])
    rgb = render(request.target, viewmats, Ks, 32, 32).rgb
    return torch.from_numpy(np.clip(rgb, 0, 1)).permute(0, 3, 1, 2)


def _cosines(request, texts):
    judge = clip_judge.load(request.overrides["model"])
    with torch.no_grad():
        images = judge.embed_images(_judged(request)).double().numpy()
    return images @ judge.embed_texts(texts).double().numpy().T


def test_the_first_loss_is_the_formula_on_an_independent_render(make):
    request = make(steps=1)
    stats = stylize(request).stats
    scores = np.exp(_cosines(request, [PROMPT, *stats["negatives"]]))
    expected = -np.log(scores[:, 0] / scores.sum(axis=1)).mean()
    assert stats["loss_first"] == pytest.approx(expected, abs=1e-5)
    assert len(stats["negatives"]) == 10


def test_temperature_divides_the_similarities(make):
    request = make(steps=1, temperature=0.07)
    stats = stylize(request).stats
    scores = np.exp(_cosines(request, [PROMPT, *stats["negatives"]]) / 0.07)
    assert stats["loss_first"] == pytest.approx(-np.log(scores[:, 0] / scores.sum(axis=1)).mean(), abs=1e-4)


def test_similarity_is_algorithm_1(make):
    request = make(steps=1, loss="similarity")
    assert stylize(request).stats["loss_first"] == pytest.approx(
        -_cosines(request, [PROMPT]).mean(), abs=1e-5
    )


def test_the_masked_object_is_judged_and_not_the_scene(make, target):
    # Slip of Algorithms 1 and 2: the unmasked render is embedded, so that a wall in front would count.
    wall = ball(50, centre=(0.0, 0.0, 0.0), radius=1.5, colour=(0.0, 1.0, 0.0))
    alone, hidden = stylize(make()), stylize(make(context=wall))
    assert alone.stats["loss_last"] == hidden.stats["loss_last"]
    np.testing.assert_array_equal(alone.look.dc, hidden.look.dc)


def test_all_views_of_a_step_are_drawn_in_one_call(make, monkeypatch):
    # Slip: the published code draws its views one by one and moves each to the CPU and back.
    calls = []

    def counted(**arguments):
        calls.append(
            (len(arguments["viewmats"]), arguments["backgrounds"].device == arguments["means"].device)
        )
        return rasterize(**arguments)

    loop = importlib.import_module("ft2os.stylize.geometry.deform")  # the package's name is its function
    monkeypatch.setattr(loop, "rasterize", counted)
    stylize(make(steps=2, batch=3))
    assert calls == [(3, True), (VIEWS - 3, True)]


def test_a_wide_camera_gives_the_judge_an_unsquashed_object(make, judge_folder, target):
    # Slip: the published code draws the whole picture at 224², which squashes a 16:9 view.
    K = np.array([[300, 0, 160], [0, 300, 90], [0, 0, 1]], np.float32)
    eye, centre, up = (np.array(v, np.float64) for v in ((0, 0, -5), (0.4, 0, 0), (0, -1, 0)))
    previews = []
    stylize(
        make(steps=1, cameras=[Camera(look_at(eye, centre, up), K, 320, 180)]),
        progress=lambda p: previews.append(p.preview) if p.preview is not None else None,
    )
    drawn = previews[-1].max(axis=2) > 0
    width, height = np.ptp(np.flatnonzero(drawn.any(axis=0))), np.ptp(np.flatnonzero(drawn.any(axis=1)))
    assert previews[-1].shape == (32, 32, 3)
    assert abs(int(width) - int(height)) <= 3
    assert width > 20


def test_the_regularisation_compares_with_the_original_render_of_the_same_view(make, vgg):
    # Slips: compared with photographs, and keyed by epoch. At the first step nothing has moved, so any
    # reference but the same view's own original render adds to the loss: the views differ by much more.
    request = make(steps=1)
    pictures = _judged(request)
    network = perceptual.load_vgg()
    with torch.no_grad():
        between_views = torch.nn.functional.mse_loss(network(pictures[:1]), network(pictures[1:2]))
    assert between_views > 0.1
    kept = stylize(make(steps=1, regularisation=1.0)).stats["loss_first"]
    assert kept == pytest.approx(stylize(request).stats["loss_first"], abs=1e-3)


def test_the_regularisation_holds_the_object_back(make, vgg):
    def moved(factor):
        look = stylize(
            make(steps=20, regularisation=factor, freeze="opacity,scale,rotation,position,sh")
        ).look
        return np.abs(look.dc - make().target.sh[:, 0]).mean()

    assert moved(100.0) < 0.8 * moved(0.0)


def test_without_vgg_a_regularisation_is_refused_at_once(make, tmp_path, monkeypatch):
    for name in ("FT2OS_WEIGHTS", "FT2OS_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("FT2OS_TEST_DATA", raising=False)
    with pytest.raises(MissingError, match="VGG16"):
        stylize(make(regularisation=0.1))


_ARRAYS = {
    "colour": (lambda g: g.sh[:, 0]),
    "sh": (lambda g: g.sh[:, 1:]),
    "opacity": (lambda g: g.opacities),
    "scale": (lambda g: g.scales),
    "rotation": (lambda g: g.quats),
    "position": (lambda g: g.means),
}


@pytest.mark.parametrize("frozen", list(_ARRAYS))
def test_a_frozen_array_keeps_its_bits_and_a_free_one_moves(make, target, frozen):
    result = stylize(make(freeze=[frozen]))
    after = looks.apply(target, result.look, 1.0)
    for name, array in _ARRAYS.items():
        same = array(after).tobytes() == array(target).tobytes()
        assert same == (name == frozen), name


def test_opacity_is_frozen_by_default(make, target):
    after = looks.apply(target, stylize(make()).look, 1.0)
    assert after.opacities.tobytes() == target.opacities.tobytes()


def test_only_colour_free_leaves_the_geometry_to_the_parent(make):
    look = stylize(make(freeze="sh,opacity,scale,rotation,position")).look
    assert look.target is None


def test_the_default_preset_fades_the_bands(make, target):
    small = {"surface_views": 4, "surface_pixels": 48, "limit": 400, "views": 4, "bank": 32}
    after = looks.apply(target, stylize(make(preset="standard", **small)).look, 1.0)
    assert not after.sh[:, 1:].any()


def test_adam_has_the_published_rates_and_epsilon(target):
    from ft2os.stylize.clip.parameters import Parameters

    parameters = Parameters(target, CLIP.settings("paper", {"freeze": []}), extent=3.0)
    rates = [group["lr"] for group in parameters.optimizer.param_groups]
    assert rates == pytest.approx([0.1, 0.005, 0.005, 0.005, 0.001, 1.6e-4 * 3])
    assert {group["eps"] for group in parameters.optimizer.param_groups} == {1e-15}


@pytest.mark.parametrize("loss", ["contrastive", "similarity"])
def test_the_loss_falls(make, loss):
    stats = stylize(make(steps=25, batch=VIEWS, loss=loss)).stats
    assert stats["loss_last"] < stats["loss_first"] - 0.01
    assert stats["judged_views"] == 25 * VIEWS


def test_the_start_is_the_original(make):
    # At the first step the judge sees the object as it is: the preview is its own render.
    request = make(steps=1)
    previews = []
    stylize(request, progress=lambda p: previews.append(p.preview) if p.preview is not None else None)
    expected = (_judged(request)[0].permute(1, 2, 0).numpy() * 255).round()
    assert np.abs(previews[0].astype(int) - expected).max() <= 1


def test_the_same_seed_gives_the_same_look_and_another_seed_another(make):
    first, again, other = (stylize(make(seed=s)).look for s in (7, 7, 8))
    assert first.dc.tobytes() == again.dc.tobytes()
    assert first.target["means"].tobytes() == again.target["means"].tobytes()
    assert first.dc.tobytes() != other.dc.tobytes()


def test_the_figures_say_what_ran(make, target, vgg):
    stats = stylize(make(steps=4, batch=2, outliers=True, freeze=["scale", "opacity"], temperature=0.5)).stats
    assert (stats["method"], stats["preset"], stats["loss"], stats["temperature"]) == (
        "clip",
        "paper",
        "contrastive",
        0.5,
    )
    assert stats["frozen"] == ["opacity", "scale"]
    assert (stats["batch"], stats["views"], stats["steps"]) == (2, VIEWS, 4)
    assert stats["judged_views"] == 2 + 2 + 1 + 2  # the epochs' last batches are smaller
    assert stats["gaussians"] + stats["outliers"] == len(target)
    assert stats["outliers"] > 0
    assert (stats["loss_first"], stats["loss_last"]) == (stats["losses"][0], stats["losses"][3])
    assert stats["stages"].keys() == {"prepare", "views", "stylize"}
    assert sum(stats["stages"].values()) == pytest.approx(stats["seconds"], abs=0.01)
    assert stylize(make(steps=1, loss="similarity")).stats["negatives"] == []


def test_the_memory_is_that_of_the_rasterizer_the_judge_and_every_number_that_moves(make, vgg, target):
    judge = clip_judge.load(make().overrides["model"])
    job = memory.Job(
        len(target), 0, 32, per_picture=judge.bytes_per_picture, moved=3 * 4 + 11, rasterized=True
    )
    assert stylize(make(steps=1)).stats["memory"]["needed"] == job.bytes(3)
    content = dataclasses.replace(job, per_picture=job.per_picture + memory.VGG_PIXEL * 32**2)
    assert stylize(make(steps=1, regularisation=1.0)).stats["memory"]["needed"] == content.bytes(3)


def test_pictures_are_shown_of_the_first_step_and_the_last(make):
    seen = []
    stylize(make(steps=6), progress=seen.append)
    steps = [p for p in seen if p.loss is not None]
    assert steps[0].preview is not None
    assert steps[-1].preview is not None
    assert seen[0].stage == "views"


def test_progress_tells_every_step_and_its_loss(make):
    seen = []
    stylize(make(steps=4), progress=seen.append)
    steps = [p for p in seen if p.loss is not None]
    assert [p.step for p in steps] == [1, 2, 3, 4]
    assert all(p.total == 4 for p in steps)
    assert steps[-1].eta_s == 0
    assert steps[0].preview.dtype == np.uint8


def test_cancel_takes_effect_within_a_step_and_keeps_what_there_is(make, target):
    seen = []
    with pytest.raises(CancelledError) as caught:
        stylize(make(steps=50), progress=seen.append, cancelled=lambda: len(seen) > 2)
    partial = caught.value.partial
    assert partial.stats["steps"] == 2
    assert partial.look.dc.tobytes() != np.ascontiguousarray(target.sh[:, 0]).tobytes()
    assert partial.look.dc.tobytes() == stylize(make(steps=2)).look.dc.tobytes()


def test_cancelled_before_the_first_step_there_is_nothing_to_offer(make):
    with pytest.raises(CancelledError) as caught:
        stylize(make(), cancelled=lambda: True)
    assert caught.value.partial is None


def test_outliers_of_the_object_stay_as_they_are(make, target):
    stray = ball(3, degree=1, centre=(40.0, 0.0, 0.0))
    both = concatenate([target, stray])
    result = stylize(make(obj=both, outliers=True, cameras=orbit(target, VIEWS, size=(96, 64))))
    assert not np.isin(np.arange(120, 123), result.look.parent).any()
    assert result.stats["outliers"] == 123 - len(result.look.parent)
    after = looks.apply(both, result.look, 1.0)
    rows = [np.flatnonzero((after.means == mean).all(axis=1)) for mean in stray.means]
    assert [len(r) for r in rows] == [1, 1, 1]


def test_missing_weights_come_before_any_work(make, tmp_path, monkeypatch):
    for name in ("HOME", "FT2OS_WEIGHTS", "FT2OS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    seen = []
    with pytest.raises(MissingError, match="not on this machine"):
        stylize(make(model="ViT-B-32", pretrained="openai"), progress=seen.append)
    assert not seen


@pytest.mark.parametrize("prompt", ["", "   "])
def test_an_empty_prompt_is_refused(make, prompt):
    with pytest.raises(RequestError, match="empty"):
        stylize(make(prompt=prompt))
