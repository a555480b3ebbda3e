"""What a report says in a pipe, on a terminal and on the page, to the letter, kept in ``kept_page.txt``.

The reports are made up, so that each kind of number, reason and mark occurs. Where the words are changed on
purpose, ``python -m tests.evaluate.test_kept_page`` writes the file anew, and the change is there to be read.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from PIL import Image

from ft2os.evaluate import Evaluation, page, rows, table
from ft2os.evaluate.matching import Pair
from ft2os.evaluate.record import Record
from ft2os.evaluate.views import Drawn, draw
from tests.evaluate.scenes import OBJECT, cameras, grouped, recoloured

KEPT = Path(__file__).with_name("kept_page.txt")


def both_ways(**values: tuple) -> dict:
    return {name: {"before": a, "after": b} for name, (a, b) in values.items()}


FULL = {
    "before": "a/scene.ply",
    "after": "b/<new>.ply",
    "group": {"id": 3, "name": "ball", "note": "AFTER has no groups."},
    "prompt": "lava & ice",
    "source": "a ball",
    "views": {"count": 12, "kind": "cameras", "names": []},
    "text": {
        "judge": "ViT-B-16 openai", "similarity_before": 0.2, "similarity_after": 0.2512,
        "similarity_gain": 0.0512,
        "direction": 0.125, "direction_worst": -0.0625, "prompt": "lava & ice", "source": "a ball",
        "guide": None, "reason": None,
    },
    "spill": {
        "psnr_db": 41.26, "identical": False, "worst_psnr_db": 39.04, "worst_view": "0007", "changed": 0,
        "added": 0, "changed_groups": {}, "others": 12345, "reason": None,
    },
    "preservation": {
        "depth_change": 0.0123, "depth_change_of_size": 0.02, "outline_iou": 0.9, "luminance_ssim": 0.73456,
        "reason": None, "lpips": 0.3214, "lpips_reason": None, "vgg": None, "vgg_reason": "no VGG16 here",
    },
    "consistency": {
        "before": 0.01, "after": 0.013, "floor_before": 0.004, "floor_after": 0.005, "excess": 0.003,
        "pairs": 12, "turn_deg": 8.0, "reason": None,
    },
    "clipped": both_ways(white=(0.0, 0.01), any=(0.1, 0.25)),
    "gaussians": {
        "before": {"count": 1000, "needles": 0.01, "thin": 0.2, "drawn_needles": 0.001},
        "after": {"count": 2500, "needles": 0.011, "thin": 0.25, "drawn_needles": 0.0025},
    },
    "run": {
        "method": "clip", "preset": "high", "seed": 0, "guide": "ViT-B-32 openai", "seconds": 1234.56,
        "peak_memory": 2.5e9, "steps": 1500, "loss_first": 2.0, "loss_last": 1.0,
    },
    "evaluation": {"seconds": 12.34, "peak_memory": 5e8},
}  # fmt: skip

NOTHING = {
    "text": dict.fromkeys(FULL["text"]) | {"reason": "No CLIP is here."},
    "spill": dict.fromkeys(FULL["spill"]) | {
        "identical": None, "changed": 0, "added": 0, "changed_groups": {}, "others": 0,
        "reason": "all is object",
    },
    "preservation": dict.fromkeys(FULL["preservation"]) | {
        "reason": "no view shows it", "lpips_reason": "no torch", "vgg_reason": "no torch"
    },
    "consistency": dict.fromkeys(FULL["consistency"]) | {"reason": "no pair"},
    "clipped": both_ways(white=(None, None), any=(None, None)),
    "run": None,
    "evaluation": {"seconds": 0.04, "peak_memory": None},
    "views": {"count": 3, "kind": "orbit", "names": []},
    "group": {"id": None, "name": "all", "note": None},
}  # fmt: skip

# Everything at or beyond its goal, by paths.
BEYOND = {
    "text similarity_gain": 0.0, "text direction": -0.1, "spill psnr_db": 39.9, "spill changed": 4321,
    "spill added": -7, "spill changed_groups": {"tree": 4000, "sky": 321},
    "preservation depth_change_of_size": 0.0201, "preservation outline_iou": 0.8999,
    "consistency excess": 1.1 / 255, "consistency after": 0.02, "consistency before": 0.003,
    "clipped white after": 0.0101, "gaussians after needles": 0.0111,
    "run seed": None, "run steps": 0, "run guide": None, "run preset": None, "run peak_memory": 999e6,
}  # fmt: skip
AT = {
    "spill psnr_db": 40.0, "spill added": 1, "consistency excess": 1 / 255, "consistency after": 0.008,
    "clipped white before": 0.02, "clipped white after": 0.02, "spill identical": False,
}  # fmt: skip


def changed(changes: dict) -> dict:
    report = copy.deepcopy(FULL)
    for path, value in changes.items():
        *way, last = path.split()
        part = report
        for name in way:
            part = part[name]
        part[last] = value
    return report


def reports() -> dict[str, dict]:
    same = {"spill identical": True, "spill psnr_db": None, "spill worst_psnr_db": None}
    return {
        "full": FULL,
        "nothing": copy.deepcopy(FULL) | NOTHING,
        "beyond": changed(BEYOND),
        "at": changed(AT),
        "same": changed(same | {"run": None}),
        "worst without error": changed({"spill worst_psnr_db": None, "run peak_memory": 1e9}),
    }


def drawn() -> list[Drawn]:
    """Ten views of 80 × 60 of which nine are shown; the object covers a rectangle that grows."""
    found = []
    for i, camera in enumerate(cameras(10)):
        before = np.full((60, 80, 3), 0.25, np.float32)
        after, covered = before.copy(), np.zeros((60, 80), np.float32)
        covered[10:20, 30:41] = 0.4  # more background than object: not what the picture is about
        covered[20 : 31 + i, 30:41] = 1
        after[20 : 31 + i, 30:41] = 0.35
        flat = np.ones((60, 80), np.float32)
        found.append(Drawn(camera, before, after, covered, covered, flat, flat))
    return found


def evaluation(report: dict, record: Record | None = None, views: int = 10) -> Evaluation:
    g = grouped()
    inside = g.group == OBJECT
    pair = Pair(g, recoloured(g, inside, 0.9), inside, inside, "ball", OBJECT, 0, 0)
    return Evaluation(report, pair, drawn()[:views], record)


RECORD = Record(
    losses=[2.0, 1.5, 1.75, *np.linspace(1.5, 0.5, 400)], terms={"a<b": [1.0, 3.0], "empty": [], "one": [0.5]}
)


def told() -> str:
    """All of it; of each picture its size and label alone."""
    parts = []
    for name, report in reports().items():
        with contextlib.redirect_stdout(io.StringIO()) as out:
            table.show(report)
        parts.append(f"== {name}: in a pipe\n{out.getvalue()}")
        if name in ("full", "nothing", "beyond"):
            parts.append(f"== {name}: on a terminal\n{on_terminal(report)}")
    for name, found in {
        "full": evaluation(FULL, RECORD),
        "nothing": evaluation(reports()["nothing"], None, 0),
        "beyond": evaluation(reports()["beyond"], Record(terms={"t": [2.0]}), 1),
        "same": evaluation(reports()["same"], Record(), 2),
    }.items():
        html = re.sub(r"base64,[^\"]*", "base64,", page.build(found))
        html = re.sub(r"<style>.*?</style>", "<style/>", html, flags=re.DOTALL)
        parts.append(f"== {name}: the page\n" + html.replace("><", ">\n<"))
    return "\n".join(line.rstrip() for line in "\n".join(parts).splitlines()) + "\n"


def on_terminal(report: dict) -> str:
    """As rich draws it 200 columns wide, with each mark's style."""
    from rich.console import Console

    console = Console(
        width=200, file=io.StringIO(), force_terminal=True, color_system="standard", legacy_windows=False
    )
    console.print(table._table(report))
    return console.file.getvalue()


def test_everything_is_said_as_it_was() -> None:
    kept, now = KEPT.read_text("utf-8").splitlines(), told().splitlines()
    for before, after in zip(kept, now):
        assert after == before
    assert len(now) == len(kept)


def test_a_terminal_gets_the_coloured_table(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    table.show(FULL)
    out = capsys.readouterr().out
    assert "what it is" in out
    assert "ball: lava & ice  (12 of its cameras)" in out


def pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r'base64,([^"]*)" width="(\d+)" height="(\d+)"', html)
    decoded = [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data, _, _ in found]
    assert [p.shape[:2] for p in decoded] == [(int(h), int(w)) for _, w, h in found]
    return [p.astype(float) / 255 for p in decoded]


def test_the_pictures_are_before_after_and_their_difference() -> None:
    """The view on top is the one that shows most of the object: the last."""
    found = evaluation(FULL)
    hero_before, hero_after, *sheet = pictures(page.build(found))
    assert len(sheet) == 3 * page.SHEET
    camera = page.crop_to_object(found.pair.objects[0], found.drawn[-1].camera, 560, 1.35)
    for picture, scene in ((hero_before, found.pair.before), (hero_after, found.pair.after)):
        assert np.abs(picture - draw(scene, camera)[0]).mean() < 0.02
    for before, after, difference in zip(sheet[::3], sheet[1::3], sheet[2::3]):
        height, width = before.shape[:2]
        at = height // 2, width // 2
        assert before[at].max() == pytest.approx(0.25, abs=0.03)
        assert after[at].max() == pytest.approx(0.35, abs=0.03)
        assert difference[at].max() == pytest.approx(0.4, abs=0.03)  # four times a tenth
        assert difference[0, 0].max() < 0.05
    assert sheet[0].shape[:2] == (14, 14)  # 1.25 × 11 pixels


def test_a_view_without_a_name_is_a_view(monkeypatch) -> None:
    from dataclasses import replace

    (d, *_) = drawn()
    assert 'alt="view, before"' in page._view(replace(d, camera=replace(d.camera, name="")))


def test_words_and_numbers() -> None:
    assert [rows.percent(x) for x in (None, 0.5)] == ["–", "50.00 %"]
    assert rows.percent(-0.5, sign=True) == "-50.00 %"
    assert [rows.levels(x) for x in (None, 0.1)] == ["–", "25.50"]
    assert rows.levels(0.1, sign=True) == "+25.50"
    assert [rows.memory(x) for x in (None, 1e9, 9.99e8)] == ["–", "1.00 GB", "999 MB"]
    assert [rows.number(None), rows.signed(None), rows.seconds(None), rows.decibels(None)] == ["–"] * 3 + [
        "∞ dB"
    ]


if __name__ == "__main__":
    KEPT.write_text(told(), "utf-8")
