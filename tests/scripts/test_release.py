"""What a release promises: one version, the same bytes from the same tree, a tested set that installs."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ft2os
from scripts import build_extension

ROOT = build_extension.REPOSITORY
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_version_stands_in_one_place():
    assert build_extension.version() == ft2os.__version__
    assert "version" not in PROJECT["project"]
    assert "version" not in tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))
    assert build_extension.default_zip().name == f"ft2os_blender-{ft2os.__version__}.zip"


def test_make_reads_the_version_from_there():
    done = subprocess.run(["make", "-pn", "lint"], cwd=ROOT, capture_output=True, text=True)
    assert f"VERSION := {ft2os.__version__}\n" in done.stdout


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == ft2os.__version__
    assert len(set(headings)) == len(headings)


def _staged_and_packed(tmp_path: Path, wheel: Path, name: str, age: int) -> bytes:
    build_extension.stage([wheel])
    for path in build_extension.STAGE.rglob("*"):
        os.utime(path, (age, age))
        path.chmod(0o700 if age % 2 else 0o755)
    out = tmp_path / name
    build_extension.pack(build_extension.find_packager(ROOT / ".venv-blender/bin/python"), out)
    return out.read_bytes()


def test_the_same_tree_packs_to_the_same_bytes(tmp_path, monkeypatch):
    if not (ROOT / ".venv-blender").exists():
        pytest.skip("no Blender in .venv-blender: its packager makes the zip")
    monkeypatch.setattr(build_extension, "STAGE", tmp_path / "stage")
    wheel = tmp_path / "ft2os-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("ft2os/__init__.py", "")
    first = _staged_and_packed(tmp_path, wheel, "first.zip", 1_700_000_000)
    later = _staged_and_packed(tmp_path, wheel, "later.zip", 1_800_000_001)
    assert first == later


def test_normalising_keeps_names_and_content_and_drops_order_clock_and_mode(tmp_path):
    files = {"ft2os/b.py": b"b" * 999, "ft2os-1.0.dist-info/RECORD": b"record", "ft2os/a.py": b"a"}

    def written(name: str, names: list[str], date: tuple, mode: int) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in names:
                info = zipfile.ZipInfo(entry, date)
                info.external_attr = mode << 16
                archive.writestr(info, files[entry])
        build_extension.normalise(path)
        return path

    one = written("one.whl", list(files), (2024, 1, 2, 3, 4, 6), 0o100600)
    two = written("two.whl", list(files)[::-1], (2026, 1, 2, 3, 4, 6), 0o100755)
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == ["ft2os/a.py", "ft2os/b.py", "ft2os-1.0.dist-info/RECORD"]
        assert {name: archive.read(name) for name in archive.namelist()} == files


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return {
        canonicalize_name(name): version
        for name, version in (line.split("==") for line in lines if not line.startswith("#"))
    }


def _asked() -> list[Requirement]:
    """What ``.[dev]`` installs, as pyproject.toml asks for it."""
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [
        *PROJECT["project"]["dependencies"],
        *(line for name in ("lite", "engine", "dev") for line in extras[name]),
    ]
    return [asked for asked in map(Requirement, lines) if asked.name != "ft2os"]


def test_every_requirement_has_a_tested_version():
    pins = _pins()
    for asked in _asked():
        assert asked.specifier.contains(pins[canonicalize_name(asked.name)], prereleases=True), asked


def test_the_tested_set_can_be_had_from_any_registry():
    for name, version in _pins().items():
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), (
            f"{name}: {version} is a local version or an address"
        )
