"""The method from a prompt to a look: real editors, real rounds, what is kept and how it goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ft2os import looks
from ft2os.cameras.camera import stack
from ft2os.cameras.orbit import orbit
from ft2os.errors import CancelledError, MissingError, RequestError
from ft2os.guidance import editors
from ft2os.guidance.editors import Flags
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.edit import consensus
from ft2os.stylize.edit.artist_views import write_views
from ft2os.tiles import render
from tests.scenes import ball

SMALL = {"views": 6, "pixels": 64, "limit": 1500, "refit": 0}
TARGET = ball(400, 1, radius=0.8)


def request(editor: object, **overrides) -> StylizeRequest:
    return StylizeRequest(
        target=TARGET,
        prompt="lava",
        object_name="ball",
        method="edit",
        overrides={**SMALL, "editor": str(editor), **overrides},
    )


def paint_green(folder: Path) -> None:
    """What an artist does: the object becomes green in every view, its background stays."""
    for path in folder.glob("view_*.png"):
        picture = np.asarray(Image.open(path).convert("RGB")).astype(np.float32)
        mask = np.asarray(Image.open(path.parent / "masks" / path.name))[..., None] / 255
        green = np.stack([0.2 * picture[..., 0], 0.4 * picture[..., 1] + 120, 0.2 * picture[..., 2]], -1)
        Image.fromarray((picture * (1 - mask) + green * mask).astype(np.uint8)).save(path)


class Black:
    """An editor whose pictures are all black."""

    name, title, flags = "comfyui", "Black", Flags()

    def edit(self, task, tick):
        return [np.zeros((64, 64, 3), np.float32) for _ in task.names]

    def close(self) -> None:
        """Nothing is held."""


class Noise(Black):
    """An editor that notes the views that it edits."""

    def __init__(self, edited: list[str]) -> None:
        self.edited = edited

    def edit(self, task, tick):
        self.edited += task.names
        return [np.random.default_rng(seed).random((64, 64, 3), np.float32) for seed in task.seeds]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of views in which everything was painted green."""
    write_views(TARGET, tmp_path / "views", views=6, pixels=96)
    paint_green(tmp_path / "views")
    return tmp_path / "views"


def seen(target, look, scale: float = 1.0) -> np.ndarray:
    """Colours of the pixels that the enlarged object fills, from two sides that nobody edited.  [P, 3]"""
    shown = looks.apply(target, look, 1.0)
    shown = shown.replace(means=shown.means * np.float32(scale), scales=shown.scales * np.float32(scale))
    cameras = orbit(shown, 2, (64, 64), 30.0, 30.0)
    drawn = render(shown, *stack(cameras), 64, 64)
    return drawn.rgb[drawn.alpha > 0.9]


def test_what_was_painted_into_a_folder_is_what_the_object_shows(folder):
    result = stylize(request(folder))
    colours = np.median(seen(TARGET, result.look), axis=0)
    assert colours[1] > 0.5
    assert colours[[0, 2]].max() < 0.2
    assert result.stats["editor"] == "folder"
    assert len(result.stats["rounds"]) == 1  # an artist does not edit by half
    assert result.stats["rounds"][0]["used"] == len(list(folder.glob("view_*.png")))


def test_the_views_of_a_folder_are_those_whose_memory_counts(folder):
    few, many = (stylize(request(folder, views=views)).stats["memory"]["needed"] for views in (3, 300))
    assert few == many


def test_fine_detail_keeps_the_colours_that_all_views_agree_about(folder):
    plain, fine = (seen(TARGET, stylize(request(folder, detail_bands=on)).look) for on in (False, True))
    np.testing.assert_allclose(fine.mean(axis=0), plain.mean(axis=0), atol=0.03)
    assert np.abs(fine - plain).max() > 0.01


def test_a_folder_of_another_object_is_refused(folder):
    elsewhere = TARGET.replace(means=TARGET.means + np.float32(40))
    with pytest.raises(RequestError, match="another object"):
        stylize(replace(request(folder), target=elsewhere))


def test_a_folder_goes_with_an_object_of_any_size(folder, tmp_path):
    tiny = TARGET.replace(means=TARGET.means * np.float32(1e-3), scales=TARGET.scales * np.float32(1e-3))
    write_views(tiny, tmp_path / "tiny", views=6, pixels=96)
    paint_green(tmp_path / "tiny")
    result = stylize(replace(request(tmp_path / "tiny"), target=tiny))
    assert np.median(seen(tiny, result.look, 1e3), axis=0).argmax() == 1


def test_pictures_of_something_else_are_an_error_that_says_so(folder):
    rng = np.random.default_rng(0)
    for path in folder.glob("view_*.png"):
        Image.fromarray(rng.integers(0, 255, (96, 96, 3), np.uint8)).save(path)
    with pytest.raises(RequestError, match="show the object"):
        stylize(request(folder))


class TestModel:
    """A tiny InstructPix2Pix with random weights: what it draws means nothing, and is always the same."""

    FREE = {"register": False, "group": 2, "editor_steps": 2, "editor_pixels": 32}

    @pytest.fixture(scope="class")
    def model(self, tmp_path_factory) -> Path:
        pytest.importorskip("diffusers")
        from tests import tiny_editors

        return tiny_editors.save(tiny_editors.instruct_pix2pix(), tmp_path_factory.mktemp("tiny") / "pix2pix")

    @pytest.fixture(scope="class")
    def whole(self, model):
        """An uninterrupted run."""
        return stylize(request(model, **self.FREE))

    def test_rounds_seeds_and_instruction(self, model, whole):
        assert [entry["strength"] for entry in whole.stats["rounds"]] == [1.0, 0.5]
        assert whole.stats["instruction"] == "Turn the ball into lava"
        again = stylize(request(model, **self.FREE))
        np.testing.assert_array_equal(again.look.dc, whole.look.dc)
        other = stylize(replace(request(model, **self.FREE), seed=5))
        assert np.abs(other.look.dc - whole.look.dc).max() > 0.01

    def test_a_later_round_is_corrected_as_far_as_the_first_disagreed(self, model, monkeypatch):
        hows, found = [], []

        def fit(views, edited, start, how, tick):
            hows.append(how)
            found.append(real(views, edited, start, how, tick))
            return found[-1]

        real = consensus.fit
        monkeypatch.setattr(consensus, "fit", fit)
        stylize(request(model, **self.FREE))
        assert found[0].disagreement > 0.5  # random weights agree about nothing
        assert [how.disagreement for how in hows] == [0.0, found[0].disagreement]

    def test_a_run_that_was_cancelled_goes_on_to_the_same_bits(self, model, whole, tmp_path):
        started = replace(request(model, **self.FREE), checkpoint=tmp_path / "run")
        stages = []

        def stop(progress) -> None:
            stages.append(progress.stage)

        with pytest.raises(CancelledError) as caught:
            stylize(started, progress=stop, cancelled=lambda: stages.count("edit 2") > 3)
        assert caught.value.partial is not None  # the first round's
        assert (tmp_path / "run").is_file()
        kept = sorted(path.name for path in (tmp_path / "run.edits/round_0").iterdir())
        assert len(kept) == len(list((tmp_path / "run.edits/round_0").iterdir())) >= 6
        resumed = stylize(replace(started, resume=True))
        np.testing.assert_array_equal(resumed.look.dc, whole.look.dc)
        assert not list(tmp_path.iterdir())  # a run that ended well leaves nothing

    def test_an_edit_that_was_corrected_by_hand_is_used(self, model, whole, tmp_path):
        kept = {**self.FREE, "edits": str(tmp_path / "edits")}
        first = stylize(request(model, **kept))
        np.testing.assert_array_equal(first.look.dc, whole.look.dc)
        for path in (tmp_path / "edits").glob("run_*/round_1/*"):
            Image.new("RGB", (64, 64), (255, 0, 0)).save(path)
        corrected = stylize(request(model, **kept))
        np.testing.assert_allclose(np.median(seen(TARGET, corrected.look), axis=0), [1, 0, 0], atol=0.05)

    def test_another_end_uses_the_edits_that_are_kept(self, model, tmp_path):
        kept = {**self.FREE, "strengths": [1.0], "edits": str(tmp_path)}
        first = stylize(request(model, **kept))
        crisp = stylize(request(model, **kept, detail_bands=True))
        assert len(list(tmp_path.iterdir())) == 1
        assert np.abs(first.look.dc - crisp.look.dc).max() > 0

    def test_another_seed_keeps_its_edits_beside(self, model, tmp_path):
        kept = {**self.FREE, "edits": str(tmp_path)}
        for seed in (0, 1):
            stylize(replace(request(model, **kept), seed=seed))
        assert len(list(tmp_path.glob("run_*/round_1"))) == 2

    def test_a_cancel_ends_within_a_step_of_the_editor(self, model):
        seen = []

        def cancelled() -> bool:
            return len(seen) > 0

        def note(progress) -> None:
            if progress.stage == "edit 1":
                seen.append(progress.step)

        with pytest.raises(CancelledError):
            stylize(request(model, **self.FREE), progress=note, cancelled=cancelled)
        assert len(seen) == 1

    def test_the_panel_sees_a_contact_sheet_grow(self, model):
        sheets = []

        def note(progress) -> None:
            if progress.stage == "edit 1" and progress.preview is not None:
                sheets.append(progress.preview)

        stylize(request(model, **self.FREE), progress=note)
        empty = [(sheet == sheet[0, 0]).all(axis=-1).mean() for sheet in sheets]
        assert len(sheets) >= 3
        assert empty[0] > empty[-1]

    def test_a_start_from_the_material_is_kept_a_part_of(self, model):
        """At full strength the editor begins from noise alone: what it starts from makes no difference."""
        one = {**self.FREE, "strengths": [1.0], "editor_steps": 4}
        started = stylize(request(model, **one, start="material"))
        assert started.stats["material"] == "lava"
        assert started.stats["rounds"][0]["strength"] < 1
        assert np.abs(started.look.dc - stylize(request(model, **one)).look.dc).max() > 0.01

    def test_the_papers_loop_edits_each_view_as_often_as_it_says(self, model, tmp_path):
        pytest.importorskip("lpips")
        small = {"editor_steps": 2, "editor_pixels": 32, "epochs": 4, "renewals": 2, "batch": 4, "lpips": 0.0}
        run = replace(request(model, **small, edits=str(tmp_path / "edits")), preset="paper", seed=1)
        result = stylize(run)
        rounds = {path.name: len(list(path.iterdir())) for path in (tmp_path / "edits").glob("run_*/round_*")}
        assert rounds == dict.fromkeys(("round_0", "round_1"), rounds["round_0"])
        assert len(result.stats["losses"]) == 4 * 2
        again = stylize(run)  # from the edits that are kept
        np.testing.assert_array_equal(again.look.dc, result.look.dc)


def test_the_papers_loop_says_so_where_no_edit_can_be_used(monkeypatch):
    """One view at a time, the door takes each broken edit for a gap."""
    pytest.importorskip("torch")
    monkeypatch.setattr(editors, "find", lambda name, options: Black())
    small = {"epochs": 2, "renewals": 1, "lpips": 0.0, "schedule": "one_view"}
    with pytest.raises(RequestError, match=r"None of \d+ edits by Black"):
        stylize(replace(request("comfyui", **small), preset="paper"))


def test_what_the_polish_lacks_is_said_before_anything_is_edited(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(editors, "find", lambda name, options: pytest.fail("the editor was looked for"))
    monkeypatch.setattr("ft2os.guidance.perceptual.find_features", lambda names: None)
    with pytest.raises(MissingError, match=r"AlexNet|lpips"):
        stylize(request("comfyui", polish=5))


def test_a_workflow_that_was_changed_edits_anew(monkeypatch, tmp_path):
    edited = []
    monkeypatch.setattr(editors, "find", lambda name, options: Noise(edited))
    flow, kept = tmp_path / "flow.json", {"edits": str(tmp_path / "edits"), "register": False}
    for text in ("{}", "{}", "{ }"):
        flow.write_text(text)
        stylize(request("comfyui", workflow=str(flow), **kept))
    assert len(edited) > 0
    assert len(edited) == 2 * len(set(edited))  # the second run found all it needs


def test_words_are_needed_unless_a_folder_edits(folder):
    with pytest.raises(RequestError, match="prompt is empty"):
        stylize(replace(request("comfyui"), prompt=""))
    assert stylize(replace(request(folder), prompt="")).look.name == "views"
