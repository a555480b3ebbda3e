"""The panel as each method fills it, and its button pressed with the mouse."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

AREAS = "bpy.context.window_manager.windows[0].screen.areas"
SIDEBAR = """
bpy.context.view_layer.objects.active = bpy.data.objects['ball']
select('ball')
at = view()
at['area'].spaces[0].show_region_ui = True
settings = bpy.context.scene.ft2os
settings.prompt = 'lava'
"""
OPEN = """
cls = bpy.types.FT2OS_PT_advanced
bpy.utils.unregister_class(cls)
cls.bl_options = set()  # open from the start
bpy.utils.register_class(cls)
"""
REGION = """
region = next(r for r in view()['area'].regions if r.type == 'UI')
answer = [region.x, region.y, region.width, region.height]
"""


@pytest.fixture
def panel(demo):
    """The demo scene with the ball selected and the sidebar's tab clicked."""
    demo.do(OPEN)
    demo.do(SIDEBAR)
    tab = "next(r for r in view()['area'].regions if r.type == 'UI').active_panel_category"
    demo.until(f"{tab.rpartition('.')[0]}.width > 100")
    demo.draw()
    x, y, width, height = demo.do(REGION)
    for down in range(20, int(height), 25):  # the tabs stand along the right edge
        if demo.ask(tab) == "Splat Style":
            break
        demo.click(x + width - 10, y + height - down)
    assert demo.ask(tab) == "Splat Style"
    demo.draw()
    return demo


def test_every_method_fills_the_panel(panel):
    before = panel.log()
    shots = []
    for method in ("material", "image", "edit", "clip"):
        panel.do(f"bpy.context.scene.ft2os.method = {method!r}")
        panel.draw()
        shots.append(panel.shot(f"panel-{method}"))
    panel.do("bpy.context.scene.ft2os.preset = 'paper'")
    panel.draw()
    shots.append(panel.shot("panel-clip-paper"))
    assert all((one != other).any() for one, other in pairwise(shots))
    assert "Traceback" not in panel.log()[len(before) :]


def test_stylize_is_pressed_with_the_mouse(panel):
    panel.do("settings = bpy.context.scene.ft2os; settings.method, settings.preset = 'material', 'draft'")
    panel.draw()
    x, y, width, height = panel.do(REGION)
    started = "len(bpy.context.window_manager.ft2os.jobs) or len(bpy.data.objects['ball'].ft2os.looks)"
    for down in range(150, int(height), 12):  # below the fields that a click would open
        if panel.ask(started):
            break
        panel.click(x + 0.5 * width, y + height - down)
    panel.until("len(bpy.data.objects['ball'].ft2os.looks)", "the look", timeout=120)
    assert panel.ask("bpy.data.objects['ball'].ft2os.looks[0].title") == "Lava"
    panel.draw()
    panel.shot("panel-lava")


def choose(window, number: int, happened: str) -> None:
    """Click down the panel until a menu takes the key of its entry ``number``, and ``happened`` is true."""
    x, y, width, height = window.do(REGION)
    for down in range(60, int(height), 12):
        window.click(x + 0.7 * width, y + height - down)
        window.keys(str(number))
        if window.ask(happened):
            return
        window.keys("Escape")
    raise AssertionError(f"no menu made {happened}")


def press(window, happened: str, start: int = 60) -> int:
    """Click down the middle of the panel until ``happened``; how far below its upper edge that was."""
    x, y, width, height = window.do(REGION)
    for down in range(start, int(height), 12):
        window.click(x + 0.5 * width, y + height - down)
        if window.ask(happened):
            return down
        window.keys("Escape")  # out of a menu or a field that the click has opened
    raise AssertionError(f"no click made {happened}")


def test_views_are_written_edited_and_fitted_with_the_mouse(panel):
    settings, session = "bpy.context.scene.ft2os", "bpy.context.window_manager.ft2os"
    panel.do("bpy.context.preferences.view.filebrowser_display_type = 'SCREEN'")
    choose(panel, 4, f"{settings}.method == 'edit'")
    panel.do(f"{settings}.preset = 'draft'")
    panel.draw()
    panel.shot("panel-edit")
    choose(panel, 7, f"{settings}.advanced.editor == 'views'")
    panel.draw()
    at = press(panel, f"any(a.type == 'FILE_BROWSER' for a in {AREAS})")
    panel.draw()
    panel.do(
        f"""
area = next(a for a in {AREAS} if a.type == 'FILE_BROWSER')
area.spaces[0].params.directory = {str(panel.inside).encode()!r}
region = next(r for r in area.regions if r.type == 'WINDOW')
answer = [region.x + region.width / 2, region.y + region.height / 2]
"""
    )
    panel.shot("panel-edit-browser")
    panel.keys("Return")
    folder = Path(panel.until(f"{settings}.advanced.editor_views", "the views", timeout=120))
    views = sorted((panel.box / folder.relative_to(panel.inside)).glob("view_*.png"))
    assert len(views) >= 8
    for path in views:
        given = Image.open(path).convert("RGB")
        Image.blend(given, Image.new("RGB", given.size, (230, 90, 20)), 0.7).save(path)
    panel.draw()
    panel.shot("panel-edit-views")
    looks = "len(bpy.data.objects['ball'].ft2os.looks)"
    press(panel, f"{session}.busy or {looks}", at + 20)
    panel.until(f"{looks} or {session}.busy and {session}.jobs[0].picture", "a preview", timeout=120)
    panel.shot("panel-edit-runs")
    panel.until(f"{looks} or not {session}.busy", "the end", timeout=120)
    assert panel.ask(looks), panel.ask(f"{session}.error")
    panel.draw()
    panel.shot("panel-edit-look")
    assert "Traceback" not in panel.log()
