"""`ft2os stylize` with several objects and with pictures: who changes, what is written down, and Ctrl-C."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os.cli import console, main
from ft2os.evaluate import record
from ft2os.formats import load_scene
from tests.scenes import LABELS, two_groups, write_ply

SMALL = ["--set", "views=4", "--set", "pixels=64", "--set", "limit=2000"]


@pytest.fixture
def scene(tmp_path):
    path = tmp_path / "scene.ply"
    write_ply(path, two_groups())
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    return path


@pytest.fixture
def picture(tmp_path):
    from PIL import Image

    path = tmp_path / "stars.png"
    values = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    Image.fromarray(values.repeat(6, 0).repeat(6, 1)).save(path)
    return path


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    """VGG16 of random weights where ft2os looks for weights."""
    torch = pytest.importorskip("torch")
    from ft2os.guidance import perceptual

    torch.manual_seed(0)
    (tmp_path / "weights").mkdir()
    torch.save(perceptual.Vgg16().state_dict(), tmp_path / "weights" / "vgg16-random.pth")
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path / "weights"))


def stylize(scene, out, *more, preset="draft") -> int:
    words = ["stylize", scene, "--out", out, "--preset", preset, *SMALL, *more]
    try:
        return main([str(word) for word in words])
    except SystemExit as error:
        return error.code


def raw(path, keep) -> bytes:
    """The file's own bytes of the Gaussians for whose group ``keep`` is true."""
    gaussians = load_scene(path).gaussians
    return gaussians.source.columns[keep(gaussians.group)].tobytes()


def colours(path, group) -> np.ndarray:
    gaussians = load_scene(path).gaussians
    return gaussians.base_colours[gaussians.group == group]


def test_two_objects_take_two_styles_and_all_else_keeps_its_bits(scene, picture, tmp_path):
    out = tmp_path / "out.ply"
    assert stylize(scene, out, "--style", "ball=lava", "--style", f"small=@{picture}") == 0
    stray = lambda group: group < 0  # noqa: E731
    assert raw(out, stray) == raw(scene, stray)
    assert len(raw(scene, stray)) > 0
    for group, style in ((3, ("--prompt", "lava")), (7, ("--style-image", picture))):
        alone = tmp_path / f"alone{group}.ply"
        assert stylize(scene, alone, "--group", group, *style) == 0
        np.testing.assert_array_equal(np.sort(colours(out, group), 0), np.sort(colours(alone, group), 0))
        others = lambda found, group=group: found != group  # noqa: E731
        assert raw(alone, others) == raw(scene, others)


def test_the_order_of_styles_does_not_matter(scene, tmp_path):
    first, second = tmp_path / "a.ply", tmp_path / "b.ply"
    styles = ["--style", "ball=lava", "--style", "7=ice"]
    assert stylize(scene, first, *styles) == 0
    assert stylize(scene, second, *styles[2:], *styles[:2]) == 0
    for group in (3, 7):
        np.testing.assert_array_equal(np.sort(colours(first, group), 0), np.sort(colours(second, group), 0))


def test_words_and_a_picture_together(scene, picture, tmp_path, capsys):
    out = tmp_path / "out.ply"
    assert stylize(scene, out, "--style", f"ball=old gold@{picture}", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["prompt"], found["stats"]["material"]) == ("image", "old gold", "gold")


def test_the_run_is_written_down(scene, picture, vgg, tmp_path, capsys):
    out = tmp_path / "out.ply"
    more = ["--group", "ball", "--style-image", picture, "--set", "steps=3", "--seed", 5]
    assert stylize(scene, out, *more, preset="standard") == 0
    assert str(out) in capsys.readouterr().out
    found = json.loads((tmp_path / "out.ply.run.json").read_text())
    assert (found["group"], found["method"], found["preset"], found["seed"]) == (
        "ball",
        "image",
        "standard",
        5,
    )
    assert found["settings"]["steps"] == 3
    assert found["peak_memory"] is None or found["peak_memory"] > 1 << 20
    assert found["seconds"] >= found["stats"]["seconds"] > 0
    read = record.read(record.beside(out))
    assert len(read.losses) == 3
    assert {len(values) for values in read.terms.values()} == {3}


def test_the_record_of_several_objects_has_each_of_them(scene, tmp_path):
    out = tmp_path / "out.ply"
    assert stylize(scene, out, "--style", "ball=lava", "--style", "small=ice", "--strength", 0.5) == 0
    found = json.loads((tmp_path / "out.ply.run.json").read_text())
    assert [o["prompt"] for o in found["objects"]] == ["lava", "ice"]
    assert [o["stats"]["material"] for o in found["objects"]] == ["lava", "ice"]
    assert found["prompt"] == "ball: lava; small ball: ice"
    assert found["strength"] == 0.5


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--style", "ball"],
        ["--style", "ball="],
        ["--style", "=lava"],
        ["--style", "ball=lava@"],
        ["--style", "ball=lava", "--prompt", "ice"],
        ["--style", "ball=lava", "--group", "ball"],
        ["--style", "ball=lava", "--style-image", "x.png"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(scene, tmp_path, more, capsys):
    assert stylize(scene, tmp_path / "out.ply", *more) == 2
    assert "usage: ft2os" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--style", "ball=lava", "--style", "3=ice"], "Two styles are for the same group"),
        (["--style", "all=lava", "--style", "ball=ice"], "Two styles are for the same group"),
        (["--style", "ball=lava", "--style", "moon=ice"], "no group 'moon'"),
        (["--style", "ball=lava", "--style", "small=@none.png"], "no file none.png"),
        (["--style", "ball=lava", "--style", "small=qwerty xylophone"], "No material"),
        (["--group", "ball", "--style-image", "x.png", "--method", "material"], "takes words, no picture"),
        (["--group", "ball", "--prompt", "lava", "--method", "image"], "needs a picture"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(scene, tmp_path, more, said, capsys):
    before = sorted(p.name for p in tmp_path.iterdir())
    assert stylize(scene, tmp_path / "out.ply", *more) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert len(printed.splitlines()) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def press_ctrl_c(monkeypatch, stage: str, times: int = 1) -> None:
    """Have SIGINT sent when the bar first shows a stage, as an impatient hand would."""
    left = [times]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

    def report(shown: str, step: int, total: int, note: str = "") -> None:
        while shown == stage and left[0]:
            left[0] -= 1
            signal.raise_signal(signal.SIGINT)

    @contextmanager
    def bar():
        yield report

    monkeypatch.setattr(console, "progress", bar)


def test_ctrl_c_keeps_what_there_is_and_says_so(scene, picture, vgg, tmp_path, capsys, monkeypatch):
    press_ctrl_c(monkeypatch, "strokes")
    out = tmp_path / "out.ply"
    more = ["--group", "ball", "--style-image", picture, "--set", "steps=500"]
    handler = signal.getsignal(signal.SIGINT)
    assert stylize(scene, out, *more, preset="standard") == 130
    assert signal.getsignal(signal.SIGINT) is handler
    assert f"what there was is in {out}" in capsys.readouterr().err
    assert len(load_scene(out).gaussians) > len(load_scene(scene).gaussians)
    found = json.loads((tmp_path / "out.ply.run.json").read_text())
    assert found["stopped"] is True
    assert len(found["stats"]["losses"]) < 10


def test_ctrl_c_in_the_second_object_keeps_the_first(scene, tmp_path, monkeypatch):
    press_ctrl_c(monkeypatch, "small ball: prepare")
    out = tmp_path / "out.ply"
    assert stylize(scene, out, "--style", "ball=lava", "--style", "small=ice") == 130
    untouched = lambda group: group != 3  # noqa: E731
    assert raw(out, untouched) == raw(scene, untouched)
    assert len(colours(out, 3)) > len(colours(scene, 3))


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_with_nothing_made_changes_nothing(scene, tmp_path, monkeypatch, capsys, times):
    press_ctrl_c(monkeypatch, "prepare", times)
    assert stylize(scene, tmp_path / "out.ply", "--group", "ball", "--prompt", "lava") == 130
    assert "nothing was changed" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.json", "scene.ply"]


def test_a_form_without_a_material_is_words_enough(scene, tmp_path):
    assert stylize(scene, tmp_path / "out.ply", "--style", "ball=inflated") == 0
