"""Tests in a real Blender window, run by hand: ``make test-window WINDOW=DIR`` or ``BLENDER=/path``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.window.driver import ROOT, Window, base_of, opened

if not (os.environ.get("WINDOW") or os.environ.get("BLENDER")):
    collect_ignore_glob = ["test_*.py"]

PYTHON = ROOT / ".venv" / "bin" / "python"
SCENE = ROOT / "demo" / "scene" / "scene.ply"


@pytest.fixture(scope="session")
def blender(tmp_path_factory):
    """The window, with the extension installed as an artist does."""
    folder = os.environ.get("WINDOW")
    scratch = tmp_path_factory.mktemp("window")
    shared = [ROOT, base_of(PYTHON)]
    window = Window(Path(folder) if folder else None, os.environ.get("BLENDER") or "blender", scratch, shared)
    with opened(window):
        zip_file = max((ROOT / "dist").glob("ft2os_blender-*.zip"), key=lambda path: path.stat().st_mtime)
        window.do(
            f"bpy.ops.extensions.package_install_files(filepath={str(zip_file)!r}, repo='user_default',"
            " enable_on_install=True)"
        )
        yield window


@pytest.fixture
def window(blender):
    """The window with an empty scene in its first layout, the backend chosen."""
    blender.do(
        f"""
bpy.ops.wm.read_homefile(use_empty=False)
for obj in list(bpy.data.objects):
    bpy.data.objects.remove(obj)
room('preferences').get().python = {str(PYTHON)!r}
"""
    )
    blender.until("len(bpy.context.window_manager.windows) and view()['region'].width > 100")
    return blender


@pytest.fixture
def demo(window):
    """The demo scene, imported and framed with the Home key."""
    window.do(
        f"""
with bpy.context.temp_override(**view()):
    bpy.ops.ft2os.import_scene(filepath={str(SCENE)!r})
"""
    )
    over(window)
    window.keys("Home")
    window.draw()
    return window


def area_of(window, kind: str = "VIEW_3D") -> list[float]:
    """Left, bottom, width, height of an area's main region, in pixels of Blender's window."""
    return window.do(
        f"""
area = next(a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == {kind!r})
region = next(r for r in area.regions if r.type == 'WINDOW')
answer = [region.x, region.y, region.width, region.height]
"""
    )


def over(window) -> None:
    """Put the mouse over the middle of the 3D view, which then takes the keys."""
    x, y, width, height = area_of(window)
    window.move(x + width / 2, y + height / 2)


def press(window, kind: str, happened: str, *, across: float, upwards: bool = False) -> None:
    """Click down (or up) a column of an area until ``happened``, an expression, is true.

    Blender does not tell where its buttons are, and they stand elsewhere in every version.
    """
    x, y, width, height = area_of(window, kind)
    for down in range(10, int(height), 12):
        window.click(x + across * width, y + down if upwards else y + height - down)
        if window.ask(happened):
            return
    raise AssertionError(f"no click made {happened}")


def wear(window, name: str) -> None:
    """Give an object a look in red, without a backend's help."""
    window.do(
        f"""
import numpy as np
from ft2os.looks import Look
obj = bpy.data.objects[{name!r}]
own = room('scene.objects').read_gaussians(obj)
red = np.tile(np.float32([1.6, -1.6, -1.6]), (len(own), 1))
room('scene.looks').add_look(obj, Look(
    parent=np.arange(len(own), dtype=np.int32), dc=red, dc0=None, means=own.means, quats=own.quats,
    scales=own.scales, opacities=own.opacities, name='red', prompt='red', method='material'))
room('scene.display').show(obj)
"""
    )


def picture(window, name: str) -> np.ndarray:
    """What the Splats engine draws in the 3D view, without overlays.  [H, W, 3] in 0..1"""
    window.do(
        """
bpy.context.scene.render.engine = 'FT2OS_SPLATS'
at = view()['area'].spaces[0]
at.overlay.show_overlays = False
at.shading.type = 'RENDERED'
"""
    )
    x, y, width, height = (int(value) for value in area_of(window))
    before = None
    for _ in range(600):  # until nothing is on its way any more
        window.draw()
        now = window.shot(name)[-(y + height) :][:height, x : x + width].astype(np.float32) / 255
        if before is not None and np.array_equal(now, before) and np.ptp(now, axis=2).mean() > 0.02:
            return now
        before = now
    raise AssertionError("the picture never came to rest")
