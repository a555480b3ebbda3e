"""A method that was added by the steps of CONTRIBUTING.md is in the panel's menu, and makes looks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests import contributing
from tests.scenes import ball, write_ply

ROOT = contributing.ROOT
_SCRIPT = """
import sys
import bpy

built, scene = sys.argv[1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=built, repo="user_default", enable_on_install=True)
bpy.ops.ft2os.import_scene(filepath=scene)
settings = bpy.context.scene.ft2os
settings.method = "negative"
item = settings.bl_rna.properties["method"].enum_items["negative"]
print("MENU", item.name, item.value, settings.preset)
bpy.context.view_layer.objects.active = next(o for o in bpy.data.objects if o.type == "POINTCLOUD")
assert bpy.ops.ft2os.stylize() == {"FINISHED"}
looks = bpy.context.object.ft2os.looks
print("LOOK", looks[0].method, len(looks[0].pointcloud.points) > 0)
"""


@pytest.mark.skipif("FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed")
@pytest.mark.skipif(os.name == "nt", reason="the backend of the copy is named by a shell script")
def test_a_new_method_is_in_the_menu_and_makes_looks(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    contributing.apply(tree)
    kept = ROOT / "build" / "wheelhouse"  # plyfile's wheel, downloaded once
    shutil.copytree(kept, tree / "build" / "wheelhouse", ignore=shutil.ignore_patterns("ft2os-*"))
    backend = os.environ["FT2OS_PYTHON"]
    built = tmp_path / "extension.zip"
    packed = [
        backend,
        tree / "scripts/build_extension.py",
        "--blender-python",
        sys.executable,
        "--out",
        built,
    ]
    subprocess.run(packed, check=True, cwd=tree, capture_output=True)
    own = tmp_path / "python"
    own.write_text(f'#!/bin/sh\nPYTHONPATH="{tree / "backend"}" exec "{backend}" "$@"\n')
    own.chmod(0o755)
    scene = tmp_path / "ball.ply"
    write_ply(scene, ball(300, radius=0.8))
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    env = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path / "blender"), "FT2OS_PYTHON": str(own)}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, script, built, scene], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MENU Negative 4 standard" in done.stdout
    assert "LOOK negative True" in done.stdout
