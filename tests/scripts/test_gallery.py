"""The gallery on a tiny list: a picture, a caption and figures that are true, and a rerun in parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ft2os import looks
from scripts import gallery
from scripts.gallery_page import CAPTION, Entry

BALL = gallery.Subject(
    "ball", "The ball", gallery.DEMO, "ball", (0, 16, 24, 40), 2.0, "CC0", ("gold", "jade")
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of two pictures."""
    folder = tmp_path_factory.mktemp("gallery")
    gallery.main(["--out", str(folder)], (BALL,))
    return folder


def read(folder: Path) -> list[dict]:
    return json.loads((folder / "figures.json").read_text())


def test_every_entry_has_a_sheet_figures_and_a_place_on_the_page(made: Path) -> None:
    page = (made / "README.md").read_text()
    entries = read(made)
    assert [e["key"] for e in entries] == ["ball/gold", "ball/jade"]
    for entry in entries:
        with Image.open(made / entry["file"]) as sheet:
            assert sheet.size == (4 * gallery.SIDE, 2 * gallery.SIDE + CAPTION)
        assert (made / entry["file"]).stat().st_size < 150_000
        assert entry["file"] in page
        assert Entry(**entry).numbers() in page
        assert entry["gaussians"] == 2436  # the demo scene's own README
        assert 0 < entry["seconds"] < 300
        assert entry["clipped"] < 1e-3
        assert entry["spill_db"] is None or entry["spill_db"] > 60


def test_the_sheet_shows_the_object_changed_and_its_scene_unchanged(made: Path) -> None:
    with Image.open(made / "ball_gold.jpg") as image:
        sheet = np.asarray(image, np.float32) / 255
    side = gallery.SIDE
    before, after = sheet[:side, :side], sheet[side : 2 * side, :side]
    changed = np.abs(before - after).mean(axis=-1)
    middle = slice(side * 2 // 5, side * 3 // 5)
    assert changed[middle, middle].mean() > 0.1
    assert np.median(changed[:20]) < 0.02  # JPEG's own noise
    red, _, blue = after[middle, middle].reshape(-1, 3).mean(axis=0)
    assert red > blue + 0.2  # gold


def test_a_rerun_of_one_entry_keeps_the_others(made: Path) -> None:
    before = {e["key"]: e for e in read(made)}
    stamp = (made / "ball_jade.jpg").stat().st_mtime_ns
    picture = (made / "ball_gold.jpg").read_bytes()
    gallery.main(["--out", str(made), "--only", "ball/gold"], (BALL,))
    after = {e["key"]: e for e in read(made)}
    assert (made / "ball_jade.jpg").stat().st_mtime_ns == stamp
    assert after["ball/jade"] == before["ball/jade"]
    timeless = {k: v for k, v in after["ball/gold"].items() if "seconds" not in k}
    assert timeless == {k: v for k, v in before["ball/gold"].items() if "seconds" not in k}
    assert len((made / "ball_gold.jpg").read_bytes()) == pytest.approx(len(picture), abs=200)  # but its time


def test_figures_tell_a_look_that_spills_and_blows_out() -> None:
    stage = gallery.Stage(BALL)
    count = len(stage.target)
    white = looks.Look(
        parent=np.arange(count, dtype=np.int32),
        dc=np.full((count, 3), 3.0, np.float32),
        dc0=None,
        means=stage.target.means,
        quats=stage.target.quats,
        scales=stage.target.scales,
        opacities=stage.target.opacities,
        method="material",
    )
    after = stage.draw(looks.apply(stage.target, white, 1.0))
    entry = stage.entry("white", white, (1.0, 1.0), after)
    assert entry.clipped > 0.9
    assert entry.spill_db is None or entry.spill_db > 60
    spilt = after.copy()
    spilt[:, :40] += 0.1
    assert stage.entry("white", white, (1.0, 1.0), spilt).spill_db < 40
    same = stage.entry("white", white, (1.0, 1.0), stage.before)
    assert same.ssim == pytest.approx(1, abs=1e-3)
    assert same.spill_db is None


def test_what_this_machine_lacks_is_left_out(tmp_path: Path) -> None:
    absent = gallery.Subject("x", "X", tmp_path / "no.ply", "x", (0, 1, 2, 3), 2.0, "", ("gold",))
    gallery.main(["--out", str(tmp_path)], (absent,))
    assert read(tmp_path) == []
    assert not gallery.at_hand(BALL, "@no_such_picture")


def test_the_list_is_what_was_promised() -> None:
    plain = {
        s.key: [t for t in s.entries if not t.startswith("@") and not t.endswith("!")]
        for s in gallery.SUBJECTS
    }
    assert sum(len(set(prompts)) >= 8 for prompts in plain.values()) >= 3
    files = [f"{s.key}_{gallery.slug(t)}" for s in gallery.SUBJECTS for t in s.entries]
    assert len(files) == len(set(files))
