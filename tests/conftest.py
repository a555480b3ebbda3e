"""What every test may ask for: the real captures, where they are found beside the project."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that `from tests.scenes import ball` works however pytest is started

from tests.skips import pytest_sessionfinish, pytest_terminal_summary  # noqa: E402, F401  hooks of pytest

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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a real GPU where there is none."""
    if item.get_closest_marker("gpu"):
        from ft2os.render import engine_name

        if engine_name() != "gsplat":
            pytest.skip("needs an NVIDIA GPU and gsplat: make test-gpu")


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A GPU that is only pretended, with a stand-in for gsplat: see ``tests.gpu.pretended_cuda``."""
    from ft2os import device
    from ft2os.guidance import clip_judge
    from ft2os.render import cuda
    from ft2os.worker import drawing
    from tests import gsplat_standin
    from tests.gpu import pretended_cuda

    gsplat_standin.install(monkeypatch)
    monkeypatch.setattr(device, "has_driver", lambda: True)
    monkeypatch.setattr(device, "has_gsplat", lambda: True)
    remembering = (clip_judge._load, cuda._lacking, drawing._cuda_rasterizer)
    for function in remembering:
        function.cache_clear()
    with pretended_cuda.present():
        yield
    for function in remembering:  # what they made lives on the pretended GPU
        function.cache_clear()


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request: pytest.FixtureRequest) -> str:
    """The device "cuda", with gsplat: pretended everywhere, and real where there is one."""
    if request.param == "pretended":
        request.getfixturevalue("pretended_gpu")
    return "cuda"


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """``with full_disk(size):`` no file can grow beyond ``size`` bytes, as if its disk were full.

    Only within the block: the test runner's own output may go to a file too.
    """
    resource = pytest.importorskip("resource")

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return limited
