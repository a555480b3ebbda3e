"""How much memory a process may take: what is set, what the machine has, what a container leaves it."""

from __future__ import annotations

import functools
import sys

import pytest

from ft2os import process
from ft2os.errors import RequestError
from ft2os.process import available_memory


@pytest.mark.parametrize("told", ["much", "-5", "0", "1.5e9"])
def test_a_limit_that_is_no_number_of_bytes_is_refused(monkeypatch, told):
    monkeypatch.setenv(process.MEMORY_ENV, told)
    with pytest.raises(RequestError, match=process.MEMORY_ENV):
        available_memory()


def test_what_is_free_is_asked_of_the_machine(monkeypatch):
    monkeypatch.delenv(process.MEMORY_ENV, raising=False)
    psutil = pytest.importorskip("psutil")
    assert 0 < available_memory() < psutil.virtual_memory().total


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_dot_", ".")).write_text(text)


def test_limits_of_control_groups_count_at_every_level(tmp_path):
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    proc.write_text("0::/pod/job\n")
    stat = "anon 100\ninactive_file 300\n"
    group(root / "pod", memory_dot_max="5000", memory_dot_current="4000", memory_dot_stat=stat)
    group(root / "pod/job", memory_dot_max="max", memory_dot_current="4000", memory_dot_stat=stat)
    assert process._free_in_groups(proc, root) == [1300]


def test_limits_of_the_first_version_count_too_where_the_own_path_is_not_to_be_seen(tmp_path):
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    proc.write_text("5:cpu:/docker/abc\n4:memory:/docker/abc\n")
    group(
        root / "memory",
        memory_dot_limit_in_bytes="9000\n",
        memory_dot_usage_in_bytes="8500\n",
        memory_dot_stat="total_inactive_file 100\n",
    )
    assert process._free_in_groups(proc, root) == [600]
    assert process._free_in_groups(tmp_path / "none", root) == []


@pytest.mark.parametrize("psutil", ["there", "missing"])
def test_the_limit_of_a_container_bounds_what_may_be_used(tmp_path, monkeypatch, psutil):
    """Without it the system kills the work in its middle. Blender's Python has no psutil."""
    monkeypatch.delenv(process.MEMORY_ENV, raising=False)
    if psutil == "missing":
        monkeypatch.setitem(sys.modules, "psutil", None)  # importing it raises ImportError
    else:
        pytest.importorskip("psutil")
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    proc.write_text("0::/job\n")
    read = functools.partial(process._free_in_groups, proc, root)
    monkeypatch.setattr(process, "_free_in_groups", read)
    group(root / "job", memory_dot_max="5000", memory_dot_current="4000", memory_dot_stat="anon 4000\n")
    assert available_memory() == 800  # a fifth is left for whatever else runs
    group(root / "job", memory_dot_max=str(10**18))
    assert 10**6 < available_memory() < 10**15
