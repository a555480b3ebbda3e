"""What a new user does in the first five minutes, with a mouse."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.window.conftest import PYTHON, SCENE, area_of, over, picture, press, wear

OBJECTS = ["ball", "crate", "ground", "pumpkin", "tree", "truck"]
WHO = "[obj.name for obj in bpy.context.selected_objects]"

# Pixels of the window on which an object's own dots are in front of all others'.
SEEN = """
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
at = view()
flat, depth, owner = [], [], []
matrix = np.array(at['area'].spaces[0].region_3d.perspective_matrix)
for i, obj in enumerate(sorted(room('scene.objects').splats(bpy.data.objects), key=lambda o: o.name)):
    points = room('scene.attributes').read(obj.data, 'position')
    world = np.c_[points, np.ones(len(points))] @ np.array(obj.matrix_world).T @ matrix.T
    flat.append((world[:, :2] / world[:, 3:] + 1) / 2 * [at['region'].width, at['region'].height])
    depth.append(world[:, 3]); owner.append(np.full(len(points), i))
flat, depth, owner = map(np.concatenate, (flat, depth, owner))
cell = np.floor(flat / 24).astype(int)
answer = {}
inside = ((cell >= 0) & (flat < [at['region'].width, at['region'].height])).all(axis=1)
key = cell[:, 0] * 10000 + cell[:, 1]
for i in np.unique(owner):
    best = None
    for k in np.unique(key[inside & (owner == i)]):
        here = np.flatnonzero(key == k)
        front = here[np.argsort(depth[here])[:40]]
        mine = (len(front) == 40, (owner[front] == i).mean(), -depth[front].mean())
        if best is None or mine > best[0]:
            best = (mine, flat[front[owner[front] == i]].mean(axis=0))
    answer[int(i)] = [float(best[1][0] + at['region'].x), float(best[1][1] + at['region'].y)]
"""


def test_each_object_is_selected_by_a_click(demo):
    pixels = demo.do(SEEN)
    for i, name in enumerate(OBJECTS):
        demo.do("select()")
        demo.click(*pixels[str(i)])
        assert demo.ask(WHO) == [name]
        demo.shot(f"clicked-{name}")


def test_view_selected_frames_the_object_and_home_all(demo):
    for name in ("pumpkin", "truck"):
        demo.do(f"select({name!r})")
        over(demo)
        demo.keys("KP_Decimal")
        where, distance, size, middle = demo.do(
            f"""
obj = bpy.data.objects[{name!r}]
seen = view()['area'].spaces[0].region_3d
middle = list(obj.matrix_world.translation)
answer = [list(seen.view_location), seen.view_distance, max(obj.dimensions), middle]
"""
        )
        assert np.linalg.norm(np.subtract(where, middle)) < size / 2
        assert size < distance < 6 * size
        demo.shot(f"view-selected-{name}")
    demo.keys("Home")
    assert demo.ask("view()['area'].spaces[0].region_3d.view_distance") > 4


def test_a_file_that_is_dropped_is_imported(window):
    """From Blender's own file browser into the 3D view, with the mouse held down."""
    window.do(
        """
at = view()
with bpy.context.temp_override(**at):
    bpy.ops.screen.area_split(direction='VERTICAL', factor=0.4)
sorted((a for a in at['window'].screen.areas if a.type == 'VIEW_3D'), key=lambda a: a.x)[1].ui_type = 'FILES'
"""
    )
    window.draw()
    window.do(
        f"""
browser = next(a for a in view()['window'].screen.areas if a.type == 'FILE_BROWSER')
params = browser.spaces[0].params
params.directory = {str(SCENE.parent)!r}.encode()
params.filter_search = {SCENE.name!r}
params.display_type = 'LIST_VERTICAL'
"""
    )
    window.draw()
    left, bottom, _, height = area_of(window, "FILE_BROWSER")
    window.shot("before-drop")
    x, y, wide, high = area_of(window)
    window.drag((left + 70, bottom + height - 35), (x + wide / 2, y + high / 2))
    window.shot("dropped")
    window.keys("s")  # Blender imports PLY too, and asks: Import Splats
    window.shot("drop-options")
    window.keys("Return")
    window.until("len(room('scene.objects').splats(bpy.data.objects)) == 6", "the import")
    assert window.ask("bpy.context.window_manager.ft2os.error") == ""
    window.shot("dropped-and-imported")


def test_a_wrong_python_is_refused_and_blender_lives(demo):
    """The worker is dead before it is written to."""
    demo.do(
        """
view()['area'].ui_type = 'PREFERENCES'
bpy.context.preferences.active_section = 'ADDONS'
bpy.data.window_managers[0].addon_search = 'Splat'
bpy.ops.preferences.addon_expand(module='bl_ext.user_default.ft2os_blender')
room('preferences').get().python = '/bin/true'
"""
    )
    tested = "room('setup.state').tested"
    demo.shot("python-not-tested")
    assert demo.ask(tested) is None
    for python, said, timeout in (("/bin/true", "/bin/true is not a Python with ft2os", 30),
                                  (PYTHON, "methods: material", 120)):  # fmt: skip
        demo.do(f"room('preferences').get().python = {str(python)!r}")
        press(demo, "PREFERENCES", f"{tested} is not None", across=0.75)
        assert said in demo.until(f"{tested}.state != 'runs' and {tested}.text", "the answer", timeout)
        demo.shot(f"tested-{python.name if hasattr(python, 'name') else 'wrong'}")
    assert len(demo.ask("[obj.name for obj in room('scene.objects').splats(bpy.data.objects)]")) == 6


def test_a_look_stays_on_its_object_when_its_origin_is_set(demo):
    wear(demo, "truck")
    before = picture(demo, "origin-before")
    demo.do("select('truck'); bpy.context.scene.cursor.location = (1, 1, 1)")
    demo.do("with bpy.context.temp_override(**view()): bpy.ops.object.origin_set(type='ORIGIN_CURSOR')")
    where = demo.ask("list(bpy.data.objects['truck'].matrix_world.translation)")
    assert where == pytest.approx([1, 1, 1], abs=1e-5)
    after = picture(demo, "origin-after")
    assert (np.abs(after - before).max(axis=2) > 0.1).mean() < 0.01


def test_a_stretched_object_leaves_the_others_drawn_while_orbiting(demo):
    before = picture(demo, "before-stretch")
    demo.do("select('ball')")
    over(demo)
    demo.keys("s", "x", "2", "Return")
    assert demo.ask("list(bpy.data.objects['ball'].scale)") == pytest.approx([2, 1, 1])
    stretched = picture(demo, "stretched")
    changed = (np.abs(stretched - before).max(axis=2) > 0.1).mean()
    assert 0.002 < changed < 0.1  # the ball is gone, the rest is not
    demo.do("view()['area'].spaces[0].overlay.show_overlays = True")
    demo.shot("stretched-is-named")
    demo.keys("KP_4", "KP_4")
    orbited = picture(demo, "stretched-and-orbited")
    assert np.ptp(orbited, axis=2).mean() > 0.7 * np.ptp(stretched, axis=2).mean()


def test_cycles_draws_dots_without_a_look_in_their_colours(demo):
    demo.do(
        """
bpy.context.scene.render.engine = 'CYCLES'
bpy.context.scene.cycles.preview_samples = 2
bpy.context.scene.cycles.use_preview_denoising = False
view()['area'].spaces[0].overlay.show_overlays = False
view()['area'].spaces[0].shading.type = 'RENDERED'
"""
    )

    def colourful():
        wide = int(area_of(demo)[2])
        seen = demo.shot("cycles").astype(float) / 255
        return np.ptp(seen[200:-200, 200 : wide - 200], axis=2).mean() > 0.05

    demo.until(colourful, "colours in Cycles", 120)


def test_the_engine_has_a_film_panel_with_transparent(demo):
    demo.do(
        """
bpy.context.scene.render.engine = 'FT2OS_SPLATS'
properties = next(a for a in view()['window'].screen.areas if a.type == 'PROPERTIES')
properties.spaces[0].context = 'RENDER'
properties.spaces[0].search_filter = 'Transparent'
"""
    )
    demo.shot("film")
    press(demo, "PROPERTIES", "bpy.context.scene.render.film_transparent", across=0.45, upwards=True)
    demo.shot("film-transparent")


def test_a_sog_export_is_listed_and_blender_goes_on(demo):
    """It takes a while in a library that answers nobody; it froze the window and was stopped as silent."""
    demo.do("view()['area'].spaces[0].show_region_ui = True")
    demo.draw()
    demo.do("next(r for r in view()['area'].regions if r.type == 'UI').active_panel_category = 'Splat Style'")
    begun = time.monotonic()
    demo.do(
        f"""
with bpy.context.temp_override(**view()):
    bpy.ops.ft2os.export_scene(filepath={str(demo.inside / "out.sog")!r}, what='SCENE', format='SOG')
"""
    )
    longest, stages = time.monotonic() - begun, set()
    while demo.ask("len(bpy.context.window_manager.ft2os.jobs)"):
        begun = time.monotonic()
        stages.update(demo.ask("[job.stage for job in bpy.context.window_manager.ft2os.jobs]"))
        longest = max(longest, time.monotonic() - begun)
        if "Packing" in stages and "pictured" not in stages:
            demo.shot("sog-export")
            stages.add("pictured")
    assert longest < 5
    assert "Packing" in stages
    assert demo.ask("bpy.context.window_manager.ft2os.error") == ""
    assert (demo.box / "out.sog").stat().st_size > 100_000
    demo.shot("sog-exported")
