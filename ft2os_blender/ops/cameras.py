"""Cameras in and out: COLMAP, Inria's and nerfstudio's files, and looking through one with a click."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ft2os.cameras import load_cameras, save_cameras
from ft2os.errors import RequestError

from ..scene import build, cameras, objects
from .report import guarded

WHICH = [
    ("SELECTED", "Selected", "The selected cameras, as they are at this frame"),
    ("CAPTURE", "Imported", "All cameras of the imported scene"),
    ("ANIMATION", "Animation", "The scene's camera at every frame of its range, markers' cameras included"),
]
STEPS = [("NONE", "This", ""), ("NEXT", "Next", ""), ("BACK", "Previous", "")]


class FT2OS_OT_import_cameras(bpy.types.Operator, ImportHelper):
    """Add the cameras of a capture to the imported scene: cameras.json, transforms.json or a COLMAP model"""

    bl_idname = "ft2os.import_cameras"
    bl_label = "Import Cameras"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json;*.bin;*.txt", options={"HIDDEN"})

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        views = load_cameras(Path(bpy.path.abspath(self.filepath)), cameras.size_of)
        root = _root(context)
        build.add_cameras(context, views, root.users_collection[0], root)
        photos = sum(view.photo is not None for view in views)
        self.report({"INFO"}, f"Imported {len(views)} cameras, {photos} with their photo")
        return {"FINISHED"}


class FT2OS_OT_export_cameras(bpy.types.Operator, ExportHelper):
    """Write cameras to a cameras.json, or nerfstudio's transforms.json"""

    bl_idname = "ft2os.export_cameras"
    bl_label = "Export Cameras"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})
    which: EnumProperty(name="Cameras", items=WHICH, default="ANIMATION")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = self.filepath or "cameras.json"
        return super().invoke(context, event)

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        views = _captured(context, self.which)
        path = Path(bpy.path.abspath(self.filepath))
        save_cameras(path, views)
        self.report({"INFO"}, f"Exported {len(views)} cameras to {path.name}")
        return {"FINISHED"}


class FT2OS_OT_look_through(bpy.types.Operator):
    """Look through this camera, with the resolution of its photo"""

    bl_idname = "ft2os.look_through"
    bl_label = "Look Through"
    bl_options = {"REGISTER", "UNDO"}

    camera: StringProperty(name="Camera")
    step: EnumProperty(name="Step", items=STEPS, default="NONE")

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        every = cameras.of_scene(context.scene.objects)
        if not every:
            raise RequestError("The scene has no cameras.", "Import some, or add one.")
        camera = context.scene.objects.get(self.camera) if self.camera else context.scene.camera
        if self.step != "NONE":
            at = every.index(camera) if camera in every else -1
            camera = every[(at + (1 if self.step == "NEXT" else -1)) % len(every)]
        if camera not in every:
            raise RequestError(f"There is no camera {self.camera}.", "Choose another one.")
        cameras.look_through(context.scene, camera)
        for area in context.screen.areas if context.screen is not None else ():
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


def _captured(context: bpy.types.Context, which: str) -> list:
    root = _root_of_scene(context)
    if which == "CAPTURE":
        exported = cameras.of_scene(root.children if root is not None else ())
    else:
        exported = cameras.of_scene(context.selected_objects)
    if which != "ANIMATION":
        if not exported:
            raise RequestError("There are no such cameras.", "Select a camera, or export the animation.")
        return [_at_this_frame(context, root, camera, camera.name) for camera in exported]
    if context.scene.camera is None:
        raise RequestError("The scene has no camera.", "Add one, or make one the active one.")
    scene, before = context.scene, context.scene.frame_current
    try:
        views = []
        for frame in range(scene.frame_start, scene.frame_end + 1, scene.frame_step):
            scene.frame_set(frame)  # changes the scene's camera where a marker says so
            views.append(_at_this_frame(context, root, scene.camera, f"{frame:04d}"))
        return views
    finally:
        scene.frame_set(before)


def _at_this_frame(context, root: bpy.types.Object | None, camera: bpy.types.Object, name: str):
    depsgraph = context.evaluated_depsgraph_get()
    render = context.scene.render
    scale = render.resolution_percentage / 100
    intrinsics = cameras.intrinsics(camera)
    size = int(render.resolution_x * scale), int(render.resolution_y * scale)
    frame = build.turn("-Y") if root is None else root.evaluated_get(depsgraph).matrix_world
    view = cameras.captured(camera, depsgraph, np.array(frame, np.float64), size, name)
    if intrinsics is not None and camera.animation_data is None:  # the capture's pictures, not the render's
        return type(view)(view.viewmat, *intrinsics, name)
    return view


def _root(context: bpy.types.Context) -> bpy.types.Object:
    """The Empty of the active object's scene; a new one where nothing was imported."""
    root = _root_of_scene(context)
    if root is not None:
        return root
    root = bpy.data.objects.new("Cameras", None)
    root.matrix_basis = build.turn("-Y")
    root.ft2os.is_root = True
    context.collection.objects.link(root)
    return root


def _root_of_scene(context: bpy.types.Context) -> bpy.types.Object | None:
    active = build.root_of(context.object) if context.object is not None else None
    splats = objects.splats(context.scene.objects)
    return active or (build.root_of(splats[0]) if splats else None)


CLASSES = (FT2OS_OT_import_cameras, FT2OS_OT_export_cameras, FT2OS_OT_look_through)
