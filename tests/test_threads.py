"""What is settled before numba: how many threads kernels run on, and where compiled kernels are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ft2os import threads

only_with_users = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no user ids on this platform")


def test_workers_can_be_set(monkeypatch):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for asked, given in (("3", 3), ("1", 1), ("many", cores), ("0", cores), ("", cores)):
        monkeypatch.setenv("FT2OS_THREADS", asked)
        assert threads.workers() == given


@pytest.fixture
def cache_of(tmp_path) -> Callable[[str], Path]:
    """The folder that a new process keeps compiled kernels in, whose cache folder is ``tmp_path/name``."""
    code = "from ft2os import threads; import os; print(os.environ['NUMBA_CACHE_DIR'])"
    environment = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "FT2OS_CACHE")}

    def ask(name: str) -> Path:
        places = {"XDG_CACHE_HOME": str(tmp_path / name), "TMPDIR": str(tmp_path / "tmp")}
        (tmp_path / "tmp").mkdir(exist_ok=True)
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, env=environment | places, timeout=60,
        )  # fmt: skip
        folder = Path(result.stdout.strip())
        assert folder.is_dir(), result.stderr
        assert os.access(folder, os.W_OK)
        return folder

    return ask


def test_compiled_kernels_are_kept_in_the_users_cache(tmp_path, cache_of):
    (tmp_path / "home").mkdir()
    folder = cache_of("home")
    assert tmp_path / "home" in folder.parents
    assert cache_of("home") == folder


@only_with_users
def test_without_a_cache_folder_each_user_has_a_temporary_one(tmp_path, cache_of):
    (tmp_path / "blocked").write_text("a file where the cache folder would be")
    folder = cache_of("blocked")
    assert folder.parent == tmp_path / "tmp" / f"ft2os-{os.getuid()}"
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert cache_of("blocked") == folder  # kept for the next process


@only_with_users
@pytest.mark.parametrize("others", [0o020, 0o002])
def test_a_temporary_folder_that_others_can_write_to_is_not_used(tmp_path, cache_of, others):
    """numba unpickles what it finds there."""
    (tmp_path / "blocked").write_text("a file where the cache folder would be")
    shared = tmp_path / "tmp" / f"ft2os-{os.getuid()}"
    shared.mkdir(parents=True)
    shared.chmod(0o700 | others)
    folder = cache_of("blocked")
    assert shared not in folder.parents
    assert not list(shared.iterdir())
