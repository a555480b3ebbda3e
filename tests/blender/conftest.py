"""Tests inside Blender's Python: the built zip is installed as an artist would, into a scratch Blender.

Run with the Python of an environment that has bpy and nothing of ours:
``.venv-blender/bin/python -m pytest tests/blender``. ``ft2os`` then comes from the wheel in the zip.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scripts.build_extension import default_zip

ROOT = Path(__file__).resolve().parents[2]
MODULE = "bl_ext.user_default.ft2os_blender"
HAS_BPY = importlib.util.find_spec("bpy") is not None

if not HAS_BPY:
    collect_ignore_glob = ["test_*.py"]


def _backend_python() -> Path:
    name = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return ROOT / ".venv" / name


def _zip() -> Path:
    """The built extension, made anew where a source is younger."""
    built = default_zip()
    named = ("blender_manifest.toml", "pyproject.toml", "constraints.txt", "scripts/build_extension.py")
    sources = [ROOT / name for name in named]
    for folder in ("ft2os_blender", "backend/ft2os"):
        sources += [p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    if not built.exists() or built.stat().st_mtime < max(p.stat().st_mtime for p in sources):
        builder = _backend_python() if _backend_python().exists() else Path(sys.executable)
        script = ROOT / "scripts" / "build_extension.py"
        subprocess.run([builder, script, "--blender-python", sys.executable, "--out", built], check=True)
    return built


def _start_blender() -> None:
    scratch = tempfile.TemporaryDirectory(prefix="ft2os-blender-", ignore_cleanup_errors=True)
    _start_blender.scratch = scratch  # lives as long as the process
    os.environ["BLENDER_USER_RESOURCES"] = scratch.name
    if _backend_python().exists():
        os.environ.setdefault("FT2OS_PYTHON", str(_backend_python()))
    built = _zip()

    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.extensions.package_install_files(filepath=str(built), repo="user_default", enable_on_install=True)
    # FINISHED is answered even for a missing file.
    assert MODULE in bpy.context.preferences.addons, "the extension is not enabled"


if HAS_BPY:
    _start_blender()


@pytest.fixture
def extension():
    """The installed extension's package."""
    return sys.modules[MODULE]


@pytest.fixture(autouse=True)
def empty_blender():
    """Each test starts with an empty file, nothing running and an undo history of its own."""
    from tests.blender.helpers import empty_file

    empty_file()
    yield
    sys.modules[f"{MODULE}.jobs.manager"].manager.close_client()


@pytest.fixture
def two_groups_ply(tmp_path) -> Path:
    """A PLY of two groups, an unassigned rest, an extra property, and its labels beside it."""
    import json

    import numpy as np

    from tests import scenes

    gaussians = scenes.two_groups()
    path = tmp_path / "pair.ply"
    extra = {"confidence": np.linspace(0, 1, len(gaussians), dtype=np.float32)}
    scenes.write_ply(path, gaussians, extra=extra)
    (tmp_path / "labels.json").write_text(json.dumps({str(k): v for k, v in scenes.LABELS.items()}))
    return path


@pytest.fixture
def pair(two_groups_ply):
    """The imported objects of `two_groups_ply`, by name."""
    import bpy

    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    return {obj.name: obj for obj in bpy.data.objects if obj.type == "POINTCLOUD"}
