"""The command line: what is wrong is one line, what to do is another, and nothing is left behind."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from ft2os.cli import main
from ft2os.formats import load_scene, save_scene
from tests.scenes import LABELS, ball, two_groups, write_ply

pytest.importorskip("numba")


@pytest.mark.parametrize("ending", ["splat", "spz", "compressed.ply"])
def test_any_format_is_stylized_into_any_other(tmp_path, ending):
    """A file without rows of its own: nothing to inherit, all is written as computed."""
    save_scene(tmp_path / f"in.{ending}", ball(300))
    command = ["stylize", str(tmp_path / f"in.{ending}"), "--prompt", "gold", "--preset", "draft"]
    assert main([*command, "--out", str(tmp_path / "out.spz")]) == 0
    found = load_scene(tmp_path / "out.spz").gaussians
    assert len(found) >= 300
    red, _, blue = np.average(found.base_colours, axis=0, weights=found.opacities)
    assert red > blue + 0.15


@pytest.fixture
def scene(tmp_path):
    path = tmp_path / "in" / "scene.ply"
    path.parent.mkdir()
    write_ply(path, two_groups())
    path.with_name("labels.json").write_text(json.dumps(LABELS))
    return path


def run(*words) -> int:
    """The exit code of a command line."""
    try:
        return main([str(word) for word in words])
    except SystemExit as error:
        return error.code


def refused(capsys, *words) -> str:
    """What a command says that cannot be done: exactly two lines."""
    assert run(*words) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 2, printed.err
    return printed.err


def draft(scene, out, *more, group="ball", prompt="lava") -> list:
    return ["stylize", scene, "--group", group, "--prompt", prompt, "--preset", "draft", "--out", out, *more]


@pytest.mark.parametrize(
    "words",
    ["", "bogus", "info", "info --json", "convert in.ply", "render in.ply", "doctor x", "worker x"]
    + [f"render in.ply --out out --size {size}" for size in ("abc", "0x5", "5", "99999x1", "-3x3")]
    + [f"render in.ply --out out --orbit {n}" for n in ("0", "-1", "x")]
    + ["render in.ply --out out --orbit 3 --cameras c.json", "stylize in.ply --out o.ply"]
    + [
        f"stylize in.ply --prompt x --out o.ply --{rest}" for rest in ("strength 2", "strength nan", "seed x")
    ],
)
def test_a_wrong_command_line_is_exit_code_2(words, capsys):
    assert run(*words.split()) == 2
    assert "usage: ft2os" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"group": "nosuch"}, "Known groups: 3 (ball), 7 (small ball)"),
        ({"group": "99"}, "no group '99'"),
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": "ball with happiness"}, "No material goes by"),
    ],
)
def test_requests_that_make_no_sense(scene, tmp_path, capsys, change, said):
    out = tmp_path / "out" / "o.ply"
    assert said in refused(capsys, *draft(scene, out, **change))
    assert not out.parent.exists()


@pytest.mark.parametrize("seed", ["-1", str(2**31), "9" * 30])
def test_a_seed_out_of_range(scene, tmp_path, capsys, seed):
    assert "from 0 to 2147483647" in refused(capsys, *draft(scene, tmp_path / "o.ply", "--seed", seed))


def test_a_place_that_cannot_be_written_is_told_before_the_work(scene, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ft2os.formats.load_scene", lambda *a, **k: pytest.fail("the work began"))
    for out in (scene / "o.ply", scene / "deep" / "o.ply"):
        assert "part of this path is a file" in refused(capsys, *draft(scene, out))
    (tmp_path / "folder.ply").mkdir()
    assert "Choose a file name" in refused(capsys, *draft(scene, tmp_path / "folder.ply"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.ply", "in"]


def test_a_disk_without_room_changes_nothing(scene, tmp_path, capsys, full_disk):
    out, pictures = tmp_path / "new" / "folder" / "o.ply", tmp_path / "pictures"
    with full_disk(8192):
        converting = refused(capsys, "convert", scene, out)
        drawing = refused(capsys, "render", scene, "--out", pictures, "--orbit", 1)
    assert f"Cannot write {out}" in converting
    assert not (tmp_path / "new").exists()
    assert "Cannot write" in drawing
    assert not pictures.exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("words", [["info"], ["info", "--json"]], ids=" ".join)
def test_an_output_without_room_is_said(scene, capsys, monkeypatch, words):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run(*words, scene) == 1
    assert "disk is full" in capsys.readouterr().err


@pytest.mark.parametrize(
    "setting", ["views=abc", "views=0", "pixels=1e99", "scale=NaN", "refine=3", "luminance_keep=2"]
)
def test_a_setting_that_makes_no_sense(scene, tmp_path, capsys, setting):
    said = refused(capsys, *draft(scene, tmp_path / "o.ply", "--set", setting))
    assert f"setting {setting.partition('=')[0]} cannot be" in said


def test_labels_that_cannot_be_written_leave_the_old_scene(scene, tmp_path, capsys):
    out = tmp_path / "out" / "o.ply"
    (out.parent / "labels.json").mkdir(parents=True)  # no file can take this name
    out.write_bytes(b"the old scene")
    assert "labels.json" in refused(capsys, "convert", scene, out)
    assert out.read_bytes() == b"the old scene"
    assert sorted(p.name for p in out.parent.iterdir()) == ["labels.json", "o.ply"]


def test_info_and_groups_as_json(scene, capsys):
    assert run("info", scene, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"gaussians", "degree", "groups", "bounds", "properties", "format"} <= set(facts)
    assert (facts["gaussians"], facts["degree"], facts["format"]) == (230, 1, "ply")
    assert run("groups", scene, "--json") == 0
    assert json.loads(capsys.readouterr().out) == facts["groups"]
    assert facts["groups"][0] == {"id": 3, "name": "ball", "gaussians": 150}


def test_doctor(capsys):
    assert run("doctor", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert {"core", "lite", "kernels"} <= {check["name"] for check in report["checks"]}


def test_render_draws_the_cameras_asked_for(scene, tmp_path, capsys):
    from PIL import Image

    out = tmp_path / "pictures"
    assert run("render", scene, "--out", out, "--orbit", 2, "--size", "48x32", "--background", "white") == 0
    written = sorted(out.iterdir())
    assert capsys.readouterr().out.split() == [str(p) for p in written]
    assert len(written) == 2
    for path in written:
        picture = np.asarray(Image.open(path))
        assert picture.shape == (32, 48, 3)
        assert picture[0, 0].min() > 200
        assert picture[16, 24].min() < 200


def test_strength_0_is_the_input_byte_for_byte(scene, tmp_path):
    out = tmp_path / "o.ply"
    assert run(*draft(scene, out, "--strength", "0")) == 0
    assert out.read_bytes() == scene.read_bytes()


def columns_by_row(path) -> list[bytes]:
    """The raw bytes of each Gaussian's properties, without the column of groups."""
    header, _, data = path.read_bytes().partition(b"end_header\n")
    names = [line.split()[2] for line in header.split(b"\n") if line.startswith(b"property")]
    count = int(header.split(b"element vertex ")[1].split()[0])
    rows = np.frombuffer(data, "<u4").reshape(count, len(names))
    return [row.tobytes() for row in rows[:, [i for i, name in enumerate(names) if name != b"group"]]]


@pytest.fixture
def grouping_scene(tmp_path):
    """A scene whose groups come from identity features and a classifier, as Gaussian Grouping writes it."""
    torch = pytest.importorskip("torch")
    gaussians = two_groups()
    identity = np.random.default_rng(0).normal(size=(len(gaussians), 16)).astype(np.float32)
    identity[:, 0] = np.where(gaussians.group == 3, 9.0, -9.0)
    path = tmp_path / "in" / "scene.ply"
    path.parent.mkdir()
    write_ply(path, gaussians.replace(group=None, identity=identity))
    weight = torch.zeros(4, 16, 1, 1)
    weight[3, 0], weight[1, 0] = 1, -1
    torch.save({"weight": weight, "bias": torch.zeros(4)}, path.with_name("classifier.pth"))
    return path


@pytest.mark.parametrize("strength", ["0.5", "1"])
def test_outside_the_group_every_bit_stays(grouping_scene, tmp_path, strength):
    out = tmp_path / "o.ply"
    assert run(*draft(grouping_scene, out, "--strength", strength, group="3")) == 0
    others = load_scene(grouping_scene).gaussians.group != 3
    before = [row for row, kept in zip(columns_by_row(grouping_scene), others, strict=True) if kept]
    after = load_scene(out).gaussians
    written = columns_by_row(out)
    assert [row for row, group in zip(written, after.group, strict=True) if group != 3] == before
    assert len(written) > len(before)
    assert (after.identity[after.group == 3, 0] == 9.0).all()


@pytest.mark.parametrize("none", [np.int32(-7), np.float32(np.nan)])
def test_unusual_marks_of_no_group_stay(scene, tmp_path, none):
    gaussians = two_groups()
    column = np.where(gaussians.group < 0, none, gaussians.group).astype(none.dtype)
    rows = write_ply(scene, gaussians, change={"group": column})
    out = tmp_path / "o.ply"
    assert run(*draft(scene, out)) == 0
    written = load_scene(out)
    raw = written.gaussians.source.columns[written.gaussians.group != 3]
    assert raw.tobytes() == rows[gaussians.group != 3].tobytes()
