"""What ``make test-gpu`` says where there is no GPU, how its time is kept, and its table."""

import sys

import pytest

from ft2os import device
from scripts import gpu_report
from scripts.gpu_report import Clock, Found

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.gpu.test_engine" name="alike" time="0.5"/>
<testcase classname="tests.gpu.test_engine" name="else" time="1.5"><failure message="they differ&#10;by much"/></testcase>
<testcase classname="tests.worker.test_gpu" name="left" time="0"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>"""  # noqa: E501
SIZES = {
    "gaussians": 5000,
    "build_seconds_view": 0.001,
    "linear_seconds_view": 0.0002,
    "rasterizer_seconds_view": 0.4,
}


@pytest.mark.parametrize("only_check", [True, False])
def test_without_a_gpu_it_says_so_and_fails_before_anything_runs(monkeypatch, capsys, tmp_path, only_check):
    monkeypatch.setattr(device, "has_driver", lambda: False)
    monkeypatch.setattr(gpu_report, "run", lambda *_: pytest.fail("something was run"))
    out = tmp_path / "gpu.md"
    assert gpu_report.main(["--out", str(out), *(["--check"] if only_check else [])]) == 1
    assert "no NVIDIA GPU" in capsys.readouterr().err
    assert not out.exists()


def test_a_gpu_without_gsplats_compiler_is_told_what_lacks(monkeypatch, capsys):
    monkeypatch.setattr(device, "has_driver", lambda: True)
    monkeypatch.setattr(device, "has_gsplat", lambda: False)
    monkeypatch.setattr(device, "has_nvcc", lambda: False)
    assert gpu_report.main(["--check"]) == 1
    assert "nvcc" in capsys.readouterr().err
    monkeypatch.setattr(device, "has_nvcc", lambda: True)
    assert gpu_report.main(["--check"]) == 0


def test_a_torch_that_cannot_use_the_gpu_is_told(monkeypatch, capsys, tmp_path):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(gpu_report, "lacking", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_report.main(["--out", str(tmp_path / "gpu.md")]) == 1
    said = capsys.readouterr().err
    assert torch.__version__ in said
    assert "CUDA" in said


def test_steps_that_fail_or_come_too_late_are_noted(monkeypatch):
    found = Found()
    assert gpu_report.run([sys.executable, "-c", ""], "good", Clock(60), found)
    assert not gpu_report.run([sys.executable, "-c", "raise SystemExit(3)"], "bad", Clock(60), found)
    assert not gpu_report.run([sys.executable, "-c", ""], "late", Clock(0), found)
    assert not gpu_report.run([sys.executable, "-c", "input()"], "slow", Clock(1e-3), found)
    assert [note.partition(":")[0] for note in found.missed] == ["bad", "late", "slow"]
    assert "code 3" in found.missed[0]


def test_the_table_holds_tests_benchmarks_and_what_went_wrong(tmp_path):
    found = Found(machine={"GPU": "pretended"}, missed=["Benchmark: paper: no time was left for it."])
    (tmp_path / "tests.xml").write_text(JUNIT)
    gpu_report.read_tests(tmp_path / "tests.xml", found)
    found.benchmark = {
        "sizes": [SIZES],
        "presets": {
            "rows": [{"method": "clip", "preset": "high", "seconds": 12.5}, {"skipped": "no weights"}]
        },
        "paper": {"loop": {"seconds": 90.0}},
    }
    lines = gpu_report.table(found).splitlines()
    assert "- GPU: pretended" in lines
    assert "| tests.gpu.test_engine | 1 | 1 | 0 | 2.0 |" in lines
    assert "| tests.worker.test_gpu | 0 | 0 | 1 | 0.0 |" in lines
    assert "| a view of 5,000 Gaussians: rasterized, and back | 400.00 |" in lines
    assert "| clip high, whole | 12,500.00 |" in lines
    assert "- tests.gpu.test_engine::else: they differ" in lines
    assert "- Benchmark: paper: no time was left for it." in lines
    assert not found.good


def test_only_tests_that_ran_and_passed_are_good():
    passed = {"tests.gpu.test_engine": (3, 0, 0, 1.0)}
    assert Found(tests=passed).good
    assert not Found().good
    assert not Found(tests=passed | {"tests.x": (0, 0, 2, 0.0)}).good
    assert not Found(tests=passed, missed=["the benchmark"]).good
