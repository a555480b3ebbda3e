"""Every material looks as it did: its mean colours on a ball, kept in ``colours.json``.

An artist who opens last year's prompt expects last year's gold. Where a material is changed on purpose,
``python -m tests.materials.test_colours`` writes the file anew, and the change is there to be reviewed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ft2os.materials import MATERIALS

KEPT = Path(__file__).with_name("colours.json")
TOLERANCE = 5  # thousandths: processors round otherwise where a pattern has an edge


def fingerprint(name: str) -> list[list[int]]:
    """Mean colours in thousandths, of each eighth of a ball, where it is dark and where it is light."""
    rng = np.random.default_rng(11)
    points = rng.normal(size=(6000, 3))
    points *= rng.uniform(0.35, 0.5, (6000, 1)) / np.linalg.norm(points, axis=1, keepdims=True)
    points = points.astype(np.float32)
    detail = rng.uniform(-0.4, 0.4, 6000)
    colour = MATERIALS[name].colour(points, (0.5 - points[:, 1]).astype(np.float32), detail, seed=2)
    part = (np.column_stack([points > 0, detail > 0]) @ [1, 2, 4, 8]).astype(int)
    return [(1000 * colour[part == i].mean(axis=0)).round().astype(int).tolist() for i in range(16)]


def test_all_are_kept() -> None:
    assert json.loads(KEPT.read_text("utf-8")).keys() == MATERIALS.keys()


@pytest.mark.parametrize("name", sorted(MATERIALS))
def test_a_material_keeps_its_colours(name: str) -> None:
    kept = json.loads(KEPT.read_text("utf-8"))[name]
    np.testing.assert_allclose(fingerprint(name), kept, atol=TOLERANCE, rtol=0)


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(fingerprint(name))}" for name in sorted(MATERIALS)]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
