"""Numbers that stay: what functions gave is kept in a JSON file, and a test compares it with what they give.

For results without a formula of their own, such as a form or a painted view. A module of such tests has
``CASES``, functions by name that return arrays by name, and writes its file anew when it is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

Case = Callable[[], Mapping[str, object]]
_NEAR = 3e-3  # of the largest number: processors add up in another order


def check(path: Path, name: str, case: Case) -> None:
    """Compare what a case gives with what is kept."""
    kept, now = json.loads(path.read_text("utf-8"))[name], _told(case)
    assert now.keys() == kept.keys()
    for key, values in kept.items():
        size = max(map(abs, values))
        assert now[key] == pytest.approx(values, rel=_NEAR, abs=_NEAR * size + 1e-9), key


def write(path: Path, cases: Mapping[str, Case]) -> None:
    """Keep what the cases give now."""
    lines = [f"{json.dumps(name)}: {json.dumps(_told(case))}" for name, case in cases.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n", "utf-8")


def _told(case: Case) -> dict[str, list[float]]:
    return {key: _numbers(value) for key, value in case().items()}


def _numbers(value: object) -> list[float]:
    """A few numbers as they are; of many mean, spread, limits, how many, and a sum that knows their order."""
    numbers = np.asarray(value, np.float64).ravel()
    if len(numbers) > 12:
        signs = np.cos(np.arange(len(numbers)) ** 1.3)
        told = [numbers.mean(), numbers.std(), numbers.min(), numbers.max(), (signs * numbers).mean()]
        numbers = np.array([*told, np.log(len(numbers))])
    return [float(f"{number:.7g}") for number in numbers]
