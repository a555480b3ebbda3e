"""The report of one change is what it was, number by number, kept in ``kept_report.json``.

Where a measure is changed on purpose, ``python -m tests.evaluate.test_kept_report`` writes the file anew.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os.evaluate import EvaluationRequest, evaluate
from ft2os.formats import load_scene, save_ply
from tests.evaluate.scenes import BALL, OBJECT, OTHER, grouped, loaded

KEPT = Path(__file__).with_name("kept_report.json")
OF_THE_MACHINE = ("score", "peak", "version", "lpips", "seconds")  # networks that may be here, and memory


def report(folder: Path) -> dict[str, float]:
    """The numbers of a report by path: the object is repainted, moved and drawn out into needles."""
    before = loaded(folder / "before", "scene", grouped())
    g = before.gaussians
    mask = before.mask(OBJECT)[:, None]
    means = np.where(mask, g.means + np.float32(0.04) * np.sin(7 * g.means[:, ::-1]), g.means)
    sh = np.where(mask[..., None], -0.6 * g.sh + 0.2, g.sh)
    scales = np.where(mask, g.scales * np.array([2.5, 0.9, 0.4], np.float32), g.scales)
    arrays = {"means": means, "sh": sh, "scales": scales}
    changed = g.replace(**{name: array.astype(np.float32) for name, array in arrays.items()})
    save_ply(folder / "after" / "scene.ply", changed, labels={OBJECT: BALL, OTHER: "pumpkin"})
    after = load_scene(folder / "after" / "scene.ply")
    return dict(_numbers(evaluate(before, after, EvaluationRequest(BALL, "lava", views=4)).report, ""))


def _numbers(value: object, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, part in value.items():
            if not any(word in name for word in OF_THE_MACHINE):
                yield from _numbers(part, f"{path}/{name}")
    elif isinstance(value, (int, float)):
        yield path, round(float(value), 6)


def test_every_number_is_what_it_was(tmp_path):
    kept, now = json.loads(KEPT.read_text("utf-8")), report(tmp_path)
    assert now.keys() == kept.keys()
    for path, value in kept.items():
        assert now[path] == pytest.approx(value, rel=2e-3, abs=1e-4), path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        numbers = report(Path(place))
    KEPT.write_text(json.dumps(numbers, indent=0) + "\n", "utf-8")
