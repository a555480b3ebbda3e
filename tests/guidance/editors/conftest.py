"""Tiny pipelines as folders, made once for all tests of editors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ft2os.guidance.editors import Task
from tests import tiny_editors


@pytest.fixture(scope="session")
def pix2pix(tmp_path_factory) -> Path:
    """The folder of a tiny InstructPix2Pix."""
    return tiny_editors.save(tiny_editors.instruct_pix2pix(), tmp_path_factory.mktemp("tiny") / "pix2pix")


@pytest.fixture(scope="session")
def klein(tmp_path_factory) -> Path:
    """The folder of a tiny FLUX.2 klein."""
    return tiny_editors.save(tiny_editors.klein(), tmp_path_factory.mktemp("tiny") / "klein")


@pytest.fixture
def task() -> Task:
    """Three views of 32 × 32 pixels: a wave over noise, different in each."""
    return views(3)


def views(count: int, side: int = tiny_editors.SIDE) -> Task:
    """A task of so many square views."""
    random = np.random.default_rng(0)
    across = np.linspace(0, 6, side)[:, None, None]
    pictures = [
        (0.5 + 0.4 * np.sin(across + i) * random.random((1, side, 3))).astype(np.float32)
        for i in range(count)
    ]
    names = [f"view_{i:03d}" for i in range(count)]
    masks = [np.ones((side, side), np.float32)] * count
    return Task("Make it lava", names, pictures, pictures, masks, [11 + i for i in range(count)])
