"""Finding, choosing, testing and installing the backend."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import bpy
import pytest

from ft2os.errors import BackendError
from tests.blender.helpers import room


@pytest.fixture
def own():
    """The extension's preferences, as new afterwards."""
    preferences = room("preferences").get()
    yield preferences
    for name in ("python", "base_python", "log_path"):
        setattr(preferences, name, "")
    preferences.device = "auto"
    room("preferences").stop()


def install(**changes):
    """An installation driven to its end."""
    started = room("setup.state").installer
    end = time.monotonic() + changes.pop("timeout", 60)
    while not started.poll():
        assert time.monotonic() < end
        started._thread.join(0.1)
    return started


def executable(path: Path, text: str = "#!/bin/sh\nexit 3\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_order_of_discovery(tmp_path):
    find = room("setup.find")
    beside = executable(tmp_path / "bin" / "python")
    executable(tmp_path / "bin" / "ft2os")
    installed = executable(tmp_path / "own" / "python")
    folder = tmp_path / "backend"
    folder.mkdir()
    environ = {"PATH": str(tmp_path / "bin"), "FT2OS_PYTHON": "/variable"}

    assert find.discover("", folder, {"PATH": ""}) is None
    assert find.discover("", folder, {"PATH": environ["PATH"]}).python == str(beside)
    (folder / find.CURRENT).write_text(json.dumps({"python": str(installed), "extra": "lite"}))
    assert find.discover("", folder, {"PATH": environ["PATH"]}).python == str(installed)
    assert find.discover("", folder, environ).python == "/variable"
    assert find.discover("/chosen", folder, environ).python == "/chosen"


def test_a_damaged_note_of_the_installed_backend_counts_as_none(tmp_path):
    find = room("setup.find")
    for text in ("", "[]", "{}", '{"python": 3}', '{"python": "/gone"}'):
        (tmp_path / find.CURRENT).write_text(text)
        assert find.installed(tmp_path) is None


def test_a_python_that_is_none_is_named(tmp_path, own):
    own.python = str(executable(tmp_path / "python"))
    with pytest.raises(RuntimeError, match="not a Python"):
        bpy.ops.ft2os.test_backend()
    assert str(tmp_path) in bpy.context.window_manager.ft2os.error
    own.python = str(tmp_path / "missing")
    with pytest.raises(RuntimeError, match="cannot be run"):
        bpy.ops.ft2os.test_backend()


def test_test_tells_what_the_backend_is(own):
    if "FT2OS_PYTHON" not in os.environ:
        pytest.skip("no backend; run make .venv/.installed")
    own.device = "cpu"
    bpy.ops.ft2os.test_backend()
    assert "tiles on cpu" in room("setup.state").tested.text
    assert bpy.context.window_manager.ft2os.error == ""


def test_installing_offline_is_refused(own, monkeypatch):
    if bpy.app.online_access:
        bpy.context.preferences.system.use_online_access = False
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.ft2os.install_backend()
    assert room("setup.state").installer is None


def test_the_backend_may_only_download_where_blender_may(own):
    system = bpy.context.preferences.system
    before = system.use_online_access
    try:
        for allowed in (False, True):
            system.use_online_access = allowed
            offline = dict(room("preferences").settings().env).get("HF_HUB_OFFLINE")
            assert offline == (None if bpy.app.online_access else "1")
            assert bpy.app.online_access == allowed
    finally:
        system.use_online_access = before


def test_an_unfitting_base_python_is_refused(tmp_path):
    find = room("setup.find")
    with pytest.raises(BackendError, match="not a Python"):
        find.base_python(str(executable(tmp_path / "python")))
    old = executable(tmp_path / "old", "#!/bin/sh\necho 3 9\n")
    with pytest.raises(BackendError, match=r"is Python 3\.9"):
        find.base_python(str(old))
    assert find.base_python(sys.executable) == sys.executable


def installer(folder: Path, wheel: Path, extra: str = "lite", options=("--no-deps", "--no-index")):
    return room("setup.install").Installer(sys.executable, folder, wheel, extra, options)


@pytest.fixture
def wheel(extension) -> Path:
    return room("setup.install").bundled_wheel(Path(extension.__file__).parent)


def test_a_failed_installation_leaves_the_old_backend(tmp_path, own, wheel):
    """Without dependencies the new environment cannot import numpy, so its test fails."""
    old = executable(tmp_path / "env-old" / "bin" / "python")
    (tmp_path / "current.json").write_text(json.dumps({"python": str(old), "extra": "lite"}))
    room("preferences").start_install(installer(tmp_path, wheel))
    ended = install()
    assert ended.state == "failed"
    assert "Testing" in ended.error.message
    assert room("setup.find").installed(tmp_path)["python"] == str(old)
    assert [p.name for p in tmp_path.glob("env-*")] == ["env-old"]
    assert "No module named" in ended.log_path.read_text()


def test_a_cancelled_installation_leaves_nothing(tmp_path, own, wheel):
    room("preferences").start_install(installer(tmp_path, wheel))
    with pytest.raises(BackendError, match="running already"):
        room("preferences").start_install(installer(tmp_path, wheel))
    assert bpy.ops.ft2os.install_cancel() == {"FINISHED"}
    assert room("setup.state").installer.state == "cancelled"
    assert not list(tmp_path.glob("env-*"))
    assert not bpy.ops.ft2os.install_cancel.poll()


@pytest.mark.skipif(os.environ.get("FT2OS_SLOW") != "1", reason="downloads 150 MB; set FT2OS_SLOW=1")
def test_installing_the_lite_backend_for_real(tmp_path, own, wheel):
    room("preferences").start_install(installer(tmp_path, wheel, options=()))
    ended = install(timeout=280)
    assert ended.state == "done", ended.error
    own.python = room("setup.find").installed(tmp_path)["python"]
    bpy.ops.ft2os.test_backend()
    assert "material" in room("setup.state").tested.text
