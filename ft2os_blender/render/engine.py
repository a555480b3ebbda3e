"""The render engine "Splats": F12, animations and the rendered viewport, all drawn by the backend."""

from __future__ import annotations

import logging
import threading

import bpy
import numpy as np

from ft2os.errors import CancelledError, Ft2osError

from ..jobs.manager import manager
from ..scene import views
from . import colour, gather, request, viewport

log = logging.getLogger(__name__)

# Panels of other engines that make sense for this one, beside all that Blender offers to any engine.
_PANELS = (
    "EEVEE_WORLD_PT_surface",
    "RENDER_PT_eevee_performance",
    "RENDER_PT_eevee_performance_compositor",
    "RENDER_PT_eevee_performance_compositor_denoise_settings",
    "VIEWLAYER_PT_layer_passes",
)


class FT2OS_SplatsEngine(bpy.types.RenderEngine):
    """Draws splat objects as they were trained; meshes are not drawn."""

    bl_idname = "FT2OS_SPLATS"
    bl_label = "Splats"
    bl_use_preview = False
    bl_use_eevee_viewport = True  # Material Preview shows the dots
    bl_use_shading_nodes_custom = False  # worlds and materials keep their nodes

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        """One view layer of one frame. A failure is reported, in the panel too; the picture stays empty."""
        try:
            self._render(depsgraph)
        except CancelledError:
            return
        except Ft2osError as error:
            self._fail(error)
        except Exception as error:
            log.exception("rendering failed")
            message = f"The render engine hit an unexpected error ({error})."
            self._fail(Ft2osError(message, "Please report it."))

    def update_render_passes(self, scene: bpy.types.Scene, renderlayer: bpy.types.ViewLayer) -> None:
        """Declare Combined, and Depth where the view layer asks for it."""
        self.register_pass(scene, renderlayer, "Combined", 4, "RGBA", "COLOR")
        if renderlayer.use_pass_z:
            self.register_pass(scene, renderlayer, "Depth", 1, "Z", "VALUE")

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Something in the scene changed."""
        self._viewport().update(depsgraph)

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw the last picture, and ask for the next one where the view has moved on."""
        self._viewport().draw(self, context, depsgraph)

    def _viewport(self) -> viewport.Viewport:
        if not hasattr(self, "_view"):  # __init__ is not called the same way in every Blender
            self._view = viewport.Viewport()
        return self._view

    def _render(self, depsgraph: bpy.types.Depsgraph) -> None:
        scene = depsgraph.scene
        self.update_stats("", "Splats: reading the scene")
        view = self._view_of(depsgraph)
        shown = gather.scene(depsgraph)
        self.update_stats("", f"Splats: {shown.gaussians:,} Gaussians")
        picture = request.draw(shown.items, view, gather.film(scene), self.test_break)
        picture = picture[_border(scene.render, view)]
        height, width = picture.shape[:2]
        result = self.begin_result(0, 0, width, height, layer=depsgraph.view_layer.name)
        try:
            passes = result.layers[0].passes
            _fill(passes["Combined"], colour.combined(picture))
            if "Depth" in passes:
                _fill(passes["Depth"], picture[::-1, :, 4])
        finally:
            self.end_result(result)
        for problem in shown.problems:
            self.report({"WARNING"}, str(problem))
        _tell_panel(shown.problems[0] if shown.problems else None)

    def _view_of(self, depsgraph: bpy.types.Depsgraph) -> views.View:
        """The camera's view in the render's pixels."""
        render = depsgraph.scene.render
        width = max(1, int(render.resolution_x * render.resolution_percentage / 100))
        height = max(1, int(render.resolution_y * render.resolution_percentage / 100))
        camera = self.camera_override or depsgraph.scene.camera
        evaluated = camera.evaluated_get(depsgraph) if camera is not None else None
        return views.camera_view(evaluated, depsgraph, width, height)

    def _fail(self, error: Ft2osError) -> None:
        log.error("%s", error)
        self.report({"ERROR"}, str(error))
        _tell_panel(error)

    @classmethod
    def register(cls) -> None:
        """Called by Blender: show the panels that any engine has, and ours."""
        for panel in _panels():
            panel.COMPAT_ENGINES.add(cls.bl_idname)

    @classmethod
    def unregister(cls) -> None:
        """Called by Blender."""
        for panel in _panels():
            panel.COMPAT_ENGINES.discard(cls.bl_idname)


def _tell_panel(error: Ft2osError | None) -> None:
    """Show an error in the panel, or take away the last one; a render thread leaves that to the timer."""

    def show() -> bool:
        session = bpy.data.window_managers[0].ft2os
        session.error, session.hint = (error.message, error.hint) if error else ("", "")
        return True

    if threading.current_thread() is threading.main_thread():
        show()
    elif error is not None or bpy.data.window_managers[0].ft2os.error:
        manager.watch(show)


def _border(render: bpy.types.RenderSettings, view: views.View) -> tuple[slice, slice]:
    """Rows (from the top) and columns inside the render border.

    The whole picture is drawn and cut: how a splat at the edge is projected depends on the field of view.
    """
    if not render.use_border:
        return slice(None), slice(None)
    left, right = int(render.border_min_x * view.width), int(render.border_max_x * view.width)
    bottom, top = int(render.border_min_y * view.height), int(render.border_max_y * view.height)
    rows = slice(view.height - max(top, bottom + 1), view.height - bottom)
    return rows, slice(left, max(right, left + 1))


def _fill(render_pass: bpy.types.RenderPass, values: np.ndarray) -> None:
    render_pass.rect.foreach_set(np.ascontiguousarray(values, np.float32).ravel())


def _panels() -> list[type]:
    return [
        panel
        for panel in bpy.types.Panel.__subclasses__()
        if hasattr(panel, "COMPAT_ENGINES")
        and ("BLENDER_RENDER" in panel.COMPAT_ENGINES or panel.__name__ in _PANELS)
    ]


CLASSES = (FT2OS_SplatsEngine,)
