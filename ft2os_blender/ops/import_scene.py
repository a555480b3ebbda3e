"""File > Import > Gaussian Splats, and the same by dropping a file on the window."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ft2os.errors import Ft2osError
from ft2os.formats import Scene, registry

from ..scene import build, files, objects
from .convert import ConvertJob
from .queue import push_undo, watch
from .report import guarded, show_error, tell

# A file dialog and a dropped file know the last ending only.
ENDINGS = sorted(registry.last_endings(registry.FORMATS, with_index=True))
GLOB = ";".join(f"*{ending}" for ending in ENDINGS)
UP_AXES = [
    ("-Y", "-Y up", "Most captures: 3D Gaussian Splatting's own axes"),
    ("+Y", "Y up", "Some phone apps' .spz files"),
    ("+Z", "Z up", ""),
    ("-Z", "-Z up", ""),
    ("+X", "X up", ""),
    ("-X", "-X up", ""),
]


class FT2OS_OT_import_scene(bpy.types.Operator, ImportHelper):
    """Import a Gaussian-splat scene: one point-cloud object a group, with its cameras"""

    bl_idname = "ft2os.import_scene"
    bl_label = "Import Splats"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    filename_ext = ".ply"
    filter_glob: StringProperty(default=GLOB, options={"HIDDEN"})
    # Dropped files come in these two, and so do several that are chosen in the dialog.
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    up: EnumProperty(name="Up", description="The file's axis that points up", items=UP_AXES, default="-Y")
    centred: BoolProperty(
        name="Origins at Centres",
        description="Put the origin of each object in its middle, so that it turns and scales about itself",
        default=True,
    )
    drop_invalid: BoolProperty(
        name="Drop Invalid",
        description="Leave out Gaussians with NaN or infinite values instead of refusing the file",
        default=False,
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self.invoke_popup(context)  # a dropped file asks for the options, an empty path for the file

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        loaded, errors = [], []
        for path in self._paths():
            try:
                loaded.append(self._load(context, path))
            except Ft2osError as error:  # the others need not suffer
                errors.append(error)
        if not loaded:
            raise errors[0]
        for error in errors:
            show_error(context, error)
            self.report({"ERROR"}, str(error))
        scenes = [item for item in loaded if not isinstance(item, files.Conversion)]
        if scenes:
            self.report({"INFO"}, _show(scenes, self.up, self.centred))
        up, centred = self.up, self.centred  # the operator is gone when a conversion ends
        conversions = [item for item in loaded if isinstance(item, files.Conversion)]

        def arrived(scene: Scene) -> None:
            message = _show([scene], up, centred)
            push_undo("Import Splats")
            tell(message)

        watch([ConvertJob(conversion, "Import", arrived) for conversion in conversions])
        return {"FINISHED"}

    def _paths(self) -> list[str]:
        """The files that were dropped or chosen; one path where a script or the shell named it."""
        names = [entry.name for entry in self.files if entry.name]
        if not names or not self.directory:
            return [bpy.path.abspath(self.filepath)]
        return [str(Path(bpy.path.abspath(self.directory), name)) for name in names]

    def _load(self, context: bpy.types.Context, path: str) -> Scene | files.Conversion:
        window = context.window_manager
        window.progress_begin(0, 100)
        try:
            return files.load(
                path,
                drop_invalid=self.drop_invalid,
                progress=lambda stage, step, total: window.progress_update(60 * step / max(total, 1)),
            )
        finally:
            window.progress_end()


def _show(scenes: list[Scene], up: str, centred: bool) -> str:
    """Make objects of scenes and select the first; the message for the artist."""
    context = bpy.context
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    new = []
    for scene in scenes:
        new += objects.splats(build.add_scene(context, scene, up, centred).children)
    for obj in context.selected_objects:
        obj.select_set(False)
    new[0].select_set(True)
    context.view_layer.objects.active = new[0]
    count = sum(len(obj.data.points) for obj in new)
    return f"Imported {count:,} Gaussians as {len(new)} objects"


class FT2OS_FH_splats(bpy.types.FileHandler):
    """Lets a scene's file be dropped on the 3D view or the outliner, and a collection be exported"""

    bl_idname = "FT2OS_FH_splats"
    bl_label = "Gaussian Splats"
    bl_import_operator = "ft2os.import_scene"
    bl_export_operator = "ft2os.export_scene"
    bl_file_extensions = ";".join(ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type in {"VIEW_3D", "OUTLINER"}


CLASSES = (FT2OS_OT_import_scene, FT2OS_FH_splats)
