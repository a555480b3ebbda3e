"""What the extension keeps on scenes, objects and the session: the only place where properties are declared.

What must survive saving is on Scene and Object. The running job is on the WindowManager, which Blender never
saves.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .scene import display

METHODS = [
    ("material", "Material", "Solid materials matched to the words of the prompt: seconds, no network"),
    ("clip", "CLIP", "Optimise the colours against a vision-language model: minutes, needs its weights"),
]
_STANDARD = ("standard", "Standard", "The quality that the method was tuned for", 0)
_DRAFT = ("draft", "Draft", "Faster and rougher", 1)
_PAPER = ("seed", "Paper", "The published settings, for comparison", 2)
_HIGH = ("high", "High", "Crisper, some seconds more; needs the full backend and VGG16's weights", 3)
PRESETS = {"material": [_DRAFT, _STANDARD, _HIGH], "clip": [_DRAFT, _STANDARD, _HIGH, _PAPER]}


def _show(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    # A named function: Blender evaluates these annotations where a lambda would not see this module's names.
    display.show(self.id_data)


class FT2OS_Look(bpy.types.PropertyGroup):
    """One version of an object. Its Gaussians are in ``pointcloud``, the rest says where they came from."""

    pointcloud: PointerProperty(type=bpy.types.PointCloud, options=set())
    strength: FloatProperty(
        name="Strength",
        description="0 is the object as it came, 1 the look in full; can be keyframed",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=_show,
    )
    prompt: StringProperty(name="Prompt")
    title: StringProperty(name="Title")  # what the method calls it, such as the material's name
    method: StringProperty(name="Method")
    seed: IntProperty(name="Seed")
    stats: StringProperty(name="Facts")  # JSON


class FT2OS_Object(bpy.types.PropertyGroup):
    """On a splat object: its looks and its origin. On the Empty above: the imported scene."""

    looks: CollectionProperty(type=FT2OS_Look)
    active_look: IntProperty(name="Look", default=-1, min=-1, update=_show)
    label: StringProperty(name="Group", description="The group's name in the file")
    group_id: IntProperty(name="Group id", default=-1)
    id_end: IntProperty(default=0)  # one above the highest point_id given to this object
    source_path: StringProperty(name="Source", subtype="FILE_PATH")
    source_sha256: StringProperty(name="Source hash")
    is_root: BoolProperty(default=False)
    labels: StringProperty(default="{}")  # JSON {id: name} of the whole file, on the Empty
    format: StringProperty(name="Format")


def _presets(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> list[tuple]:
    return PRESETS[self.method]


def _method_changed(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    self.preset = "standard"  # the other method may not have the one that was chosen


class FT2OS_Scene(bpy.types.PropertyGroup):
    """What the next stylization is asked for."""

    prompt: StringProperty(
        name="Prompt",
        description="What the object shall become, in words: lava, old gold, truck made of ice",
        options={"TEXTEDIT_UPDATE"},
    )
    method: EnumProperty(name="Method", items=METHODS, default="material", update=_method_changed)
    preset: EnumProperty(name="Preset", items=_presets, default=0)  # the number of "standard"
    seed: IntProperty(name="Seed", description="Another seed, another variation", default=0, min=0)


class FT2OS_Session(bpy.types.PropertyGroup):
    """The job that runs now and the last thing that went wrong."""

    busy: BoolProperty()
    stage: StringProperty()
    factor: FloatProperty(min=0.0, max=1.0)
    remaining: FloatProperty(default=-1.0)  # seconds, −1 unknown
    target: StringProperty()  # the object's name
    error: StringProperty()
    hint: StringProperty()


CLASSES = (FT2OS_Look, FT2OS_Object, FT2OS_Scene, FT2OS_Session)
POINTERS = (
    (bpy.types.Object, FT2OS_Object),
    (bpy.types.Scene, FT2OS_Scene),
    (bpy.types.WindowManager, FT2OS_Session),
)


def attach() -> None:
    """Put ``ft2os`` on Object, Scene and WindowManager."""
    for owner, group in POINTERS:
        owner.ft2os = PointerProperty(type=group)


def detach() -> None:
    """Take ``ft2os`` off again."""
    for owner, _ in POINTERS:
        del owner.ft2os
