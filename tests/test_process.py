"""How much memory a process may take: what is set, what the machine has, what a container leaves it."""

from __future__ import annotations

import functools
import subprocess
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


def test_the_most_memory_held_is_the_systems_figure_and_not_the_parents():
    held = bytearray(700 << 20)  # what `getrusage` would tell of a process that is started from here
    code = "from ft2os.process import peak_memory; a = bytearray(300 << 20); print(peak_memory())"
    told = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 300 << 20 < told < 600 << 20 < len(held)


def test_the_whole_memory_is_the_machines():
    psutil = pytest.importorskip("psutil")
    assert process._whole_memory() == psutil.virtual_memory().total


def test_a_gpus_memory_is_asked_of_the_gpu(monkeypatch):
    monkeypatch.delenv(process.MEMORY_ENV, raising=False)
    monkeypatch.setattr(process, "free_memory", lambda: 1000)
    assert available_memory("cuda:0") == 800
    assert available_memory("cpu") != 800
    monkeypatch.setenv(process.MEMORY_ENV, " 1 ")
    assert available_memory("cuda") == 1


def test_a_group_that_uses_more_than_it_may_has_nothing_left(tmp_path):
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    proc.write_text("1:cpu,memory:/job\n2:devices:/other\n")
    names = {"limit_in_bytes": "5000", "usage_in_bytes": "6000"}
    group(root / "memory/job", **{f"memory_dot_{k}": v for k, v in names.items()}, memory_dot_stat="")
    group(root / "memory", **{f"memory_dot_{k}": v for k, v in names.items()}, memory_dot_stat="x 1\n")
    assert process._free_in_groups(proc, root) == [0, 0]
    (root / "memory/job/memory.stat").write_text("total_inactive_file\n")
    assert process._free_in_groups(proc, root) == [0]  # what makes no sense says nothing


CLOSED = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
from ft2os.process import open_standard_streams
open_standard_streams()
print("lost"); print("lost", file=sys.stderr)
assert sys.stdin.read() == ""
assert os.open(sys.argv[1], os.O_RDONLY) > 2
assert (sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno()) == (0, 1, 2)
sys.stdout.close()
os.fstat(1)
os._exit(7)
"""


def test_streams_that_are_closed_are_opened_on_nothing(tmp_path):
    (tmp_path / "a").touch()
    done = subprocess.run([sys.executable, "-c", CLOSED, tmp_path / "a"], timeout=60)
    assert done.returncode == 7


def test_the_command_ends_with_the_exit_code_and_ctrl_c_as_python_has_it(tmp_path):
    code = "import signal; from ft2os.__main__ import main; print(main(), signal.getsignal(2).__name__)"
    absent = {"capture_output": True, "text": True, "cwd": tmp_path}
    done = subprocess.run([sys.executable, "-c", code, "info", "absent"], **absent)
    assert done.stdout.split() == ["1", "default_int_handler"], done.stderr
    assert subprocess.run([sys.executable, "-m", "ft2os", "info", "absent"], **absent).returncode == 1
