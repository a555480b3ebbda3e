"""Lay a release out in dist/: the extension's zip, the wheel, an index for Blender, and their checksums.

The wheel is the one that the zip carries. The index is what Blender's *Add Remote Repository* reads: any
static host can serve the folder, and a ``file://`` address names it too. The same zip gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.build_extension import REPOSITORY, default_zip, find_packager


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zip", type=Path, default=default_zip())
    parser.add_argument("--blender-python", type=Path, default=REPOSITORY / ".venv-blender/bin/python")
    parser.add_argument("--out", type=Path, help="the folder; by default the zip's")
    args = parser.parse_args()
    for path in release(args.zip, find_packager(args.blender_python), args.out or args.zip.parent):
        print(path)


def release(built: Path, packager: Path, out: Path) -> list[Path]:
    """Lay out the release of the zip ``built`` in the folder ``out``, and list its files."""
    out.mkdir(parents=True, exist_ok=True)
    copied = out / built.name
    if copied.resolve() != built.resolve():
        shutil.copyfile(built, copied)
    files = [copied, wheel_of(built, out), index_of(built, packager, out)]
    sums = out / "SHA256SUMS"
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    sums.write_text("".join(lines), "utf-8", newline="\n")
    return [*files, sums]


def wheel_of(built: Path, out: Path) -> Path:
    """The wheel of ft2os that travels in the zip, beside it."""
    with zipfile.ZipFile(built) as archive:
        name = next(name for name in archive.namelist() if name.startswith("wheels/ft2os-"))
        path = out / Path(name).name
        path.write_bytes(archive.read(name))
    return path


def index_of(built: Path, packager: Path, out: Path) -> Path:
    """``index.json`` for Blender, of this zip alone: ``dist`` keeps the zips of earlier versions too."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(built, Path(folder) / built.name)
        done = subprocess.run(
            [sys.executable, packager, "server-generate", "--repo-dir", folder],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            sys.exit(f"Blender's packager made no index:\n{done.stdout}{done.stderr}")
        return Path(shutil.copyfile(Path(folder) / "index.json", out / "index.json"))


if __name__ == "__main__":
    main()
