"""What a file may ask for is told from its bytes: bombs are refused at once, and reading can be stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import load_cameras, orbit, save_cameras
from ft2os.errors import CancelledError, FileError, InvalidValuesError
from ft2os.formats import grouping, load_scene, registry, save_scene
from tests.costs import MB, cost
from tests.formats import ksplat
from tests.formats.bombs import bombs
from tests.scenes import ball, two_groups, write_ply

pytest.importorskip("PIL")

REFUSE_ALL = """
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/*")):
    began = time.perf_counter()
    try:
        fuzz.read(path)
    except _Ft2osError as error:
        assert error.hint and len(str(error)) < 1000 and "\\n" not in str(error), (path, str(error))
    else:
        raise AssertionError(f"{path.parent.name} was taken")
    seconds = time.perf_counter() - began
    assert seconds < 1, f"{path.parent.name} took {seconds:.1f} s"
raise _Ft2osError("all were refused")
"""


def test_every_bomb_is_refused_at_once(tmp_path: Path) -> None:
    for i, (what, name, data) in enumerate(bombs()):
        folder = tmp_path / f"{i} {what}"
        folder.mkdir()
        (folder / name).write_bytes(data)
    spent = cost(REFUSE_ALL, tmp_path, imports="import pathlib; from tests.formats import fuzz")
    spent.refused(seconds=60, extra=200 * MB)


def _scene(path: Path, ending: str) -> Path:
    """A scene of two pieces at least."""
    gaussians = ball(20_000, degree=0)
    if ending == "ply" or ending == "text":
        write_ply(path / "a.ply", gaussians, text=ending == "text")
        return path / "a.ply"
    if ending == "ksplat":
        (path / "a.ksplat").write_bytes(ksplat.encode(gaussians, 1))
        return path / "a.ksplat"
    if not registry.by_name(Path(f"a.{ending}")).writable():
        pytest.skip(f"{ending} is not written here")
    save_scene(path / f"a.{ending}", gaussians)
    return path / f"a.{ending}"


ENDINGS = ["text", *(f.endings[0].removeprefix(".") for f in registry.FORMATS)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_reading_can_be_stopped_on_its_way(tmp_path: Path, ending: str) -> None:
    file = _scene(tmp_path, ending)
    seen = []

    def progress(stage: str, step: int, total: int) -> None:
        seen.append(stage)
        if seen.count("reading") == 3:
            raise CancelledError

    with pytest.raises(CancelledError):
        load_scene(file, progress=progress)
    assert set(seen) == {"reading"}
    assert len(load_scene(file).gaussians) == 20_000


def test_what_lies_beside_a_scene_can_be_stopped_too(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", ball(9))
    save_cameras(tmp_path / "cameras.json", orbit(ball(9), 3))
    calls = []

    def progress(stage: str, step: int, total: int) -> None:
        calls.append(stage)
        if calls.count("finding groups") == 3:
            raise CancelledError

    with pytest.raises(CancelledError):
        load_scene(tmp_path / "a.ply", progress=progress)


def test_groups_of_many_classes_take_little_memory() -> None:
    code = """
n, classes = 20_000, 4096
rng = np.random.default_rng(0)
weight, bias = np.zeros((classes, 16), np.float32), np.zeros(classes, np.float32)
group = grouping.classify(rng.random((n, 16), np.float32), weight, bias)
assert (group == -1).all()
"""
    spent = cost(code, imports="import numpy as np; from ft2os.formats import grouping")
    assert not spent.error
    assert spent.extra < 150 * MB


def test_words_that_all_frames_share_are_not_copied_for_each(tmp_path: Path) -> None:
    save_cameras(tmp_path / "transforms.json", orbit(ball(9), 2))
    data = json.loads((tmp_path / "transforms.json").read_text())
    data["frames"] = data["frames"][:1] * 2000
    data |= {f"word{i}": 0 for i in range(200_000)}
    (tmp_path / "transforms.json").write_text(json.dumps(data))
    code = "assert len(load_cameras(sys.argv[1])) == 2000"
    spent = cost(code, tmp_path / "transforms.json", imports="from ft2os.cameras import load_cameras")
    assert not spent.error
    assert spent.seconds < 6  # ten times what it takes; 20 s with a copy for each


@pytest.mark.parametrize(("column", "value"), [("x", 1e30), ("f_dc_1", -3e19), ("scale_2", 60.0)])
def test_a_value_whose_square_overflows_counts_as_invalid(tmp_path: Path, column: str, value: float) -> None:
    rows = write_ply(tmp_path / "a.ply", ball(20))
    values = rows[column].copy()
    values[7] = value
    write_ply(tmp_path / "a.ply", ball(20), change={column: values})
    with pytest.raises(InvalidValuesError, match="1 of the 20"):
        load_scene(tmp_path / "a.ply")
    assert load_scene(tmp_path / "a.ply", drop_invalid=True).gaussians.row.tolist() == [
        i for i in range(20) if i != 7
    ]


@pytest.mark.parametrize("ending", ["ply", "splat", "spz", "compressed.ply"])
@pytest.mark.parametrize("part", ["quats", "means"])
def test_what_no_reader_would_take_is_not_written(tmp_path: Path, ending: str, part: str) -> None:
    gaussians = ball(20)
    values = getattr(gaussians, part).copy()
    values[3] = 0 if part == "quats" else np.nan
    (tmp_path / f"a.{ending}").write_bytes(b"old")
    with pytest.raises(InvalidValuesError, match="1 of the 20"):
        save_scene(tmp_path / f"a.{ending}", gaussians.replace(**{part: values}))
    assert (tmp_path / f"a.{ending}").read_bytes() == b"old"


def test_rotations_of_any_length_are_written(tmp_path: Path) -> None:
    gaussians = ball(20)
    for ending in ("splat", "spz", "compressed.ply"):
        save_scene(tmp_path / f"a.{ending}", gaussians.replace(quats=gaussians.quats * np.float32(1e-3)))
        again = load_scene(tmp_path / f"a.{ending}").gaussians
        assert np.abs((again.quats * gaussians.quats).sum(axis=1)).min() > 0.999


def test_names_that_no_text_can_hold_are_mended(tmp_path: Path) -> None:
    save_scene(tmp_path / "a.ply", two_groups(20, 0))
    (tmp_path / "labels.json").write_text('{"3": "half \\ud800", "7": "whole \\ud83d\\ude00"}')
    names = load_scene(tmp_path / "a.ply").labels
    assert names == {3: "half \ufffd", 7: "whole \U0001f600"}
    save_scene(tmp_path / "b.ply", two_groups(20, 0), labels={3: "half \ud800"})
    assert load_scene(tmp_path / "b.ply").labels == {3: "half ?"}
    save_cameras(tmp_path / "cameras.json", orbit(ball(9), 1))
    text = (tmp_path / "cameras.json").read_text().replace("orbit_000", "\\udcff")
    (tmp_path / "cameras.json").write_text(text)
    assert load_cameras(tmp_path / "cameras.json")[0].name == "\ufffd"


def test_long_names_are_looked_for_without_complaint(tmp_path: Path) -> None:
    save_cameras(tmp_path / "cameras.json", orbit(ball(9), 1))
    text = (tmp_path / "cameras.json").read_text().replace("orbit_000", "a" * 5000)
    (tmp_path / "cameras.json").write_text(text)
    assert load_cameras(tmp_path / "cameras.json")[0].photo is None
    file = tmp_path / f"{'a' * 250}.ply"
    save_scene(file, ball(20))
    assert len(load_scene(file).gaussians) == 20


@pytest.mark.parametrize("text", ["Namespace(a={[]})", "Namespace(a=" + "-" * 60_000 + "1)"])
def test_settings_that_python_cannot_make_cost_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "cfg_args").write_text(text)
    with pytest.raises(FileError, match="cannot be understood"):
        grouping.read_cfg_args(tmp_path / "cfg_args")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_pipes_beside_a_scene_are_passed_over(tmp_path: Path) -> None:
    identity = np.ones((9, 16), np.float32)
    write_ply(tmp_path / "a.ply", ball(9).replace(identity=identity))
    for name in ("labels.json", "cameras.json", "classifier.pth", "cfg_args"):
        os.mkfifo(tmp_path / name)
    assert len(load_scene(tmp_path / "a.ply").gaussians) == 9
