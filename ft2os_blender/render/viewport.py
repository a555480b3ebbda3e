"""The rendered viewport: shows the latest picture at once and asks for the next without waiting for it."""

from __future__ import annotations

import contextlib

import bpy
import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d

from ft2os.errors import Ft2osError

from ..jobs.client import Pending
from ..jobs.manager import manager
from ..scene import views
from . import colour
from .latest import Latest

LONGEST = 960  # pixels drawn along the longer side; the window shows them enlarged


class Viewport:
    """One rendered viewport."""

    def __init__(self) -> None:
        self._latest = Latest(f"viewport-{id(self)}.f32")
        self._texture: gpu.types.GPUTexture | None = None

    def update(self, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed."""
        self._latest.update(depsgraph)

    def draw(
        self, engine: bpy.types.RenderEngine, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph
    ) -> None:
        """Draw the latest picture; ask for another where it is out of date."""
        try:
            try:
                self._receive(engine)
            finally:  # also where that failed: the scene may have moved on since
                self._ask(engine, context, depsgraph)
        except Ft2osError as error:
            engine.update_stats("Splats", str(error))
        if self._texture is not None:
            self._show(engine, context, depsgraph.scene)

    def _receive(self, engine: bpy.types.RenderEngine) -> None:
        picture = self._latest.receive()
        if picture is None:
            return
        pixels = colour.combined(picture)
        buffer = gpu.types.Buffer("FLOAT", pixels.size, np.ascontiguousarray(pixels).ravel())
        height, width = picture.shape[:2]
        self._texture = gpu.types.GPUTexture((width, height), format="RGBA16F", data=buffer)
        engine.update_stats("Splats", self._latest.problems)

    def _ask(self, engine, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        if not context.region_data.is_perspective:
            return
        view = view_of(context.region_data, context.region.width, context.region.height)
        pending = self._latest.ask(depsgraph, view)
        if pending is not None:
            manager.watch(_redraw_when_done(engine, pending))

    def _show(self, engine, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
        gpu.state.blend_set("ALPHA_PREMULT")
        engine.bind_display_space_shader(scene)
        draw_texture_2d(self._texture, (0, 0), context.region.width, context.region.height)
        engine.unbind_display_space_shader()
        gpu.state.blend_set("NONE")


def view_of(region: bpy.types.RegionView3D, width: int, height: int) -> views.View:
    """What a region of ``width`` × ``height`` pixels looks at, in no more than `LONGEST` pixels a side."""
    scale = min(1.0, LONGEST / max(width, height))
    return views.view(
        np.array(region.view_matrix, np.float64),
        np.array(region.window_matrix, np.float64),
        max(1, round(width * scale)),
        max(1, round(height * scale)),
    )


def _redraw_when_done(engine: bpy.types.RenderEngine, pending: Pending):
    def poll() -> bool:
        done = pending.poll()
        if done:
            with contextlib.suppress(ReferenceError):  # the viewport was closed meanwhile
                engine.tag_redraw()
        return done

    return poll
