"""What every test may ask for: the real captures, where they are found beside the project."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that `from tests.scenes import ball` works however pytest is started

# torch and numba each bring an OpenMP runtime; passive waiting keeps them from spinning against each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real captures: ``FT2OS_TEST_DATA``, or ``../shared/data`` beside the repository."""
    named = os.environ.get("FT2OS_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}; set FT2OS_TEST_DATA to run this test")
    return folder.resolve()


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """``full_disk(size)``: from now on no file can grow beyond ``size`` bytes, as if its disk were full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)
