"""What is said of devices without torch: gsplat's kernels, and memory that ran out."""

import importlib
import os
import subprocess
import sys

import pytest

from ft2os import device


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with neither gsplat nor CUDA; ``add`` puts a file on it."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(device, "_CUDA_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "gsplat", raising=False)

    def add(name: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)

    return add


def test_gsplat_draws_where_its_kernels_are_or_can_be_compiled(machine, tmp_path, monkeypatch):
    assert not device.has_gsplat()
    machine("gsplat/__init__.py")
    assert not device.has_gsplat(), "it has no kernels, and nothing compiles them"
    machine("cuda/bin/nvcc")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "cuda"))
    assert device.has_gsplat()
    monkeypatch.delenv("CUDA_HOME")
    machine("bin/nvcc")
    assert device.has_gsplat()


def test_a_gsplat_with_kernels_needs_no_compiler(machine):
    machine("gsplat/__init__.py")
    machine("gsplat/csrc.cpython-311-x86_64-linux-gnu.so")
    assert device.has_gsplat()
    assert "gsplat" not in sys.modules


def test_a_process_told_to_use_the_cpu_does_not_import_torch():
    code = "import sys; sys.modules['torch'] = None; from ft2os import device; print(device.best_device())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"FT2OS_DEVICE": "cpu"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "cpu\n"


def test_memory_of_the_machine_and_of_the_gpu_runs_out_alike():
    torch = pytest.importorskip("torch")
    assert device.lacks_memory(MemoryError())
    assert device.lacks_memory(torch.cuda.OutOfMemoryError("CUDA out of memory."))
    assert not device.lacks_memory(RuntimeError("CUDA error: device-side assert triggered"))


@pytest.mark.parametrize("variable", ["CUDA_HOME", "CUDA_PATH"])
def test_cudas_compiler_is_looked_for_where_torch_does(machine, tmp_path, monkeypatch, variable):
    machine("cuda/bin/nvcc")
    assert not device.has_nvcc()
    monkeypatch.setenv(variable, str(tmp_path / "cuda"))
    assert device.has_nvcc()


def test_cudas_compiler_is_looked_for_at_its_usual_place(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "_CUDA_HOME", str(tmp_path / "cuda"))
    machine("cuda/nvcc")
    assert not device.has_nvcc()
    machine("cuda/bin/nvcc")
    assert device.has_nvcc()


def test_kernels_in_one_of_gsplats_folders_suffice(machine, tmp_path, monkeypatch):
    """As an installation for development has it: the module here, what was built there."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "other")])
    for name in ("one/gsplat/rendering.py", "other/gsplat/README"):
        machine(name)
    importlib.invalidate_caches()
    assert not device.has_gsplat()
    machine("other/gsplat/csrc.pyd")
    assert device.has_gsplat()


@pytest.mark.parametrize(("there", "found"), [((), False), (("nvidiactl",), True), (("dxg",), True)])
def test_a_driver_shows_itself_as_a_device(tmp_path, monkeypatch, there, found):
    for name in there:
        (tmp_path / name).touch()
    real = device.Path
    monkeypatch.setattr(device, "Path", lambda path: real(str(path).replace("/dev", str(tmp_path), 1)))
    assert device.has_driver() is found


def test_the_cpu_computes_in_full_precision():
    torch = pytest.importorskip("torch")
    assert device.half_precision(torch.device("cpu")) is None


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.delenv(device.DEVICE_ENV, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.best_device() == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.best_device() == "cuda"
    monkeypatch.setenv(device.DEVICE_ENV, "cpu")
    assert device.best_device() == "cpu"
