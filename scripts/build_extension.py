"""Build dist/ft2os_blender-<version>.zip: stage the extension with its wheels, validate and pack it.

The wheels are ours, built from this tree, and plyfile's; both pure Python. The packing and the validation are
Blender's own (``bl_pkg``), found in the environment that has bpy. The same tree gives the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
STAGE = REPOSITORY / "build" / "extension"
WHEELHOUSE = REPOSITORY / "build" / "wheelhouse"
CONSTRAINTS = REPOSITORY / "constraints.txt"
FILLED_IN = "# scripts/build_extension.py writes both below this line."
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender-python", type=Path, default=REPOSITORY / ".venv-blender/bin/python")
    parser.add_argument("--out", type=Path, help="the zip; by default in dist/, named by the version")
    parser.add_argument(
        "--dev", type=int, help="build number: Blender keeps an old wheel of the same version"
    )
    args = parser.parse_args()

    out = args.out or default_zip()
    stage([own_wheel(args.dev), plyfile_wheel()])
    pack(find_packager(args.blender_python), out.resolve())
    print(f"{out} ({out.stat().st_size / 1024:.0f} KiB)")


def version() -> str:
    """The version of ft2os, read without importing it: Blender's Python has none of ours."""
    tree = ast.parse((REPOSITORY / "backend/ft2os/__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return ast.literal_eval(node.value)
    sys.exit("backend/ft2os/__init__.py has no __version__.")


def default_zip() -> Path:
    """Where ``make extension`` puts the zip of this version."""
    manifest = tomllib.loads((REPOSITORY / "blender_manifest.toml").read_text("utf-8"))
    return REPOSITORY / "dist" / f"{manifest['id']}-{version()}.zip"


def own_wheel(dev: int | None = None) -> Path:
    """The ft2os wheel, built from a copy: setuptools would pick up stale files from ``build/``."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        for name in ("pyproject.toml", "LICENSE", "README.md"):
            if (REPOSITORY / name).exists():
                shutil.copy(REPOSITORY / name, source)
        (source / "README.md").touch()
        shutil.copytree(
            REPOSITORY / "backend",
            source / "backend",
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
        )
        if dev is not None:
            _set_dev_version(source, dev)
        made = Path(folder) / "wheels"
        _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", made, source])
        wheel = next(made.glob("ft2os-*.whl"))
        normalise(wheel)
        return _keep(wheel)


def plyfile_wheel() -> Path:
    """plyfile's wheel of the tested version, downloaded once and kept."""
    pinned = next(
        line for line in CONSTRAINTS.read_text("utf-8").splitlines() if line.startswith("plyfile==")
    )
    kept = WHEELHOUSE / f"plyfile-{pinned.partition('==')[2]}-py3-none-any.whl"
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory() as folder:
        _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, pinned])
        return _keep(next(Path(folder).glob("plyfile-*.whl")))


def stage(wheels: list[Path]) -> None:
    """Lay out what goes into the zip under ``build/extension``."""
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.copytree(REPOSITORY / "ft2os_blender", STAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "LICENSE", STAGE)
    (STAGE / "wheels").mkdir()
    for wheel in wheels:
        if not wheel.name.endswith("-none-any.whl"):
            sys.exit(f"{wheel.name} is not pure Python and would break with the next Blender.")
        shutil.copy(wheel, STAGE / "wheels")
    listed = ", ".join(f'"./wheels/{wheel.name}"' for wheel in wheels)
    lines = (REPOSITORY / "blender_manifest.toml").read_text("utf-8").splitlines()
    at = lines.index(FILLED_IN) + 1
    lines[at:at] = [f'version = "{version()}"', f"wheels = [{listed}]"]
    (STAGE / "blender_manifest.toml").write_text("\n".join(lines) + "\n", "utf-8")


def find_packager(blender_python: Path) -> Path:
    """Blender's ``blender_ext.py`` in the environment of ``blender_python``; it runs under any Python."""
    environment = blender_python.parent.parent  # whose layout differs from system to system
    found = sorted(environment.rglob("bl_pkg/cli/blender_ext.py"))
    if not found:
        sys.exit(
            f"{blender_python} has no bpy, and with it no packager: run `make .venv-blender/.installed`."
        )
    return found[-1]


def pack(packager: Path, out: Path) -> None:
    """Validate the staged extension, build the zip, validate the zip."""
    out.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, packager, "validate", STAGE])
    _run([sys.executable, packager, "build", "--source-dir", STAGE, "--output-filepath", out])
    normalise(out)
    _run([sys.executable, packager, "validate", out])


def normalise(path: Path) -> None:
    """Write a zip anew in one order, with one date and one mode, so that only its content makes its bytes.

    The folder's order, the clock and the umask differ from machine to machine. A wheel's ``.dist-info`` stays
    at the end, where the standard of wheels wants it.
    """
    fresh = path.with_name(f".{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(fresh, "w") as new:
        for entry in sorted(old.infolist(), key=lambda e: (".dist-info/" in e.filename, e.filename)):
            clean = zipfile.ZipInfo(entry.filename, EPOCH)
            clean.compress_type = entry.compress_type
            clean.create_system = 3  # Unix, wherever this runs
            clean.external_attr = 0o100644 << 16
            new.writestr(clean, old.read(entry), compresslevel=9)
    os.replace(fresh, path)


def _keep(wheel: Path) -> Path:
    WHEELHOUSE.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(wheel, WHEELHOUSE))


def _set_dev_version(source: Path, dev: int) -> None:
    path = source / "backend/ft2os/__init__.py"
    now = version()
    path.write_text(path.read_text("utf-8").replace(f'"{now}"', f'"{now}.dev{dev}"'), "utf-8")


def _run(command: list) -> None:
    """Run a command; the tools that build a wheel are those of the tested set too (pip 25.3 and newer)."""
    told = {**os.environ, "PIP_BUILD_CONSTRAINT": str(CONSTRAINTS)}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=told)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
