"""Reading and writing each format: seconds and peak memory, beside the libraries and Blender's own import.

    python -m benchmarks.formats [--count 1000000] [--degree 3] [--json FILE] [--only NAME ...]

Every row runs in a process of its own. The peak is of memory that is the process' own, sampled (mapped pages
of a file can be given back at any time), less what it had before. ``× floats`` is the peak over the size of
the Gaussians as float32. Formats that take minutes to write (``.sog``) get a tenth of the count. Blender's
rows need ``.venv-blender`` (``make extension``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
BLENDER = ROOT / ".venv-blender" / "bin" / "python"


def scene(count: int, degree: int):
    """Gaussians without any order that a compressor could use."""
    from ft2os.gaussians import Gaussians

    rng = np.random.default_rng(0)
    quats = rng.normal(size=(count, 4)).astype(np.float32)
    return Gaussians(
        means=rng.normal(size=(count, 3)).astype(np.float32),
        quats=quats / np.linalg.norm(quats, axis=1, keepdims=True),
        scales=np.exp(rng.normal(-4, 1, (count, 3))).astype(np.float32),
        opacities=rng.uniform(0.01, 0.99, count).astype(np.float32),
        sh=rng.normal(0, 0.15, (count, (degree + 1) ** 2, 3)).astype(np.float32),
    )


# What a row's process runs: (path, other path) -> None. What it needs is imported before the clock starts.


def read_ours(path: Path, other: Path) -> Callable[[], object]:
    from ft2os.formats import load_scene

    return lambda: load_scene(path)


def write_ours(path: Path, other: Path) -> Callable[[], object]:
    from ft2os.formats import load_scene, save_scene

    # Without the source, so that nothing is copied that must be computed.
    gaussians = load_scene(other).gaussians.replace(source=None, row=None)
    return lambda: save_scene(path, gaussians)


def read_plyfile(path: Path, other: Path) -> Callable[[], object]:
    from plyfile import PlyData

    return lambda: np.array(PlyData.read(str(path))["vertex"].data)


def write_plyfile(path: Path, other: Path) -> Callable[[], object]:
    from plyfile import PlyData, PlyElement

    rows = np.array(PlyData.read(str(other))["vertex"].data)
    return lambda: PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))


def read_gaussforge(path: Path, other: Path) -> Callable[[], object]:
    import gaussforge

    forge, kind = gaussforge.GaussForge(), path.name.partition(".")[2]
    return lambda: forge.read(path.read_bytes(), kind)


def write_gaussforge(path: Path, other: Path) -> Callable[[], object]:
    import gaussforge

    forge, kind = gaussforge.GaussForge(), path.name.partition(".")[2]
    return lambda: path.write_bytes(forge.convert(other.read_bytes(), "ply", kind)["data"])


def import_blender(path: Path, other: Path) -> Callable[[], object]:
    import bpy

    return lambda: bpy.ops.wm.ply_import(filepath=str(path))


def import_extension(path: Path, other: Path) -> Callable[[], object]:
    import bpy

    bpy.ops.extensions.package_install_files(
        filepath=str(max((ROOT / "dist").glob("*.zip"))), repo="user_default", enable_on_install=True
    )
    return lambda: bpy.ops.ft2os.import_scene(filepath=str(path))


def child(work: str, path: str, other: str) -> None:
    """Run one row here and print its figures."""
    run = globals()[work](Path(path), Path(other))
    before = peak = _own_memory()
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.002):
            peak = max(peak, _own_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    kept = run()
    seconds = time.perf_counter() - start
    peak = max(peak, _own_memory())
    ended.set()
    watcher.join()
    del kept
    print("\n" + json.dumps({"seconds": seconds, "peak": peak - before}), flush=True)


def measure(work: str, path: Path, other: Path, python: str = sys.executable) -> dict | None:
    """One row in a process of its own; None where it cannot run."""
    with tempfile.TemporaryDirectory() as user:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "BLENDER_USER_RESOURCES": user}
        command = [python, "-m", "benchmarks.formats", "--child", work, str(path), str(other)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        print(f"  {work} {path.name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def rows(folder: Path, count: int, only: list[str]):
    """(Format, what, figures) as they are measured."""
    from ft2os.formats import registry

    plain = folder / "scene.ply"
    small = folder / "tenth.ply"
    for file_format in [f for f in registry.FORMATS if not only or f.name in only]:
        ending = file_format.endings[0].removeprefix(".")
        path = folder / f"scene.{ending}"
        source = small if file_format.slow else plain
        if file_format.writer is None:
            yield file_format, "made by gaussforge", measure("write_gaussforge", path, plain)
        else:
            written = path if path != plain else folder / "written.ply"
            yield file_format, "ours, write", measure("write_ours", written, source)
        yield file_format, "ours, read", measure("read_ours", path, source)
        if file_format.exact:
            yield file_format, "plyfile alone, write", measure("write_plyfile", folder / "w.ply", plain)
            yield file_format, "plyfile alone, read", measure("read_plyfile", path, plain)
            if BLENDER.exists():
                python = str(BLENDER)
                yield file_format, "Blender's wm.ply_import", measure("import_blender", path, plain, python)
                yield file_format, "our import in Blender", measure("import_extension", path, plain, python)
        else:
            other = folder / f"g.{ending}"
            yield file_format, "gaussforge alone, write", measure("write_gaussforge", other, source)
            yield file_format, "gaussforge alone, read", measure("read_gaussforge", path, source)


def _own_memory() -> int:
    """Bytes of this process that are no file's, as Linux counts them."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.formats", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--degree", type=int, default=3, choices=range(4))
    parser.add_argument("--only", nargs="*", default=[], metavar="FORMAT")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        child(*args.child)
        return
    from ft2os.formats import save_scene

    floats = args.count * 4 * (11 + 3 * (args.degree + 1) ** 2)
    print(f"{args.count:,} Gaussians of degree {args.degree}: {floats / 2**20:,.0f} MiB as floats")
    print(f"{'format':<15}{'':<28}{'seconds':>9}{'peak MiB':>10}{'× floats':>10}{'file MiB':>10}")
    report = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = scene(args.count, args.degree)
        save_scene(folder / "scene.ply", whole)
        save_scene(folder / "tenth.ply", whole.subset(np.arange(max(args.count // 10, 1))))
        del whole
        for file_format, what, figures in rows(folder, args.count, args.only):
            if figures is None:
                continue
            name, file = file_format.name, folder / f"scene{file_format.endings[0]}"
            size = file.stat().st_size if file.exists() else 0
            share = figures["peak"] / (floats / 10 if file_format.slow else floats)
            report.append({"format": name, "what": what, "file_bytes": size, "floats": share, **figures})
            print(
                f"{name:<15}{what:<28}{figures['seconds']:>9.2f}{figures['peak'] / 2**20:>10,.0f}"
                f"{share:>10.2f}{size / 2**20:>10,.1f}",
                flush=True,
            )
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
