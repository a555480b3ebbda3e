"""Every test that needs a GPU, then the benchmark's rows there, in one table: ``make test-gpu``.

Two halves. ``--check`` runs before anything is installed, with any Python: is there a GPU, and what gsplat's
kernels are compiled with? The rest runs in ``.venv`` and has ten minutes in all, unless compiling the kernels
takes most of them: the marked tests compare the GPU with the CPU, and the benchmark measures part after part
until the time is up. The table goes to ``out/gpu.md``; what failed, or was not reached, stands in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "backend"))

from ft2os import device  # noqa: E402

LIMIT_S = 600.0
COMPILING_S = 1800.0  # on few cores; gsplat would begin anew, so this is not cut at the limit
LEAST_S = 240.0  # for tests and benchmarks, however long the compiling took
NO_GPU = "There is no NVIDIA GPU on this machine (no driver is loaded). Nothing was installed."
NO_COMPILER = (
    "gsplat's kernels are compiled by nvcc, which is not on this machine: install NVIDIA's CUDA toolkit of "
    "the version that torch was built with, or set CUDA_HOME. Nothing was installed."
)
NO_CUDA = "torch {version} in {python} cannot use the GPU: put a build of torch for CUDA there."
DRAW = """
import torch
from ft2os.render import engine_name, rasterize
assert engine_name() == "gsplat", "gsplat is not installed, or has no kernels"
one = {"means": [[0, 0, 2]], "quats": [[1, 0, 0, 0]], "scales": [[0.1] * 3], "opacities": [0.9]}
one["colors"] = [[1, 1, 1]]
tensors = {name: torch.tensor(value, dtype=torch.float32, device="cuda") for name, value in one.items()}
K = torch.tensor([[[40.0, 0, 16], [0, 40, 16], [0, 0, 1]]], device="cuda")
rgb, _, _ = rasterize(**tensors, viewmats=torch.eye(4, device="cuda")[None], Ks=K, width=32, height=32)
assert 0.8 < float(rgb.max()) < 1
"""
# Parts of the benchmark, what matters most first, and the presets that are run whole.
PARTS = ("sizes", "presets", "batch", "judges", "paper")
PRESETS = "clip:draft,clip:standard,clip:high,material:standard"


@dataclass
class Found:
    """What the table is made of.

    Parameters
    ----------
    machine : dict
        Facts by name.
    tests : dict
        (passed, failed, skipped, seconds) by file.
    failed : list of str
        Tests by name, with the first line of what they say.
    benchmark : dict
        The benchmark's own report, part by part.
    missed : list of str
        What was not reached or went wrong, each a sentence.
    """

    machine: dict[str, str] = field(default_factory=dict)
    tests: dict[str, tuple[int, int, int, float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    benchmark: dict = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether tests ran and none failed, none was skipped and nothing was missed."""
        counts = list(self.tests.values())
        return bool(counts) and not self.failed and not self.missed and not any(c[2] for c in counts)


def lacking() -> str | None:
    """Why nothing can be run here, asked without torch; None where it can."""
    if not device.has_driver():
        return NO_GPU
    return None if device.has_gsplat() or device.has_nvcc() else NO_COMPILER


class Clock:
    """What is left of the time."""

    def __init__(self, limit: float) -> None:
        self._end = time.monotonic() + limit

    def left(self) -> float:
        return self._end - time.monotonic()


def run(command: Sequence[str], name: str, clock: Clock, found: Found) -> bool:
    """Run a step within what is left of the time; what becomes of it otherwise is noted as missed."""
    if clock.left() <= 0:
        found.missed.append(f"{name}: no time was left for it.")
        return False
    print(f"== {name}", flush=True)
    environment = {name: value for name, value in os.environ.items() if name != device.DEVICE_ENV}
    try:
        code = subprocess.run(command, cwd=ROOT, env=environment, timeout=clock.left()).returncode
    except subprocess.TimeoutExpired:
        found.missed.append(f"{name}: stopped when the time was up.")
        return False
    if code:
        found.missed.append(f"{name}: ended with code {code}.")
    return not code


def read_tests(path: Path, found: Found) -> None:
    """Take in what pytest wrote as JUnit XML."""
    for case in ElementTree.parse(path).iter("testcase"):
        file = case.get("classname", "").rpartition(".Test")[0] or case.get("classname", "")
        passed, failed, skipped, seconds = found.tests.get(file, (0, 0, 0, 0.0))
        wrong = [case.find(kind) for kind in ("failure", "error")]
        wrong = [part for part in wrong if part is not None]
        left_out = case.find("skipped") is not None
        if wrong:
            first = (wrong[0].get("message") or "").splitlines()
            found.failed.append(f"{file}::{case.get('name')}: {first[0] if first else ''}")
        good = not wrong and not left_out
        counts = (passed + good, failed + bool(wrong), skipped + left_out)
        found.tests[file] = (*counts, seconds + float(case.get("time", 0)))


def table(found: Found) -> str:
    """All of it in Markdown."""
    lines = ["# On a GPU", ""]
    lines += [f"- {name}: {value}" for name, value in found.machine.items()]
    lines += [
        "",
        "| Tests against the CPU | passed | failed | skipped | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    for file, (passed, failed, skipped, seconds) in sorted(found.tests.items()):
        lines.append(f"| {file} | {passed} | {failed} | {skipped} | {seconds:.1f} |")
    lines += _benchmark(found.benchmark)
    for title, notes in (("Failed", found.failed), ("Not done", found.missed)):
        lines += ["", f"## {title}", "", *(f"- {note}" for note in notes)] if notes else []
    return "\n".join(lines) + "\n"


def _benchmark(report: dict) -> list[str]:
    rows = []
    for row in report.get("sizes", ()):
        what = f"a view of {row['gaussians']:,} Gaussians"
        for name, says in (
            ("build", "linear form built"),
            ("linear", "drawn by the linear form, and back"),
            ("rasterizer", "rasterized, and back"),
        ):
            rows.append((f"{what}: {says}", row[f"{name}_seconds_view"]))
    for row in report.get("presets", {}).get("rows", ()):
        if "seconds" in row:
            rows.append((f"{row['method']} {row['preset']}, whole", row["seconds"]))
    rows += [
        (f"a judged view, {row['batch']} at once", row["seconds_judged_view"])
        for row in report.get("batch", ())
    ]
    rows += [
        (f"a picture judged by {row['model']}", row["seconds_judged_view"])
        for row in report.get("judges", ())
    ]
    if "paper" in report:
        rows.append(("the paper's loop, extrapolated", report["paper"]["loop"]["seconds"]))
    if not rows:
        return []
    return [
        "",
        "| Benchmark | ms |",
        "|---|---:|",
        *(f"| {what} | {1000 * value:,.2f} |" for what, value in rows),
    ]


def _machine(found: Found) -> str | None:
    """Note what this is; the reason where torch cannot use it."""
    import torch

    if not torch.cuda.is_available():
        return NO_CUDA.format(version=torch.__version__, python=sys.executable)
    from importlib.metadata import version

    memory = torch.cuda.mem_get_info()[1] / 1e9
    capability = ".".join(map(str, torch.cuda.get_device_capability()))
    found.machine |= {
        "GPU": f"{torch.cuda.get_device_name()}, {memory:.0f} GB, compute capability {capability}",
        "torch": f"{torch.__version__}, CUDA {torch.version.cuda}",
        "gsplat": version("gsplat"),
    }
    return None


def main(argv: list[str] | None = None) -> int:
    """Check, or run everything and write the table; 1 where something is missing or failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether this machine can")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "gpu.md")
    options = parser.parse_args(argv)
    found = Found()
    reason = lacking() or (None if options.check else _machine(found))
    if reason or options.check:
        print(
            reason or "There is a GPU, and what compiles gsplat's kernels.",
            file=sys.stderr if reason else sys.stdout,
        )
        return bool(reason)
    folder = options.out.parent / "gpu"
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    if run(
        [sys.executable, "-c", DRAW], "Compiling gsplat's kernels, and one splat", Clock(COMPILING_S), found
    ):
        spent = time.monotonic() - began
        found.machine["kernels and first splat"] = f"{spent:.0f} s"
        clock = Clock(max(LIMIT_S - spent, LEAST_S))
        _tests(folder / "tests.xml", clock, found)
        _measure(folder, clock, found)
    options.out.write_text(table(found), encoding="utf-8")
    print(f"\n{table(found)}\n{options.out}")
    return 0 if found.good else 1


def _tests(path: Path, clock: Clock, found: Found) -> None:
    path.unlink(missing_ok=True)
    ignored = [f"--ignore=tests/{name}" for name in ("blender", "window")]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", *ignored, f"--junitxml={path}"]
    run(command, "Tests on the GPU against the CPU", clock, found)
    if path.exists():
        read_tests(path, found)


def _measure(folder: Path, clock: Clock, found: Found) -> None:
    """A process a part, so that what was measured stays when the time is up."""
    for part in PARTS:
        path = folder / f"{part}.json"
        path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.stylize", "--parts", part, "--presets", PRESETS]
        if run([*command, "--steps", "20", "--json", str(path)], f"Benchmark: {part}", clock, found):
            found.benchmark[part] = json.loads(path.read_text("utf-8"))[part]


if __name__ == "__main__":
    sys.exit(main())
