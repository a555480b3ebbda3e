"""The benchmark of edits: its editors agree at level 0, disagree above it, and repeat themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.edit import __main__ as command
from benchmarks.edit import judge, rows, subject
from benchmarks.edit.filters import FilterEditor
from benchmarks.edit.oracle import MaterialOracle, Spoil
from ft2os.materials import match
from ft2os.stylize.painting import Brush
from tests.scenes import ball, write_ply

SIDE = 48


@pytest.fixture(scope="module")
def of() -> subject.Subject:
    return subject.subject("ball", ball(400, 0, 3), 4, SIDE)


def editors(of: subject.Subject, level: float) -> list:
    views = of.prepared.surface_views
    brush = Brush(match("lava").material, scale=2.0)
    return [
        MaterialOracle(views, of.prepared.frame, brush, Spoil(blur=0).level(level), 1),
        FilterEditor(views, level, 1),
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["material", "filters"])
def test_editors_are_right_at_level_0_and_wrong_above_it(of, which):
    off = []
    for level in (0.0, 1.0):
        editor, s = editors(of, level)[which], of.prepared.surface_views[1]
        (edit,) = editor.edit([s.original], [1])
        assert np.array_equal(edit, editor.edit([s.original], [1])[0])
        assert not level or not np.array_equal(edit, editor.edit([s.original], [1], round=1)[0])
        inner = s.view.alpha.reshape(s.mask.shape) > 0.95
        truth = editor.truth(s) / np.maximum(s.view.alpha.reshape(*s.mask.shape, 1), 0.01)
        off.append(float(np.abs(edit - truth)[inner].mean()))
    assert off[0] < 0.05  # JPEG and what shines through at 48 pixels
    assert off[1] > 1.5 * off[0]


def test_the_command_writes_a_row_for_every_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "ROUNDS", rows.ROUNDS | {"draft": (4, (1.0, 0.5))})
    monkeypatch.setitem(command.ROUNDS, "draft", (4, (1.0, 0.5)))
    monkeypatch.setattr(judge, "_lpips", lambda: None)  # seconds to load
    write_ply(tmp_path / "ball.ply", ball(400, 0, 3))
    said = ["--scene", tmp_path / "ball.ply", "--material", "lava", "--presets", "draft", "--pixels", SIDE]
    command.main([*map(str, said), "--fits", "plain,ours", "--json", str(tmp_path / "rows.json")])
    found = json.loads((tmp_path / "rows.json").read_text())
    assert [row["editor"] for row in found] == 4 * ["lava"] + 4 * ["filters"]
    assert [row["edits"] for row in found[:4]] == [5, 5, 10, 10]  # the rings round up
    assert all(5 < row["psnr"] < 60 for row in found)


def test_unknown_names_are_told(capsys):
    with pytest.raises(SystemExit):
        command.main(["--level", "awful"])
    assert "'awful' is none of mild, medium, severe" in capsys.readouterr().err
