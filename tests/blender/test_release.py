"""A release as an artist gets it: a repository that Blender reads, and the extension installed from there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import ft2os
from scripts.build_extension import find_packager
from scripts.release import release
from tests.blender.conftest import _zip

# In a Blender of its own: two copies of one extension cannot be enabled side by side.
_ARTIST = """
import sys
import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.preferences.system.use_online_access = True  # Blender asks for it whatever the address
repos = bpy.context.preferences.extensions.repos
repo = repos.new(name="Releases", module="releases", remote_url=sys.argv[1])
at = list(repos).index(repo)
bpy.ops.extensions.repo_sync(repo_index=at)
bpy.ops.extensions.package_install(repo_index=at, pkg_id="ft2os_blender", enable_on_install=True)
assert "bl_ext.releases.ft2os_blender" in bpy.context.preferences.addons, "the extension is not enabled"
import ft2os
print("installed", ft2os.__version__, ft2os.__file__)
"""


def test_blender_installs_the_release_from_its_index(tmp_path):
    folder, artist = tmp_path / "release", tmp_path / "artist"
    files = release(_zip(), find_packager(Path(sys.executable)), folder)
    done = subprocess.run(
        [sys.executable, "-c", _ARTIST, (folder / "index.json").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "BLENDER_USER_RESOURCES": str(artist)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = next(line for line in done.stdout.splitlines() if line.startswith("installed"))
    assert said.startswith(f"installed {ft2os.__version__} {artist}")
    assert [path.name for path in files] == [
        f"ft2os_blender-{ft2os.__version__}.zip",
        f"ft2os-{ft2os.__version__}-py3-none-any.whl",
        "index.json",
        "SHA256SUMS",
    ]


def test_the_checksums_are_those_of_the_files(tmp_path):
    *files, sums = release(_zip(), find_packager(Path(sys.executable)), tmp_path)
    told = dict(reversed(line.split("  ")) for line in sums.read_text("utf-8").splitlines())
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
