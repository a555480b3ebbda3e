"""How much may be asked for: the last that is taken and the first that is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ft2os import budget
from ft2os.cameras.camera import check_count
from ft2os.errors import FileError
from ft2os.formats import grouping, load_scene
from ft2os.strict_json import read_json, to_json
from tests.scenes import ball, write_ply


def test_a_count_is_within_its_bounds() -> None:
    for count in (0, 7):
        budget.check(count, 7, "things")
    for count in (-1, 8):
        with pytest.raises(ValueError, match="things"):
            budget.check(count, 7, "things")


@pytest.mark.parametrize(
    ("degree", "size", "most"),
    [
        (0, 1, (1 << 20) // 56),  # a mebibyte is never too much; 14 numbers of 4 bytes each
        (3, 1, (1 << 20) // 236),
        (0, 100_000, 10_000_000 // 56),  # a hundred times the file's bytes
        (2, 1_000_000, 100_000_000 // 152),
    ],
)
def test_gaussians_fit_their_file(degree: int, size: int, most: int) -> None:
    budget.check_gaussians(most, degree, size)
    with pytest.raises(ValueError, match="claims"):
        budget.check_gaussians(most + 1, degree, size)


def test_a_scene_has_a_gaussian() -> None:
    budget.check_gaussians(1, 4, 1)
    for count in (0, -1):
        with pytest.raises(ValueError, match="holds"):
            budget.check_gaussians(count, 0, 1)


def test_memory_is_asked_for_from_a_quarter_of_a_gibibyte(monkeypatch) -> None:
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    budget.check_memory(256 << 20, "A scene")
    with pytest.raises(FileError, match=r"A scene needs 0\.3 GB"):
        budget.check_memory((256 << 20) + 1, "A scene")
    with pytest.raises(FileError, match="A scene of 5,000,000"):
        budget.check_gaussians(5_000_000, 0, 10**8)
    monkeypatch.setenv("FT2OS_MEMORY", str(300 << 20))
    budget.check_memory(300 << 20, "A scene")
    with pytest.raises(FileError):
        budget.check_memory((300 << 20) + 1, "A scene")


def test_twenty_thousand_cameras_are_read(tmp_path: Path) -> None:
    check_count(20_000, tmp_path)
    with pytest.raises(FileError, match="20,001 cameras"):
        check_count(20_001, tmp_path)


def test_a_description_has_no_more_than_a_million_entries(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b"1," * ((1 << 20) - 1) + b"1]")
    assert len(read_json(path)) == 1 << 20
    path.write_bytes(b"[[" + b"1," * ((1 << 20) - 1) + b"1]]")
    with pytest.raises(FileError, match="1,048,577 entries"):
        read_json(path)
    path.write_bytes(b"[" + b" " * ((16 << 20) - 2) + b"]")
    assert read_json(path) == []
    path.write_bytes(b"[" + b" " * ((16 << 20) - 1) + b"]")
    with pytest.raises(FileError, match="16,777,217 bytes"):
        read_json(path)


def test_names_are_as_long_and_as_many_as_a_scene_has(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", ball(3))
    names = {str(i): "n" for i in range(65_536)} | {"5": "x" * 1500, "6": 2.5}
    (tmp_path / "labels.json").write_text(json.dumps(names))
    labels = load_scene(tmp_path / "a.ply").labels
    assert (len(labels), labels[5], labels[6]) == (65_536, "x" * 1000, "2.5")
    (tmp_path / "labels.json").write_text(json.dumps(names | {"65536": "n"}))
    with pytest.raises(FileError, match="65,537 names"):
        load_scene(tmp_path / "a.ply")


def test_settings_have_no_more_than_a_page_of_text(tmp_path: Path) -> None:
    path = tmp_path / "cfg_args"
    text = "Namespace(a=1, b='two', c=[3, None])"
    path.write_text(text.ljust(64 << 10))
    assert grouping.read_cfg_args(path) == {"a": 1, "b": "two", "c": [3, None]}
    path.write_text(text.ljust((64 << 10) + 1))
    with pytest.raises(FileError, match="65,537 bytes"):
        grouping.read_cfg_args(path)


@pytest.mark.parametrize(("faces", "taken"), [(10_000, True), (10_001, False)])
def test_a_scene_has_few_lists(tmp_path: Path, faces: int, taken: bool) -> None:
    write_ply(tmp_path / "a.ply", ball(3))
    more = b"element face %d\nproperty list uchar int corners\nend_header\n" % faces
    content = (tmp_path / "a.ply").read_bytes().replace(b"end_header\n", more) + bytes(faces)
    (tmp_path / "a.ply").write_bytes(content)
    if taken:
        assert len(load_scene(tmp_path / "a.ply").gaussians) == 3
    else:
        with pytest.raises(FileError, match="10,001 lists"):
            load_scene(tmp_path / "a.ply")


def test_values_become_jsons_own() -> None:
    given = {1: np.float32(0.5), "a": (np.arange(2), float("nan")), "b": [np.inf, None, True, Path("x")]}
    assert to_json(given) == {"1": 0.5, "a": [[0, 1], None], "b": [None, None, True, "x"]}


def test_json_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    for data in (b"{", b"\xff", b"[" * 100_000):
        (tmp_path / "a.json").write_bytes(data)
        with pytest.raises(FileError, match=r"a\.json is no JSON"):
            read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b'"\\UD800"'.replace(b"U", b"u"))
    assert read_json(tmp_path / "a.json") == "\ufffd"
