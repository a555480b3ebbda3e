"""Editors of pictures behind one door: an instruction and views of an object go in, edited views come out.

An editor is a model of diffusers, a ComfyUI server that already runs, or a folder in which the artist works
with any program. What one cannot do stands in its `Flags`, and callers ask the flags, never the name.
Pictures are float32 [H, W, 3] from 0 to 1, display-referred, with the object over grey. Nothing here imports
torch before a model is asked for.
"""

from ft2os.guidance.editors.door import GREY, Editor, Flags, Task, Tick, edit, resized
from ft2os.guidance.editors.find import cameras_of, find
from ft2os.guidance.editors.options import Options

__all__ = ["GREY", "Editor", "Flags", "Options", "Task", "Tick", "cameras_of", "edit", "find", "resized"]
