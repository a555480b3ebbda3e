"""Broken and hostile scene files: one sentence that says what is wrong, one that says what to do."""

from __future__ import annotations

import errno
import pickle
import sys
import zipfile

import numpy as np
import pytest

from ft2os.cameras import load_cameras
from ft2os.errors import FileError, InvalidValuesError, RequestError
from ft2os.files import write_error
from ft2os.formats import load_scene, save_scene
from tests.scenes import two_groups, write_ply


@pytest.fixture
def ply(tmp_path):
    path = tmp_path / "scene.ply"
    write_ply(path, two_groups())
    return path


def refused(path, words: str) -> None:
    """Loading fails with these words and with a hint."""
    with pytest.raises(FileError, match=words) as caught:
        load_scene(path)
    assert caught.value.hint.endswith(".")
    assert "\n" not in str(caught.value)


def header_says(path, count: str) -> None:
    path.write_bytes(path.read_bytes().replace(b"element vertex 230", b"element vertex " + count.encode(), 1))


def test_a_file_that_is_cut_short(ply):
    ply.write_bytes(ply.read_bytes()[:-1])
    refused(ply, "cut short")


@pytest.mark.parametrize("count", ["231", "999999999999", "9" * 33])
def test_a_header_that_promises_more_than_the_file_holds(ply, count):
    header_says(ply, count)
    refused(ply, "cut short: its header promises")


def test_a_header_that_makes_no_sense(ply):
    header_says(ply, "-5")
    refused(ply, "makes no sense")
    ply.write_bytes(ply.read_bytes()[:100])
    refused(ply, "header has no end")


def test_no_gaussians(ply):
    header_says(ply, "0")
    refused(ply, "holds 0 Gaussians")


@pytest.mark.parametrize("name", ["x", "f_dc_1", "opacity", "scale_2", "rot_3"])
def test_a_missing_property_is_named(ply, name):
    ply.write_bytes(ply.read_bytes().replace(f" {name}\n".encode(), f" {'q' * len(name)}\n".encode(), 1))
    refused(ply, f"no property {name}")


@pytest.mark.parametrize("text", ["", "milk\nbread\n", "plywood\n"])
def test_a_text_file_that_is_called_ply(ply, text):
    ply.write_text(text)
    refused(ply, "not a PLY file")


def test_an_empty_path_is_not_the_current_folder(ply, monkeypatch):
    monkeypatch.chdir(ply.parent)
    refused("", "No file was named")


def test_a_name_that_no_file_can_have(tmp_path):
    refused(tmp_path / f"{'a' * 400}.ply", "too long")


@pytest.mark.parametrize(
    ("column", "value"), [("y", np.nan), ("opacity", np.inf), ("f_dc_0", -np.inf), ("f_rest_3", np.nan)]
)
def test_values_that_are_no_numbers_are_counted_and_can_be_left_out(ply, column, value):
    gaussians = two_groups()
    rows = write_ply(ply, gaussians)
    bad = rows[column].copy()
    bad[[3, 8]] = value
    write_ply(ply, gaussians, change={column: bad})
    with pytest.raises(InvalidValuesError, match=r"^2 of the 230 Gaussians") as caught:
        load_scene(ply)
    assert caught.value.count == 2
    assert "--drop-invalid" in caught.value.hint
    kept = load_scene(ply, drop_invalid=True).gaussians
    np.testing.assert_array_equal(kept.row, np.delete(np.arange(230), [3, 8]))


@pytest.fixture
def classifier(ply):
    """Where the classifier of a Gaussian Grouping scene lies; the scene itself is ``classifier.parent``."""
    gaussians = two_groups()
    identity = np.random.default_rng(0).normal(size=(len(gaussians), 16)).astype(np.float32)
    write_ply(ply, gaussians.replace(group=None, identity=identity))
    return ply.with_name("classifier.pth")


@pytest.mark.parametrize("classes", [0, 3])
def test_a_classifier_of_another_shape(classifier, ply, classes):
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(classes, 16 + classes, 1, 1), "bias": torch.zeros(classes)}, classifier)
    refused(ply, "not Gaussian Grouping's classifier")


def test_a_classifier_that_would_run_something(classifier, ply, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    with zipfile.ZipFile(classifier, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": Evil()}))
    refused(ply, "which no state_dict needs")
    classifier.write_bytes(pickle.dumps(Evil()))
    refused(ply, "not a plain PyTorch checkpoint")
    assert not (tmp_path / "ran").exists()


def test_a_classifier_that_unpacks_to_far_more(classifier, ply):
    with zipfile.ZipFile(classifier, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 22))
    refused(ply, "claims 4,194,304 bytes")


POSE = '"position": [0, 0, 0], "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "fx": 9, "fy": 9'


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "null",
        "[1]",
        "[{}]",
        "[" * 99999,
        f'[{{"width": NaN, "height": 9, {POSE}}}]',
        f'[{{"width": 1e400, "height": 9, {POSE}}}]',
        f'[{{"width": 0, "height": 9, {POSE}}}]',
        f'[{{"width": 9, "height": 9, {POSE.replace("[0, 0, 1]", "[0, 0, 0]")}}}]',
        f'[{{"width": 9, "height": 9, {POSE.replace("[0, 0, 0]", "[0, NaN, 0]")}}}]',
    ],
)
def test_cameras_that_are_none_cost_a_warning(ply, text, caplog):
    ply.with_name("cameras.json").write_text(text)
    assert load_scene(ply).cameras == []
    assert "without its cameras" in caplog.text
    with pytest.raises(FileError, match=r"ameras?\.json|of cameras\.json"):
        load_cameras(ply.with_name("cameras.json"))


@pytest.mark.parametrize("text", ["garbage", "[]", '{"x": "y"}', "[" * 99999])
def test_labels_that_are_none(ply, text):
    ply.with_name("labels.json").write_text(text)
    refused(ply, "does not hold group names")


@pytest.mark.parametrize(
    "text", ["", "import os", "Namespace(a=open('ran', 'w'))", "Namespace(a=" + "(" * 9999]
)
def test_settings_that_are_none_cost_a_warning_and_run_nothing(ply, text, monkeypatch, caplog):
    monkeypatch.chdir(ply.parent)
    ply.with_name("cfg_args").write_text(text)
    assert load_scene(ply).settings == {}
    assert "cfg_args cannot be understood" in caplog.text
    assert not ply.with_name("ran").exists()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.splat", b"", "is empty"),
        ("a.ksplat", b"", "is empty"),
        ("a.ksplat", bytes(9), "cut short"),
        ("a.spz", b"", "cut short"),
        ("a.spz", b"NGSP", "cut short"),
    ],
)
def test_hardly_any_bytes_are_called_what_they_are(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, words)


def test_a_name_without_ending_is_not_written(tmp_path, ply):
    with pytest.raises(RequestError, match="has no ending"):
        save_scene(tmp_path / "scene", load_scene(ply).gaussians)


def test_windows_says_why_a_source_cannot_be_replaced(ply, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    refusal = PermissionError(errno.EACCES, "Access is denied")
    assert "another name" in write_error(ply, refusal).hint
    assert "another name" not in write_error(ply.with_name("new.ply"), refusal).hint
