"""How the panel shows the settings of the method ``edit``. Numpy and the standard library: Blender reads it.

Where pictures go out to a server, and what is sent there, stands in Blender's Preferences: a .blend may be a
stranger's.
"""

from __future__ import annotations

from ft2os.guidance.editors import catalogue
from ft2os.stylize.controls import Box, Entry, Menu, Text
from ft2os.stylize.edit.instruction import instruction

AUTO, VIEWS, MODEL, COMFYUI = "auto", "views", "model", "comfyui"
SERVER = "http://127.0.0.1:8188"  # where ComfyUI answers by itself

EDITOR = Menu(
    "editor",
    "Editor",
    "Who edits the pictures of the object",
    entries=(
        Entry(AUTO, "Automatic", "The best editor that is on this machine", 0),
        *(
            Entry(row.name, row.title, f"{row.licence.name}, {row.licence.use}", row.number)
            for row in catalogue.rows().values()
        ),
        Entry(VIEWS, "Folder of Views…", "Pictures that you edit in any program", 1, opens="folder"),
        Entry(MODEL, "Folder with a Model…", "A pipeline of diffusers on this machine", 2, opens="folder"),
        Entry(COMFYUI, "ComfyUI", "A server that runs already; its address is in the Preferences", 3),
    ),
    facts="editors",
    stands="panel",
)
INSTRUCTION = Text(
    "instruction",
    "Instruction",
    "What the editor is told; empty: made of the prompt, as it is shown here",
    hint=instruction,
    stands="panel",
    place=1,
)
FROM_MATERIAL = Box(
    "from_material",
    "Start from Material",
    "The first round edits the prompt's material instead of the object: helps editors that change little",
    on="material",
)
KEEP_EDITS = Text(
    "keep_edits",
    "Keep Edits",
    "A folder that keeps every edit as a picture; correct one by hand, and the same run uses it",
    path="folder",
    place=1,
)
ADDRESS = Text(
    "comfyui_address",
    "ComfyUI Server",
    "Where it answers; nothing is sent there before Stylize is pressed with the editor ComfyUI",
    default=SERVER,
    stands="preferences",
)
WORKFLOW = Text(
    "comfyui_workflow",
    "ComfyUI Workflow",
    "A workflow that was exported for the API; empty: a template for FLUX.2 klein, untested on a real server",
    path="file",
    stands="preferences",
    place=1,
)
