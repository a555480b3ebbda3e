"""The parts of the CLIP method one by one: crops, checkpoints, originals that are kept, where to start."""

from __future__ import annotations

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402

from ft2os.cameras import orbit  # noqa: E402
from ft2os.errors import CancelledError, FileError, MissingError, RequestError  # noqa: E402
from ft2os.guidance import perceptual, style_image  # noqa: E402
from ft2os.stylize import StylizeRequest, feature_match, stylize  # noqa: E402
from ft2os.stylize.clip import augment, checkpoint, settings, views  # noqa: E402
from ft2os.stylize.clip.about import CLIP  # noqa: E402
from ft2os.stylize.clip.content import Regularizer  # noqa: E402
from ft2os.stylize.clip.loaded import load  # noqa: E402
from ft2os.stylize.clip.start import Candidates, likely_brush  # noqa: E402
from ft2os.stylize.clip.style import Style  # noqa: E402
from ft2os.stylize.clip.unfinished import Unfinished  # noqa: E402
from tests import strokes, tiny_clip, tiny_vgg  # noqa: E402
from tests.colour_judge import ColourJudge  # noqa: E402
from tests.scenes import ball  # noqa: E402


def request(prompt: str = "russet", preset: str = "standard", **overrides) -> StylizeRequest:
    overrides = {"negatives": "any,thing"} | overrides
    return StylizeRequest(ball(90, 1, 2), prompt, method="clip", preset=preset, overrides=overrides)


def loaded(asked: StylizeRequest):
    return load(asked, CLIP.settings(asked.preset, asked.overrides), ColourJudge({}))


# Crops.


def test_a_homography_maps_the_square_onto_the_corners():
    corners = np.array([[-0.9, -0.8], [0.5, -1.0], [0.7, 0.9], [-0.6, 0.4]])
    square = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]])
    mapped = square @ augment.homography(corners).T
    np.testing.assert_allclose(mapped[:, :2] / mapped[:, 2:], corners, atol=1e-12)


def test_a_view_without_the_object_is_cropped_in_its_middle():
    masks = np.zeros((1, 20, 30), bool)
    _, (found,) = augment.windows(masks, 1, (0.25, 0.25), 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(found, np.diag([0.5, 0.5, 1.0]), atol=1e-12)


def test_crops_come_from_all_views_and_lie_on_the_object_within_the_picture():
    masks = np.zeros((2, 20, 20), bool)
    masks[0, 2, 17] = masks[1, 10, 6] = True
    sources, found = augment.windows(masks, 6, (0.04, 0.09), 0.0, np.random.default_rng(0))
    assert sorted(sources) == [0, 0, 0, 1, 1, 1]
    for source, matrix in zip(sources, found, strict=True):
        half = matrix[0, 0]
        assert 0.2 <= half <= 0.3
        place = [(0.75, -0.75), (-0.35, 0.05)][source]
        np.testing.assert_allclose(matrix[:2, 2], np.clip(place, half - 1, 1 - half), atol=1e-9)


def test_a_crop_of_everything_is_the_picture():
    images = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    whole = augment.crop(images, np.array([1, 0]), np.stack([np.eye(3)] * 2), 12)
    torch.testing.assert_close(whole, images.flip(0), atol=1e-5, rtol=0)


# Checkpoints.


def test_a_nested_state_comes_back_as_it_was():
    state = {
        "number": 4,
        "shape": {"raw": {"a": torch.ones(2)}, "parent": torch.arange(3)},
        "terms": {"nce": [1.0]},
        "empty": {},
    }
    tensors, facts = checkpoint.packed(state, "shape")
    assert set(tensors) == {"shape/shape/raw/a", "shape/shape/parent"}
    assert facts == {"shape": {"number": 4, "terms": {"nce": [1.0]}, "empty": {}}}
    kept = checkpoint.Kept(tensors | {"other/a": torch.zeros(1)}, facts)
    back = kept.state("shape")
    assert back["number"] == 4
    assert torch.equal(back["shape"]["raw"]["a"], torch.ones(2))
    assert torch.equal(back["shape"]["parent"], torch.arange(3))
    assert kept.state("finish") is None
    assert kept.part("other").keys() == {"a"}


def test_what_is_saved_is_loaded_and_no_file_is_none(tmp_path):
    place = tmp_path / "run.safetensors"
    assert checkpoint.load(place, "abc") is None
    checkpoint.check_place(place)
    facts = {"digest": "abc", "losses": [0.5, 1], "shape": {}}
    checkpoint.save(place, {"shape/a": torch.ones(2, requires_grad=True)}, facts)
    checkpoint.check_place(place)
    kept = checkpoint.load(place, "abc")
    assert kept.facts == facts
    assert torch.equal(kept.tensors["shape/a"], torch.ones(2))
    with pytest.raises(RequestError, match="another run"):
        checkpoint.load(place, "abd")


FAST = {"digest": "a", "losses": [], "batch": 4, "choice": {}, "terms": {"nce": [1]}, "colours": [1, 2]}


@pytest.mark.parametrize(
    "change",
    [{}, {"batch": 1}, {"batch": 9999}, {"finish": [0, 0]}, {"losses": [1.5]}, {"terms": {}}, {"shape": {}}],
)
def test_facts_that_a_run_writes_are_accepted(tmp_path, change):
    checkpoint.save(tmp_path / "run", {}, FAST | change)
    assert checkpoint.load(tmp_path / "run", "a").facts == FAST | change


@pytest.mark.parametrize(
    "change",
    [
        {"digest": 5}, {"batch": 0}, {"batch": 10_000}, {"batch": True}, {"batch": 4.0}, {"choice": []},
        {"shape": []}, {"losses": ["1"]}, {"losses": {}}, {"terms": {"nce": 1}}, {"terms": {"nce": ["1"]}},
        {"colours": [1]}, {"colours": [1, 2, 3]}, {"colours": [1.0, 2]}, {"finish": [1]}, {"finish": "ab"},
        {"unknown": 1},
    ],
)  # fmt: skip
def test_facts_that_no_run_writes_are_refused(tmp_path, change):
    checkpoint.save(tmp_path / "run", {}, FAST | change)
    with pytest.raises(FileError, match="no checkpoint"):
        checkpoint.load(tmp_path / "run", "a")


@pytest.mark.parametrize("lacking", FAST)
def test_facts_that_are_not_there_are_missed(tmp_path, lacking):
    checkpoint.save(tmp_path / "run", {}, {name: value for name, value in FAST.items() if name != lacking})
    with pytest.raises(FileError, match="no checkpoint"):
        checkpoint.load(tmp_path / "run", "a")


def test_a_digest_is_of_everything_that_decides_the_result(tmp_path):
    asked, cameras = request(), orbit(ball(5), 3, size=(40, 30))
    picture = tmp_path / "style.png"
    picture.write_bytes(b"a picture")
    turned = ball(90, 1, 2).replace(quats=-ball(90, 1, 2).quats)
    others = [
        {"target": turned}, {"context": ball(9)}, {"prompt": "rust"}, {"object_name": "ball"}, {"seed": 1},
        {"preset": "high"}, {"cameras": cameras}, {"cameras": cameras[:2]}, {"style_image": picture},
    ]  # fmt: skip

    def of(judge: str = "one", **fields) -> str:
        changed = StylizeRequest(**{**vars(asked), **fields})
        return checkpoint.digest(changed, CLIP.settings("standard", asked.overrides), judge)

    found = [of(), of("two"), *(of(**other) for other in others)]
    found.append(checkpoint.digest(asked, CLIP.settings("standard", {"nce": 2.0}), "one"))
    assert len(set(found)) == len(found)
    assert of() == found[0]


def test_nothing_is_written_before_there_is_something_to_keep(tmp_path):
    unfinished = Unfinished({"digest": "a", "batch": 4})
    unfinished.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    unfinished.keep("start", lambda: ({}, {"choice": {}, "losses": [], "terms": {}}))
    unfinished.keep("colours", lambda: ({"colours/start": torch.ones(1)}, {"colours": [1, 2]}))
    unfinished.keep("colours", lambda: ({"colours/start": torch.zeros(1)}, {"colours": [3, 4]}))
    unfinished.save(tmp_path / "run")
    kept = checkpoint.load(tmp_path / "run", "a")
    assert kept.facts["colours"] == [3, 4]
    assert not kept.tensors["colours/start"].any()


def test_the_papers_run_that_has_not_begun_leaves_no_checkpoint(tmp_path):
    place = tmp_path / "run.safetensors"
    judge = str(tiny_clip.write(tmp_path / "judge"))
    asked = StylizeRequest(
        ball(40), "lava", method="clip", preset="paper", overrides={"model": judge}, checkpoint=place
    )
    seen = []
    with pytest.raises(CancelledError):
        stylize(asked, progress=seen.append, cancelled=lambda: bool(seen))
    assert [step.stage for step in seen] == ["views"]
    assert not place.exists()


# Originals that are kept.


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tiny_vgg.write(tmp_path)))


def test_a_picture_is_as_far_from_its_original_as_vgg_says_at_the_reduced_size(vgg):
    shared = CLIP.settings("standard", {"regularisation": 3.0})
    generator = torch.Generator().manual_seed(0)
    originals, images = torch.rand(2, 2, 3, 48, 48, generator=generator)
    reduced = Regularizer(shared, "cpu", 32)
    assert not reduced.knows(7)
    for index, original in zip((7, 4), originals, strict=True):
        reduced.keep(index, original[None])
    assert reduced.knows(7)
    assert not reduced.knows(5)

    def small(pictures):
        return F.interpolate(pictures, (32, 32), mode="bilinear", antialias=True)

    network = perceptual.load_vgg()
    with torch.no_grad():
        wanted = 3 * F.mse_loss(network(small(images)), network(small(originals)))
        swapped = 3 * F.mse_loss(network(small(images)), network(small(originals.flip(0))))
        assert float(reduced(images, [7, 4])) == pytest.approx(float(wanted), rel=2e-3)
        assert float(reduced(images, [4, 7])) == pytest.approx(float(swapped), rel=2e-3)
        whole, at_32 = (Regularizer(shared, "cpu", pixels) for pixels in (None, 48))
        for each in (whole, at_32):
            each.keep(0, originals[:1])
        assert float(whole(images[:1], [0])) == float(at_32(images[:1], [0]))  # nothing to reduce


def test_originals_are_compared_at_160_pixels_by_the_fast_method(vgg):
    found = loaded(request(regularisation=2.0))
    known = Regularizer(found.settings, "cpu", 160)
    first, then = torch.rand(2, 1, 3, 200, 200, generator=torch.Generator().manual_seed(0))
    distances = []
    for each in (found.regularizer, known):
        each.keep(0, first)
        with torch.no_grad():
            distances.append(each(then, [0]).item())
    assert distances[0] == distances[1] > 0


def test_a_style_is_what_feature_matching_sees_at_192_pixels(vgg, tmp_path):
    path = strokes.write(tmp_path / "stars.png")
    generator = torch.Generator().manual_seed(0)
    images, masks = torch.rand(2, 3, 96, 96, generator=generator), torch.zeros(2, 1, 96, 96)
    masks[:, :, 20:70, 10:80] = 1
    matcher = feature_match.Matcher(perceptual.load_vgg(), [style_image.load(path, 512)], seed=6)
    small, inside = (F.interpolate(x, (192, 192), mode="bilinear", antialias=True) for x in (images, masks))
    with torch.no_grad():
        found, wanted = Style(path, 6, "cpu")(images, masks), matcher.matching_loss(small, inside)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert 0 < found.item() < 2


def test_without_torch_the_weights_are_said_to_be_out_of_reach(monkeypatch):
    monkeypatch.setitem(sys.modules, "ft2os.guidance.perceptual", None)
    with pytest.raises(MissingError, match="torch, which is not installed"):
        feature_match.weights("A style image")


# What a run has before it begins, and where it starts.


@pytest.mark.parametrize(
    ("prompt", "overrides", "form", "strength"),
    [
        ("russet", {}, None, 0.0),
        ("spiky russet", {}, "spikes", 1.0),
        ("spiky russet", {"geometry": 0.0}, "spikes", 0.0),
        ("bumpy russet", {}, None, 0.4),
        ("furry russet", {"start_form": "none"}, None, 0.6),
        ("russet", {"start_form": "fur"}, "fur", 0.4),
        ("melting russet", {"start_form": "fur"}, "fur", 0.8),
        ("russet", {"geometry": 0.3}, None, 0.3),
    ],
)
def test_the_geometry_stage_goes_as_far_as_words_and_settings_ask(prompt, overrides, form, strength):
    found = loaded(request(prompt, **overrides))
    assert (found.form.form, found.strength) == (form, strength)


def test_a_run_keeps_the_batch_that_fits_and_knows_the_side_of_its_views():
    found = loaded(request(batch=5))
    assert (found.settings.batch, found.fit.wanted, found.pixels) == (5, 5, 20)  # 1.25 × 16
    assert loaded(request(oversample=0.25)).pixels == 16
    assert (found.kept, found.regularizer, found.style) == (None, None, None)


@pytest.mark.parametrize(
    ("candidates", "material"),
    [
        (Candidates([], "original"), None),
        (Candidates(["ice"], "ranked"), None),
        (Candidates(["ice", "lava"], "similar"), "ice"),
    ],
)
def test_what_will_likely_be_the_start_is_what_words_name(candidates, material):
    asked = request(scale=2.3, luminance_keep=0.25)
    brush = likely_brush(candidates, asked, CLIP.settings("standard", asked.overrides))
    assert (brush.material.name if brush else None) == material
    if brush:
        assert (brush.scale, brush.luminance_keep, brush.seed) == (2.3, 0.25, 0)


def test_a_start_must_exist_and_crops_have_a_least_and_a_largest_area():
    for overrides in ({"start": "unobtainium"}, {"crop_low": 0.6}, {"negatives": ""}):
        with pytest.raises(RequestError):
            CLIP.settings("standard", overrides)
    with pytest.raises(RequestError, match="frozen"):
        CLIP.settings("standard", {"freeze": ",".join(settings.RATES)})
    assert CLIP.settings("standard", {"crop_low": 0.5, "crop_high": 0.5}).crop_low == 0.5


def test_steps_of_the_later_stages_follow_those_of_the_first():
    ours = CLIP.settings("standard", {"steps": 30, "geometry_steps": 50})
    assert (ours.steps_of_geometry(1.0), ours.steps_of_geometry(0.5), ours.steps_of_geometry(0.0)) == (
        50,
        25,
        1,
    )
    assert ours.finishing_steps == 8
    assert CLIP.settings("standard", {"steps": 0}).finishing_steps == 1


def test_cameras_of_a_share_look_from_far_apart_and_those_that_see_nothing_are_passed_over():
    g = ball(200)
    away = orbit((np.array([50.0, 0.0, 0.0]), 0.2), 6, size=(64, 48))
    seeing = orbit(g, 12, size=(64, 48))
    chosen = views.training_cameras(g, [*away, *seeing], 4, 32, 1.0, np.random.default_rng(0))
    assert len(chosen) == 4
    places = np.stack([camera.position for camera in chosen])
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    assert (places @ places.T - 2 * np.eye(4)).max() < 0.2  # a quarter turn between any two
    every = views.training_cameras(g, seeing[:2], 5, 32, 1.0, np.random.default_rng(0))
    assert [camera.name[:6] for camera in every] == ["orbit_", "orbit_", *["around"] * 3]
    assert {(camera.width, camera.height) for camera in every} == {(32, 32)}
