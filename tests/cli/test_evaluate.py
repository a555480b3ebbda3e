"""``ft2os evaluate``: what it writes and prints, which cameras it takes, and what it refuses at once."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os.cameras import inria, orbit
from ft2os.cli import main
from tests.evaluate.scenes import OBJECT, grouped, recoloured, written


@pytest.fixture
def scenes(tmp_path) -> list[str]:
    """BEFORE and AFTER."""
    before = written(tmp_path / "a", "scene", grouped())
    after = written(tmp_path / "b", "scene", recoloured(grouped(), grouped().group == OBJECT, 0.9))
    return [str(before), str(after)]


def strict(path) -> dict:
    """JSON as other programs read it: without NaN and infinities."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_a_table_a_report_and_a_page(scenes, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["evaluate", *scenes, "--group", "ball", "--views", "2"]
    words += ["--json", str(out / "e.json"), "--html", str(out / "e.html")]
    assert main(words) == 1  # no prompt, no record
    assert "prompt is empty" in capsys.readouterr().err
    assert not out.exists()
    assert main([*words, "--prompt", "glühende Lava", "--source", "a globe"]) == 0
    printed = capsys.readouterr().out
    assert "PSNR outside the object" in printed
    assert printed.splitlines()[-2:] == [str(out / "e.json"), str(out / "e.html")]
    report = strict(out / "e.json")
    assert (report["prompt"], report["source"]) == ("glühende Lava", "a globe")
    assert report["views"] | {"names": 0} == {"kind": "cameras", "count": 2, "names": 0}
    assert report["spill"]["changed"] == 0
    assert report["run"] is None
    assert report["evaluation"]["seconds"] > 0
    text = (out / "e.json").read_text(encoding="utf-8")
    assert "glühende" in text  # people read it too
    assert text.endswith("}\n")
    ET.fromstring((out / "e.html").read_text(encoding="utf-8").removeprefix("<!DOCTYPE html>\n"))
    assert sorted(p.name for p in out.iterdir()) == ["e.html", "e.json"]


def test_cameras_of_ones_own_and_how_many_are_taken(scenes, tmp_path):
    inria.write(tmp_path / "mine.json", orbit(((0.0, 0.1, 0.0), 2.0), 14, (24, 18)))
    words = ["evaluate", *scenes, "--group", "ball", "--prompt", "lava", "--json", str(tmp_path / "e.json")]
    assert main([*words, "--cameras", str(tmp_path / "mine.json")]) == 0
    assert strict(tmp_path / "e.json")["views"]["count"] == 12


def test_invalid_gaussians_are_left_out_where_that_is_asked_for(tmp_path, capsys):
    x = grouped().means[:, 0].copy()
    x[5] = np.nan
    scene = str(written(tmp_path / "a", "scene", grouped(), change={"x": x}))
    words = ["evaluate", scene, scene, "--group", "ball", "--prompt", "lava", "--views", "1"]
    assert main(words) == 1
    assert "--drop-invalid" in capsys.readouterr().err
    assert main([*words, "--drop-invalid"]) == 0


def test_a_judge_without_an_opinion_is_refused(scenes, tmp_path, capsys):
    words = ["evaluate", *scenes, "--group", "ball", "--prompt", "lava", "--views", "1"]
    out = ["--json", str(tmp_path / "out" / "e.json")]
    assert main([*words, *out, "--judge", "ViT-B-32", "--pretrained", "random"]) == 1
    assert "random weights" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(scenes, capsys, monkeypatch, option):
    monkeypatch.setattr("ft2os.formats.load_scene", lambda *a, **k: pytest.fail("the work began"))
    words = ["evaluate", *scenes, "--group", "ball", "--prompt", "lava", option, f"{scenes[0]}/e"]
    assert main(words) == 1
    assert "part of this path is a file" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--prompt", "--source"])
def test_words_that_nobody_can_mean_are_refused_before_the_work(scenes, capsys, monkeypatch, option):
    monkeypatch.setattr("ft2os.formats.load_scene", lambda *a, **k: pytest.fail("the work began"))
    assert main(["evaluate", *scenes, "--group", "ball", option, "lava " * 101]) == 1
    assert "500 are the limit" in capsys.readouterr().err


@pytest.mark.parametrize("allowed", [True, False])
def test_weights_are_downloaded_only_where_that_is_asked_for(tmp_path, monkeypatch, allowed):
    monkeypatch.setenv("FT2OS_DOWNLOAD", "")
    missing = str(tmp_path / "missing.ply")
    words = ["evaluate", missing, missing, "--group", "all", "--prompt", "lava"]
    assert main([*words, "--download"] if allowed else words) == 1
    assert os.environ["FT2OS_DOWNLOAD"] == ("1" if allowed else "")


@pytest.mark.parametrize("rest", ["", "--group ball --views 0", "--group ball --views some"])
def test_a_wrong_command_line_is_exit_code_2(scenes, capsys, rest):
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *scenes, *rest.split()])
    assert caught.value.code == 2
    assert "usage: ft2os evaluate" in capsys.readouterr().err
