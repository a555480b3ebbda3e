"""Build dist/ft2os_blender-<version>.zip: stage the extension with its wheels, validate and pack it.

The wheels are ours, built from this tree, and plyfile's; both pure Python. The packing and the validation are
Blender's own (``bl_pkg``), found in the environment that has bpy.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
STAGE = REPOSITORY / "build" / "extension"
WHEELHOUSE = REPOSITORY / "build" / "wheelhouse"
PLYFILE = "plyfile>=1.0,<2"
WHEELS_LINE = "# scripts/build_extension.py puts the list of wheels here"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender-python", type=Path, default=REPOSITORY / ".venv-blender/bin/python")
    parser.add_argument("--out", type=Path, help="the zip; by default in dist/, named by the version")
    parser.add_argument(
        "--dev", type=int, help="build number: Blender keeps an old wheel of the same version"
    )
    args = parser.parse_args()

    manifest = tomllib.loads((REPOSITORY / "blender_manifest.toml").read_text("utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    if manifest["version"] != project["version"]:
        sys.exit(f"blender_manifest.toml says {manifest['version']}, pyproject.toml {project['version']}.")
    out = args.out or REPOSITORY / "dist" / f"{manifest['id']}-{manifest['version']}.zip"

    stage([own_wheel(args.dev), plyfile_wheel()])
    packager = find_packager(args.blender_python)
    pack(packager, out.resolve())
    print(f"{out} ({out.stat().st_size / 1024:.0f} KiB)")


def own_wheel(dev: int | None) -> Path:
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
        return _keep(next(made.glob("ft2os-*.whl")))


def plyfile_wheel() -> Path:
    """plyfile's wheel, downloaded once and kept."""
    kept = sorted(WHEELHOUSE.glob("plyfile-*-none-any.whl"))
    if kept:
        return kept[-1]
    with tempfile.TemporaryDirectory() as folder:
        _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, PLYFILE])
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
    at = next(i for i, line in enumerate(lines) if line.startswith(WHEELS_LINE))
    lines[at] = f"wheels = [{listed}]"
    (STAGE / "blender_manifest.toml").write_text("\n".join(lines) + "\n", "utf-8")


def find_packager(blender_python: Path) -> Path:
    """Blender's ``blender_ext.py`` in the environment of ``blender_python``; it runs under any Python."""
    found = sorted(
        blender_python.parent.parent.glob(
            "lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
        )
    )
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
    _run([sys.executable, packager, "validate", out])


def _keep(wheel: Path) -> Path:
    WHEELHOUSE.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(wheel, WHEELHOUSE))


def _set_dev_version(source: Path, dev: int) -> None:
    for path, key in (
        (source / "pyproject.toml", "version"),
        (source / "backend/ft2os/__init__.py", "__version__"),
    ):
        lines = path.read_text("utf-8").splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[at] = f'{lines[at][:-1]}.dev{dev}"'
        path.write_text("\n".join(lines) + "\n", "utf-8")


def _run(command: list) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
