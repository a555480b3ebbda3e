"""Fetch the weights of an editor of pictures after its licence was accepted, and remove them again."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, StringProperty

from ft2os.errors import MissingError, RequestError
from ft2os.guidance.editors import catalogue
from ft2os.guidance.editors.catalogue import Row

from ..jobs.manager import manager
from .listed import RequestJob
from .queue import watch
from .report import guarded, tell

_WIDTH = 420  # pixels of the dialog


class FT2OS_OT_fetch_editor(bpy.types.Operator):
    """Download the weights of this editor; what is here already is not fetched again"""

    bl_idname = "ft2os.fetch_editor"
    bl_label = "Fetch Editor"
    bl_options = {"INTERNAL"}

    name: StringProperty(name="Editor", options={"HIDDEN"})
    accept: BoolProperty(name="I accept the licence", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set('Turn on "Allow Online Access" in Preferences > System > Network')
        return bpy.app.online_access

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(
            self, width=_WIDTH, title=f"Fetch {_row(self.name).title}", confirm_text="Fetch"
        )

    def draw(self, context: bpy.types.Context) -> None:
        row, column = _row(self.name), self.layout.column(align=True)
        for text in terms(row, where(self.name)):
            column.label(text=text, translate=False)
        column.operator("wm.url_open", text="Read the Licence", icon="URL").url = row.page
        self.layout.prop(self, "accept")

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        row = _row(self.name)
        if not bpy.app.online_access:
            raise MissingError(
                f"Fetching {row.title} needs the network, and Blender may not use it.",
                'Turn on "Allow Online Access" in Preferences > System > Network.',
            )
        if not self.accept:
            raise RequestError(
                f"The licence of {row.title} was not accepted: {row.licence.name}.",
                f'Read it at {row.page}, then tick "I accept the licence".',
            )
        params = {"name": row.name, "accept_licence": True}
        watch([RequestJob(row.title, "Fetch", "editors.fetch", params, _then(f"{row.title} is here"))])
        return {"FINISHED"}


class FT2OS_OT_remove_editor(bpy.types.Operator):
    """Delete the downloaded weights of this editor from the disk"""

    bl_idname = "ft2os.remove_editor"
    bl_label = "Remove Editor"
    bl_options = {"INTERNAL"}

    name: StringProperty(name="Editor", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Remove {_row(self.name).title}?",
            message="Its weights are deleted from the disk and have to be fetched again.",
            confirm_text="Remove",
        )

    @guarded
    def execute(self, context: bpy.types.Context) -> set[str]:
        row = _row(self.name)
        params = {"name": row.name}
        watch([RequestJob(row.title, "Remove", "editors.remove", params, _then(f"{row.title} is removed"))])
        return {"FINISHED"}


def terms(row: Row, folder: str) -> list[str]:
    """What has to be known before a download, in lines."""
    size = f"about {row.download.value / 1e9:.1f} GB" if row.download.value else "unknown"
    gate = ["Its page wants an account, and the licence accepted there as well."] if row.licence.gated else []
    return [
        f"Licence: {row.licence.name}",
        f"Use: {row.licence.use}",
        f"Size: {size}",
        f"Goes to: {folder}",
        *gate,
    ]


def where(name: str) -> str:
    """The folder of an editor's weights, as the backend says; it decides if it does not run yet."""
    client = manager.running()
    rows = client.server.get("editors", ()) if client is not None else ()
    return next((row["folder"] for row in rows if row["name"] == name), "the backend's cache")


def _row(name: str) -> Row:
    rows = catalogue.rows()
    if name not in rows:
        raise RequestError(f'There is no editor "{name}" to fetch.', f"Name one of {', '.join(rows)}.")
    return rows[name]


def _then(message: str):
    """Takes the answer: the editors as they are now."""

    def take(result: dict) -> None:
        client = manager.running()
        if client is not None:
            client.server["editors"] = result["editors"]
        tell(message)

    return take


CLASSES = (FT2OS_OT_fetch_editor, FT2OS_OT_remove_editor)
