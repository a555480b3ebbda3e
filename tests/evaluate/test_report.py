"""What people and programs get: strict JSON, a table, and one page that needs nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os.evaluate import EvaluationRequest, charts, evaluate, page, rows, table
from tests.evaluate.scenes import BALL, OBJECT, grouped, loaded, recoloured

HOSTILE = "<script>alert('x')</script>\"&amp;[red]\x00\x1b[2J\u202e]]>"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    before = loaded(folder / "a", "scene", grouped())
    after = loaded(folder / "b", "scene", recoloured(grouped(), grouped().group == OBJECT, 0.9))
    run = {"prompt": "x", "method": HOSTILE, "preset": "high", "losses": [3.0, 2.5, 1.0], "seconds": 5.0}
    run["terms"] = {HOSTILE: [1.0, 0.5], "none": []}
    (folder / "b" / "scene.ply.run.json").write_text(json.dumps(run))
    return evaluate(before, after, EvaluationRequest(BALL, HOSTILE, views=2))


def tree(html: str) -> ET.Element:
    return ET.fromstring(html.removeprefix("<!DOCTYPE html>\n"))


def test_the_page_is_well_formed_and_needs_nothing_else(found):
    html = page.build(found)
    root = tree(html)
    assert not [e for e in root.iter() if e.tag in ("script", "link", "iframe", "object", "base", "form")]
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert value.startswith("data:image/jpeg;base64,")
    assert not re.search(r"https?://|url\(|@import", html)
    assert len(list(root.iter("img"))) == 2 + 3 * 2  # the pair on top, three for each view


def test_the_page_escapes_what_comes_from_files(found):
    root = tree(page.build(found))
    told = "".join(root.itertext())
    assert "<script>alert('x')</script>" in told  # as text
    assert not [c for c in told if not c.isprintable() and c not in "\n\t"]


def test_the_page_shows_the_curves_of_the_run(found):
    curves = tree(page.build(found)).findall(".//figure[@class='curve']")
    assert len(curves) == 2  # the loss and one term; the empty one is left out
    assert "3 steps" in curves[0].find(".//svg").attrib["aria-label"]


def test_no_run_no_curves(found):
    from dataclasses import replace

    assert "Curves" not in page.build(replace(found, record=None))


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], list(np.linspace(5, 1, 20_000)), [-1e300, 1e300]])
def test_curves_of_any_length_stay_inside_their_frame(values):
    root = ET.fromstring(charts.curve("loss", values))
    for line in root.iter("polyline"):
        points = np.array([[float(v) for v in p.split(",")] for p in line.attrib["points"].split()])
        assert 1 <= len(points) <= 320
        assert (points >= 0).all()
        assert (points <= [320, 120]).all()


def test_a_change_far_away_stays_in_the_picture(found):
    from dataclasses import replace

    (d, *_) = found.drawn
    after = d.before.copy()
    after[2, 3] = 1 - after[2, 3].round()
    part = page._interesting(replace(d, after=after))
    assert part[0].start <= 2 < part[0].stop
    assert part[1].start <= 3 < part[1].stop


# An object's rows and columns in a picture of 40 × 100, and how long its crop's sides are: 1.25 times the
# longer of its own, as far as the picture goes.
CROPS = {
    "lying": ((18, 22), (30, 62), (40, 40)),
    "upright": ((8, 24), (50, 54), (20, 20)),
    "at the lower edge": ((36, 40), (80, 96), (20, 20)),
    "at the right edge": ((4, 20), (97, 100), (20, 20)),
    "at the upper left": ((0, 3), (0, 16), (20, 20)),
    "as wide as the picture": ((20, 22), (0, 100), (40, 100)),
}


@pytest.mark.parametrize("where", CROPS)
def test_a_crop_shows_the_whole_object_and_stays_inside_the_picture(found, where):
    from dataclasses import replace

    *places, lengths = CROPS[where]
    covered = np.zeros((40, 100), np.float32)
    covered[tuple(slice(*place) for place in places)] = 1
    picture = np.zeros((40, 100, 3), np.float32)
    part = page._interesting(replace(found.drawn[0], before=picture, after=picture, covered_before=covered))
    for span, (first, end), size, length in zip(part, places, covered.shape, lengths, strict=True):
        assert 0 <= span.start <= first < end <= span.stop <= size
        assert span.stop - span.start == length


def test_every_line_says_what_it_is(found):
    lines = [row for _, section in rows.sections(found.report) for row in section]
    labels = [row.label for row in lines]
    assert len(set(labels)) == len(labels) >= 18
    assert all(row.why for row in lines if row.label != "Time of evaluating")
    assert {row.better for row in lines} == {"higher", "lower", "zero", ""}


def test_marks_follow_the_goals(found):
    report = json.loads(json.dumps(found.report))
    report["gaussians"]["after"]["needles"] += 0.01
    report["spill"] |= {"changed": 4, "identical": False, "psnr_db": 30.0, "worst_psnr_db": 28.0}
    lines = {row.label: row for _, section in rows.sections(report) for row in section}
    for label in ("Needles", "Other Gaussians changed", "PSNR outside the object"):
        assert lines[label].mark == rows.LOOK
    assert lines["Outline overlap"].mark == rows.GOOD
    assert lines["LPIPS (AlexNet)"].mark == ""


def test_the_table_prints_hostile_words_as_they_are(found, capsys):
    table.show(found.report)
    printed = capsys.readouterr().out
    assert "<script>" in printed
    assert not set(printed) & set("\x00\x1b\u202e")


def test_the_table_says_what_there_is_to_look_into(found, capsys):
    report = json.loads(json.dumps(found.report))
    report["spill"] |= {"changed": 4, "changed_groups": {"tree": 4}}
    table.show(report)
    assert "They belong to: tree 4." in capsys.readouterr().out
    table.show(found.report)
    assert "They belong to" not in capsys.readouterr().out


def test_the_whole_scene_has_nothing_outside(tmp_path):
    scene = loaded(tmp_path, "scene", grouped())
    report = evaluate(scene, scene, EvaluationRequest("all", "lava", views=2)).report
    assert report["spill"]["psnr_db"] is None
    assert "nothing outside" in report["spill"]["reason"]
    assert page.build(evaluate(scene, scene, EvaluationRequest("all", "lava", views=1)))
