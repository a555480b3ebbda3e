"""Edits on the disk: read back to the bit, corrected by hand, and never anybody else's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ft2os.errors import FileError, RequestError
from ft2os.stylize.edit.kept import Edits

SIZE = (40, 48)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((*SIZE, 3), np.float32)


def filled(folder, rounds: int = 3) -> Edits:
    edits = Edits(folder, "run", resume=False)
    for round in range(rounds):
        for view in range(2):
            edits.put(round, f"view_{view:03d}", picture(10 * round + view))
    return edits


def test_what_is_read_back_is_what_was_fitted_to_the_bit(tmp_path):
    edits = Edits(tmp_path / "edits", "run", resume=False)
    fitted = edits.put(0, "view_000", picture(1))
    again = Edits(tmp_path / "edits", "run", resume=True).get(0, "view_000", SIZE)
    assert fitted.dtype == again.dtype == np.float32
    np.testing.assert_array_equal(fitted, again)
    assert np.abs(fitted - picture(1)).max() <= 0.5 / 255 + 1e-6


def test_without_a_folder_the_colours_are_the_same():
    kept = Edits(None, "run", resume=False)
    np.testing.assert_array_equal(
        np.rint(kept.put(0, "view_000", picture(1)) * 255) / 255, kept.put(0, "a", picture(1))
    )
    assert kept.get(0, "view_000", SIZE) is None


def test_a_correction_by_hand_is_used_and_what_followed_from_the_old_one_is_edited_anew(tmp_path):
    filled(tmp_path)
    by_hand = np.full((*SIZE, 3), 200, np.uint8)
    Image.fromarray(by_hand).save(tmp_path / "round_1/view_001.png")
    again = Edits(tmp_path, "run", resume=True)
    np.testing.assert_array_equal(again.get(1, "view_001", SIZE), by_hand.astype(np.float32) / 255)
    assert all(again.get(round, "view_000", SIZE) is not None for round in (0, 1))
    assert all(again.get(2, name, SIZE) is None for name in ("view_000", "view_001"))
    once_more = Edits(tmp_path, "run", resume=True)  # it is known by now
    np.testing.assert_array_equal(once_more.get(1, "view_001", SIZE), by_hand.astype(np.float32) / 255)


def test_what_was_corrected_by_hand_in_a_later_round_stays_beside_an_earlier_correction(tmp_path):
    filled(tmp_path, 2)
    by_hand = np.full((*SIZE, 3), 200, np.uint8)
    for name in ("round_0/view_001", "round_1/view_000"):
        Image.fromarray(by_hand).save(tmp_path / f"{name}.png")
    again = Edits(tmp_path, "run", resume=True)
    np.testing.assert_array_equal(again.get(1, "view_000", SIZE), by_hand.astype(np.float32) / 255)
    assert again.get(1, "view_001", SIZE) is None


def test_what_is_transparent_in_a_correction_is_the_grey_behind_the_object(tmp_path):
    filled(tmp_path, 1)
    by_hand = np.zeros((80, 96, 4), np.uint8)
    by_hand[:, :48] = 255
    Image.fromarray(by_hand).save(tmp_path / "round_0/view_000.png")
    corrected = Edits(tmp_path, "run", resume=True).get(0, "view_000", SIZE)
    np.testing.assert_allclose(corrected[:, 2:20], 1.0, atol=0.01)
    np.testing.assert_allclose(corrected[:, 28:-2], 0.5, atol=0.01)


def test_a_correction_of_another_size_is_brought_to_the_views(tmp_path):
    filled(tmp_path, 1)
    Image.new("RGB", (96, 80), (255, 0, 0)).save(tmp_path / "round_0/view_000.png")
    corrected = Edits(tmp_path, "run", resume=True).get(0, "view_000", SIZE)
    assert corrected.shape == (*SIZE, 3)
    np.testing.assert_allclose(corrected, np.broadcast_to([1.0, 0, 0], corrected.shape), atol=1e-3)


def test_a_picture_that_was_removed_is_edited_anew(tmp_path):
    filled(tmp_path, 2)
    (tmp_path / "round_0/view_000.png").unlink()
    again = Edits(tmp_path, "run", resume=True)
    assert again.get(0, "view_000", SIZE) is None
    assert again.get(0, "view_001", SIZE) is not None
    assert again.get(1, "view_001", SIZE) is None


def test_edits_of_another_run_are_refused_and_stay(tmp_path):
    filled(tmp_path, 1)
    with pytest.raises(RequestError, match="of another run"):
        Edits(tmp_path, "another", resume=True)
    assert Edits(tmp_path, "run", resume=True).get(0, "view_000", SIZE) is not None


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "round_0").mkdir()
    (tmp_path / "round_0/thesis.txt").write_text("years")
    with pytest.raises(RequestError, match="something else"):
        Edits(tmp_path, "run", resume=False)
    assert (tmp_path / "round_0/thesis.txt").read_text() == "years"


def test_a_new_run_takes_the_place_of_the_old_one(tmp_path):
    filled(tmp_path)
    assert Edits(tmp_path, "run", resume=False).get(0, "view_000", SIZE) is None
    assert not list(tmp_path.glob("round_*"))
    Edits(tmp_path, "another", resume=False)  # cancelled before its first edit, it can go on all the same
    Edits(tmp_path, "another", resume=True)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_edited(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileError):
        Edits(tmp_path / "file/edits", "run", resume=True)
    assert Edits(tmp_path / "new/edits", "run", resume=True).get(0, "view_000", SIZE) is None
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        json.dumps({"version": 1, "digest": "run", "edits": {"../../out": "0"}}),
        json.dumps({"version": 1, "digest": "run", "edits": {"round_0/../x": "0"}}),
        json.dumps({"version": 1, "digest": "run", "edits": {"round_x/view": "0"}}),
        json.dumps({"version": 1, "digest": "run", "edits": [1]}),
        json.dumps({"version": 2, "digest": "run", "edits": {}}),
        json.dumps({"digest": "run"}),
    ],
)
def test_a_damaged_index_is_refused(tmp_path, index):
    (tmp_path / "edits.json").write_text(index)
    with pytest.raises(FileError):
        Edits(tmp_path, "run", resume=True)


def test_removed_leaves_nothing_and_no_one_elses(tmp_path):
    folder = tmp_path / "edits"
    edits = filled(folder)
    edits.remove()
    assert not folder.exists()
    edits = filled(folder)
    (folder / "notes.txt").write_text("mine")
    edits.remove()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_picture_that_cannot_be_removed_is_no_error_once_the_look_is_there(tmp_path, monkeypatch):
    edits = filled(tmp_path, 1)

    def held(path, *args, **kwargs):
        raise PermissionError(13, "another program shows it", str(path))

    monkeypatch.setattr("shutil.rmtree", held)
    edits.remove()
