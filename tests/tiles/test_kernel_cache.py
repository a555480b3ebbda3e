"""Compiled kernels come from the cache, and a cache that is damaged in any way is made again."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path

import numba
import pytest

from ft2os.kernels import OPTIONS, njit

SOURCE = "def twice(x):\n    return 2 * x\n"


@pytest.fixture
def compile_again(tmp_path, monkeypatch) -> Callable:
    """Compile the same small kernel as a new process would; gives its result for 21 and its cache hits."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    numba.config.reload_config()  # numba does so by itself, but not before the first kernel is made
    (tmp_path / "small_kernel.py").write_text(SOURCE)

    def call() -> tuple[int, int]:
        spec = importlib.util.spec_from_file_location("small_kernel", tmp_path / "small_kernel.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        kernel = njit(**OPTIONS)(module.twice)
        return kernel(21), sum(kernel.stats.cache_hits.values())

    return call


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def flip(path: Path) -> None:
    """Change one byte in the middle, where the machine code is."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


VERSION = pickle.dumps(numba.__version__)
DAMAGES = {
    "empty index": (".nbi", lambda path: path.write_bytes(b"")),
    "cut index": (".nbi", cut),
    "other pickle": (".nbi", lambda path: path.write_bytes(VERSION + pickle.dumps(5))),
    "lying index": (".nbi", lambda path: path.write_bytes(VERSION + b"\x80\x04\x95" * 9)),
    "index is a folder": (".nbi", become_a_folder),
    "empty code": (".nbc", lambda path: path.write_bytes(b"")),
    "cut code": (".nbc", cut),
    "garbage code": (".nbc", lambda path: path.write_bytes(bytes(range(256)) * 20)),
    "changed code": (".nbc", flip),
    "code is a folder": (".nbc", become_a_folder),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again(tmp_path, compile_again, damage):
    ending, spoil = DAMAGES[damage]
    assert compile_again() == (42, 0)
    assert compile_again() == (42, 1)
    (path,) = (tmp_path / "cache").rglob(f"*{ending}")
    spoil(path)
    assert compile_again() == (42, 0)
    if "folder" not in damage:
        assert compile_again() == (42, 1)


def test_a_file_where_the_cache_would_be_does_no_harm(tmp_path, compile_again):
    (tmp_path / "cache").write_text("not a folder")
    assert compile_again()[0] == 42
    assert (tmp_path / "cache").read_text() == "not a folder"
