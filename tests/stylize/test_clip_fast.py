"""The fast CLIP method with a small judge of random weights: its mechanics, not its taste."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import safetensors.torch  # noqa: E402

from ft2os import looks  # noqa: E402
from ft2os.cameras import orbit  # noqa: E402
from ft2os.errors import CancelledError, FileError, RequestError  # noqa: E402
from ft2os.gaussians import C0, concatenate  # noqa: E402
from ft2os.strict_json import to_json  # noqa: E402
from ft2os.stylize import StylizeRequest, stylize  # noqa: E402
from ft2os.stylize.luminance import CEILING  # noqa: E402
from ft2os.stylize.view_buffers import cameras_around  # noqa: E402
from tests import tiny_clip  # noqa: E402
from tests.scenes import ball  # noqa: E402

SMALL = {
    "surface_views": 4,
    "surface_pixels": 48,
    "limit": 400,
    "refit": 0,
    "views": 4,
    "batch": 4,
    "steps": 4,
    "bank": 32,
    "contrast": 4,
    "candidates": 2,
    "geometry": 0.0,
}


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    return str(tiny_clip.write(tmp_path_factory.mktemp("clip") / "judge"))


@pytest.fixture(scope="module")
def target():
    return ball(90, degree=1, seed=2, radius=0.7)


@pytest.fixture
def make(judge_folder, target, tmp_path, monkeypatch):
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))

    def build(prompt="lava", *, preset="standard", seed=0, obj=target, cameras="orbit", **overrides):
        fields = {k: overrides.pop(k) for k in ("checkpoint", "resume", "context") if k in overrides}
        return StylizeRequest(
            obj,
            prompt,
            method="clip",
            preset=preset,
            seed=seed,
            overrides={"model": judge_folder, **SMALL, **overrides},
            cameras=orbit(target, 5, size=(64, 48)) if cameras == "orbit" else cameras,
            **fields,
        )

    return build


def _bits(look):
    arrays = {name: getattr(look, name) for name in ("parent", "dc", "dc0", "means", "scales", "opacities")}
    arrays |= look.target or {}
    return {name: array.tobytes() for name, array in arrays.items() if array is not None}


def test_the_figures_are_there_and_are_json(make):
    stats = stylize(make()).stats
    assert json.loads(json.dumps(to_json(stats), allow_nan=False)) == to_json(stats)
    assert {"method", "preset", "seconds", "losses", "terms", "gaussians", "stages"} <= stats.keys()
    assert len(stats["losses"]) == stats["steps"] == 4
    assert {"nce", "direction", "patch", "structure", "smooth", "anchor"} == stats["terms"].keys()
    assert all(len(values) == 4 for values in stats["terms"].values())
    assert stats["judged_views"] == 4 * 4
    assert stats["start"]["from"] == "lava"
    assert (stats["source"], stats["target"]) == ("object", "lava")
    assert (stats["geometry"], stats["form"]) == (0.0, None)
    assert 0 < sum(stats["stages"].values()) <= stats["seconds"] + 0.01  # each is rounded


@pytest.mark.parametrize("preset", ["draft", "standard", "high"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(make, preset):
    first, again, other = (stylize(make(preset=preset, seed=s)).look for s in (7, 7, 8))
    assert _bits(first) == _bits(again)
    assert first.dc.tobytes() != other.dc.tobytes()


def test_the_judge_moves_the_colours_from_the_start_and_the_loss_falls(make):
    stats = stylize(make(start="original", steps=30, anchor=0, structure=0, rate=0.02)).stats
    assert np.mean(stats["losses"][-5:]) < np.mean(stats["losses"][:5]) - 0.01


def test_without_steps_the_start_is_the_material_methods_own_solve(make, target):
    fast = stylize(make("gold", steps=0, scale=1.15, luminance_keep=0.5, candidates=1)).look
    size = {"views": 4, "pixels": 48, "limit": 400, "refit": 0, "luminance_keep": 0.5, "scale": 1.15}
    draft = stylize(StylizeRequest(target, "gold", overrides=size)).look
    white = (CEILING - 0.5) / C0  # the CLIP method keeps channels below it, as painting does
    np.testing.assert_allclose(fast.dc, np.minimum(draft.dc, white), atol=1e-5)
    np.testing.assert_array_equal(fast.means, draft.means)


def test_a_prompt_of_no_material_starts_from_the_original(make, target):
    result = stylize(make("qwertyuiop", steps=0, start="original"))
    near = result.look.dc0 * C0 + 0.5
    np.testing.assert_allclose(result.look.dc * C0 + 0.5, np.clip(near, 0, CEILING), atol=1e-5)
    assert result.stats["start"] == {"from": "original", "how": "original", "scores": {}}


def test_nothing_but_the_object_changes(make, target):
    # The colour stage has only the object's colours; what a context hides or shows plays no part.
    strays = ball(3, degree=1, centre=(30.0, 0.0, 0.0), radius=0.01)
    both = concatenate([target, strays])
    look = stylize(make(obj=both)).look
    assert look.parent.max() < len(target)
    after = looks.apply(both, look, 1.0)
    for name in ("means", "quats", "scales", "opacities", "sh"):
        np.testing.assert_array_equal(getattr(after, name)[:3], getattr(strays, name))
    assert looks.apply(both, look, 0.0) is both
    assert look.target is None
    wall = ball(20, centre=(0.0, 0.0, 0.0), radius=2.0)
    assert _bits(stylize(make(obj=both, context=wall)).look) == _bits(look)


def test_a_frozen_colour_stays_at_the_start(make):
    frozen, still = stylize(make(freeze="colour")), stylize(make(steps=0))
    assert frozen.stats["losses"] == []
    assert _bits(frozen.look) == _bits(still.look)


def test_a_frozen_colour_stays_in_the_geometry_stage_and_after_it(make):
    settings = {"geometry": 0.5, "geometry_steps": 6, "steps": 4}
    frozen = stylize(make(freeze="colour", **settings)).look
    still = stylize(make(steps=0)).look
    assert set(map(tuple, frozen.dc)) == set(map(tuple, still.dc))
    assert not np.array_equal(frozen.target["means"][: len(frozen.means)], frozen.means)


def test_a_form_that_the_prompt_names_is_given_before_the_geometry_stage(make, target):
    look = stylize(make("spiky gold", steps=1, geometry_steps=2, geometry=0.5)).look
    plain = stylize(make("spiky gold", steps=1, geometry_steps=2, geometry=0.5, start_form="none")).look
    assert len(look) > 1.2 * len(plain)
    grown = looks.apply(target, look, 1.0)
    size = np.linalg.norm(target.means, axis=1).max()
    assert np.linalg.norm(grown.means, axis=1).max() > 1.1 * size
    assert look.stats["form"] == "spikes"
    assert look.stats["start"]["from"] == "gold"
    by_hand = stylize(make("gold", steps=1, geometry_steps=2, geometry=None, start_form="spikes")).look
    assert by_hand.stats["form"] == "spikes"
    assert looks.apply(target, look, 0.0) is target


def test_outliers_can_be_left_alone_as_the_paper_does(make, target):
    strays = ball(12, degree=1, centre=(3.0, 0.0, 0.0), radius=0.6)
    look = stylize(make(obj=concatenate([target, strays]), outliers=True, steps=1)).look
    assert look.parent.max() < len(target)
    assert stylize(make(obj=concatenate([target, strays]), steps=1)).look.parent.max() >= len(target)


@pytest.mark.parametrize("cameras", [None, "away"])
def test_without_cameras_that_see_it_there_are_orbits(make, target, cameras):
    if cameras:
        cameras = orbit((np.array([50.0, 0.0, 0.0]), 0.2), 3, size=(64, 48))
    assert stylize(make(cameras=cameras, steps=1)).stats["views"] == 4


def test_progress_has_pictures_partial_results_and_an_end(make):
    seen = []
    stylize(make(), progress=seen.append)
    steps = [p.step for p in seen]
    assert steps == sorted(steps)
    assert (seen[-1].step, seen[-1].eta_s) == (100, 0)
    pictures = [p for p in seen if p.preview is not None]
    assert pictures[0].stage == "split"  # the material that is named, before the object is surveyed
    assert pictures[0].partial is None
    assert all(p.preview.dtype == np.uint8 and p.preview.shape == (48, 48, 3) for p in pictures)
    assert len(pictures[-1].partial().look) == pictures[-1].partial().stats["gaussians"]
    assert [p.loss is not None for p in seen if p.stage == "colours"].count(True) == 4


def test_where_no_word_names_a_material_the_object_itself_is_shown_first(make):
    seen = []
    stylize(make("qwertyuiop", steps=1), progress=seen.append)
    assert next(p for p in seen if p.preview is not None).stage == "rank"


def test_a_draft_neither_ranks_what_is_named_nor_builds_views_of_its_own(make, target):
    small = {"surface_views": 4, "surface_pixels": 48, "limit": 400, "bank": 32}
    request = make(preset="draft")
    overrides = {"model": request.overrides["model"], **small}
    stats = stylize(dataclasses.replace(request, overrides=overrides)).stats
    assert stats["start"] == {"from": "lava", "how": "name", "scores": {}} | {
        key: stats["start"][key] for key in ("scale", "luminance_keep")
    }
    assert stats["views"] == len(cameras_around(target, 4, 48))
    assert stats["judged_views"] <= 12


def test_the_first_run_of_a_judge_tells_how_long_its_words_take(make):
    first, again = [], []
    stylize(make(steps=1, bank=200), progress=first.append)
    stylize(make(steps=1, bank=200), progress=again.append)
    told = [p for p in first if p.stage == "encoding words, once"]
    assert told[-1].eta_s is not None
    assert not any(p.stage == "encoding words, once" for p in again)


def test_cancel_keeps_what_there_is(make):
    seen = []
    with pytest.raises(CancelledError) as caught:
        stylize(
            make(steps=50),
            progress=seen.append,
            cancelled=lambda: sum(p.loss is not None for p in seen) >= 2,
        )
    assert caught.value.partial.stats["steps"] == 3
    with pytest.raises(CancelledError) as caught:
        stylize(make(), cancelled=lambda: True)
    assert caught.value.partial is None


@pytest.mark.parametrize(
    ("geometry", "stop", "views"), [(0.0, 3, 4), (0.0, 2, 0), (0.5, 2, 4), (0.5, 7, 4), (0.5, 12, 4)]
)
def test_a_run_that_goes_on_ends_with_the_bits_of_one_that_was_never_broken_off(
    make, tmp_path, geometry, stop, views
):
    settings = {"steps": 5, "geometry": geometry, "geometry_steps": 12, "views": views}
    whole = stylize(make(**settings))
    path, seen = tmp_path / "run.safetensors", []
    with pytest.raises(CancelledError):
        stylize(
            make(**settings, checkpoint=path),
            progress=seen.append,
            cancelled=lambda: sum(p.loss is not None for p in seen) >= stop,
        )
    assert path.exists()
    resumed = stylize(make(**settings, checkpoint=path, resume=True))
    assert _bits(resumed.look) == _bits(whole.look)
    assert resumed.stats["losses"] == whole.stats["losses"]
    assert resumed.stats["terms"] == whole.stats["terms"]
    assert resumed.stats["judged_views"] == whole.stats["judged_views"]
    assert not path.exists()


def _broken_off(request):
    seen = []
    with pytest.raises(CancelledError):
        stylize(request, progress=seen.append, cancelled=lambda: any(p.loss is not None for p in seen))


def test_a_checkpoint_of_another_request_is_refused(make, tmp_path):
    path = tmp_path / "run.safetensors"
    _broken_off(make(checkpoint=path))
    for other in ({"prompt": "ice"}, {"seed": 1}, {"anchor": 3.0}, {"cameras": None}, {"obj": ball(91, 1)}):
        with pytest.raises(RequestError, match="another run"):
            stylize(make(**other, checkpoint=path, resume=True))
    stylize(make(seed=1, checkpoint=path))  # without resume it is written over


def test_a_damaged_checkpoint_is_said_to_be_one(make, tmp_path):
    path = tmp_path / "run.safetensors"
    _broken_off(make(checkpoint=path))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"\xff" * 64, b"\x80\x04K\x01."):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="checkpoint"):
            stylize(make(checkpoint=path, resume=True))


def _with_facts(tensors: bytes, facts: object) -> bytes:
    """A checkpoint with other facts."""
    return safetensors.torch.save(safetensors.torch.load(tensors), {"facts": json.dumps(facts)})


def test_facts_of_another_shape_are_damage_and_foreign_files_stay(make, tmp_path):
    path = tmp_path / "run.safetensors"
    _broken_off(make(checkpoint=path))
    whole = path.read_bytes()
    with safetensors.safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["facts"])
    changes = [{"batch": "4"}, {"batch": 10**9}, {"losses": 5}, {"terms": [1]}, {"colours": [1]}, {"more": 1}]
    damaged = [_with_facts(whole, facts | change) for change in changes]
    damaged += [_with_facts(whole, other) for other in ([1], 5, None, {"digest": facts["digest"]})]
    model = safetensors.torch.save({"weight": torch.ones(3)})
    for content in (*damaged, model, b"notes"):
        path.write_bytes(content)
        for resume in (True, False):  # nor is anything but a checkpoint written over
            with pytest.raises(FileError, match="no checkpoint"):
                stylize(make(checkpoint=path, resume=resume))
            assert path.read_bytes() == content
    with pytest.raises(FileError, match="device"):
        stylize(make(checkpoint=Path("/dev/null")))


def test_the_paper_s_loop_goes_on_too(make, tmp_path, judge_folder, target):
    def request(**more):
        return StylizeRequest(
            target,
            "lava",
            method="clip",
            preset="paper",
            overrides={"model": judge_folder, "batch": 3, "steps": 5},
            cameras=orbit(target, 5, size=(64, 48)),
            **more,
        )

    path, seen = tmp_path / "seed.safetensors", []
    with pytest.raises(CancelledError):
        stylize(request(checkpoint=path), progress=seen.append, cancelled=lambda: len(seen) > 3)
    resumed, whole = stylize(request(checkpoint=path, resume=True)), stylize(request())
    assert _bits(resumed.look) == _bits(whole.look)
    assert resumed.stats["losses"] == whole.stats["losses"]
    assert not path.exists()


def test_a_prompt_that_asks_for_another_shape_gets_one(make, target):
    result = stylize(make("spiky lava", geometry=None, geometry_steps=3))
    assert result.stats["geometry"] == 1.0
    assert {"geometry", "finish"} <= result.stats["stages"].keys()
    assert "means" in result.look.target
    assert np.abs(result.look.target["means"] - result.look.means).max() > 1e-4
    assert len(looks.apply(target, result.look, 1.0)) == len(result.look)


def test_without_a_prompt_the_method_says_so(make, tmp_path):
    picture = tmp_path / "style.png"
    request = StylizeRequest(make().target, "", method="clip", style_image=picture)
    with pytest.raises(RequestError, match="prompt"):
        stylize(request)


def test_the_regularisation_can_be_lpips_and_holds_the_object_back(make, data_dir, monkeypatch):
    pytest.importorskip("lpips")
    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    settings = {
        "start": "original",
        "regulariser": "lpips",
        "steps": 10,
        "rate": 0.02,
        "structure": 0,
        "anchor": 0,
    }

    def moved(factor):
        result = stylize(make(**settings, regularisation=factor))
        return np.abs(result.look.dc - result.look.dc0).mean(), result.stats["terms"]

    (free, without), (held, with_it) = moved(0.0), moved(30.0)
    assert "content" not in without
    assert with_it["content"][0] == pytest.approx(0, abs=1e-3)  # each view against itself
    assert held < 0.8 * free


def test_a_style_image_is_one_more_term(make, data_dir, monkeypatch):
    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    request = dataclasses.replace(make(steps=2), style_image=data_dir / "style_images" / "starry.jpg")
    terms = stylize(request).stats["terms"]
    assert len(terms["style"]) == 2
    assert 0 < terms["style"][0] < 2


def test_a_job_that_does_not_fit_judges_fewer_pictures_or_says_so(make, monkeypatch):
    plenty = stylize(make(steps=1)).stats["memory"]
    assert plenty["batch"] == plenty["wanted"] == 4
    monkeypatch.setenv("FT2OS_MEMORY", str(plenty["needed"] - 1000))
    stats = stylize(make(steps=1)).stats
    assert stats["batch"] == stats["memory"]["batch"] < 4
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    with pytest.raises(RequestError, match="memory"):
        stylize(make(steps=1))
