"""The panel as each method fills it, and its button pressed with the mouse."""

from __future__ import annotations

from itertools import pairwise

import pytest

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
    for method in ("material", "image", "clip"):
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
