"""The rendered viewport: shows the last picture at once and asks for the next without waiting for it."""

from __future__ import annotations

import contextlib
import logging

import bpy
import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d

from ft2os.errors import Ft2osError
from ft2os.protocol import UnknownDataError

from ..jobs.client import Pending
from ..jobs.manager import manager
from . import colour, gather, request

log = logging.getLogger(__name__)

LONGEST = 960  # pixels drawn along the longer side; the window shows them enlarged


class Viewport:
    """One rendered viewport's picture and what is on its way."""

    def __init__(self) -> None:
        self._instances: list[dict] | None = None  # None: the scene changed
        self._pending: Pending | None = None
        self._asked: tuple | None = None  # view and background of the last request
        self._waiting: tuple[gather.View, object] | None = None  # view and file of the pending one
        self._problems = ""  # why something is not drawn
        self._texture: gpu.types.GPUTexture | None = None
        self._name = f"viewport-{id(self)}.f32"

    def update(self, depsgraph: bpy.types.Depsgraph) -> None:
        """The scene changed."""
        self._instances = None
        self._asked = None

    def draw(
        self, engine: bpy.types.RenderEngine, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph
    ) -> None:
        """Draw what there is; ask for more where it is not what is wanted."""
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
        if self._pending is None or not self._pending.done:
            return
        pending, self._pending = self._pending, None
        if isinstance(pending.error, UnknownDataError):
            manager.forget()
            self.update(None)
            return
        if pending.error is not None:
            raise pending.error
        view, path = self._waiting
        pixels = colour.combined(request.picture(path, view))
        buffer = gpu.types.Buffer("FLOAT", pixels.size, np.ascontiguousarray(pixels).ravel())
        self._texture = gpu.types.GPUTexture((view.width, view.height), format="RGBA16F", data=buffer)
        engine.update_stats("Splats", self._problems)

    def _ask(self, engine, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        region = context.region_data
        if self._pending is not None or not region.is_perspective:
            return
        scale = min(1.0, LONGEST / max(context.region.width, context.region.height))
        width, height = (max(1, round(n * scale)) for n in (context.region.width, context.region.height))
        view = gather.view(
            np.array(region.view_matrix, np.float64),
            np.array(region.window_matrix, np.float64),
            width,
            height,
        )
        behind = None
        if not depsgraph.scene.render.film_transparent:
            behind = colour.to_display(gather.background(depsgraph.scene))
        wanted = (
            view.viewmat.tobytes(),
            view.K.tobytes(),
            width,
            height,
            None if behind is None else tuple(behind),
        )
        if wanted == self._asked:
            return
        self._asked = wanted  # also when this fails: the next change of the scene or the view tries again
        if self._instances is None:
            found = gather.scene(depsgraph, growing=True)
            self._problems = " ".join(map(str, found.problems))
            self._instances = request.instances(found.items)
        self._pending, path = request.ask(self._instances, view, behind, self._name)
        self._waiting = (view, path)
        manager.watch(_redraw_when_done(engine, self._pending))

    def _show(self, engine, context: bpy.types.Context, scene: bpy.types.Scene) -> None:
        gpu.state.blend_set("ALPHA_PREMULT")
        engine.bind_display_space_shader(scene)
        draw_texture_2d(self._texture, (0, 0), context.region.width, context.region.height)
        engine.unbind_display_space_shader()
        gpu.state.blend_set("NONE")


def _redraw_when_done(engine: bpy.types.RenderEngine, pending: Pending):
    def poll() -> bool:
        done = pending.poll()
        if done:
            with contextlib.suppress(ReferenceError):  # the viewport was closed meanwhile
                engine.tag_redraw()
        return done

    return poll
