"""What the extension keeps on scenes, objects and the session: the only place where properties are declared.

What must survive saving is on Scene and Object. The running jobs are on the WindowManager, which Blender
never saves.
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

METHODS = [  # the numbers are what a .blend stores
    ("material", "Material", "Solid materials matched to the words of the prompt: seconds, no network", 0),
    ("image", "Image", "Palette and strokes of a picture: seconds to a minute", 2),
    ("clip", "CLIP", "Optimise the look against a vision-language model: minutes, needs its weights", 1),
]
PICTURED = ("image", "clip")  # the methods that take a style picture
RESUMED = ("clip",)  # the methods whose broken-off runs can go on


def _presets_of(standard: str, high: str) -> list[tuple]:
    return [
        ("draft", "Draft", "Faster and rougher", 1),
        ("standard", "Standard", standard, 0),
        ("high", "High", high, 3),
    ]


_TUNED = "The quality that the method was tuned for"
PRESETS = {
    "material": _presets_of(_TUNED, "Crisper, some seconds more; needs the full backend and VGG16's weights"),
    "image": _presets_of(
        "Draws the picture's strokes along the form; needs VGG16's weights",
        "Finer, and some times as long; needs VGG16's weights",
    ),
    "clip": [
        *_presets_of(_TUNED, "More views, more steps, finer Gaussians"),
        ("seed", "Paper", "The published settings, for comparison", 2),
    ],
}
STARTS = [
    ("auto", "Automatic", "The material that the model likes best for the prompt, or the object itself"),
    ("original", "Object", "The object's own colours"),
    ("named", "Material", "The material named below"),
]
GEOMETRY = [
    ("AUTO", "Automatic", "The form changes where the prompt asks for it: spiky, melting, furry"),
    ("OFF", "Off", "Colours only"),
    ("ON", "On", "The form changes whatever the prompt says"),
]


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
    unfinished: StringProperty()  # the name of the checkpoint of a run that broke off, see jobs.checkpoints


def _presets(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> list[tuple]:
    return PRESETS[self.method]


def _method_changed(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    self.preset = "standard"  # the other method may not have the one that was chosen


class FT2OS_Advanced(bpy.types.PropertyGroup):
    """Settings of the methods that artists turn; what stays at its default is left to the preset."""

    use_keep: BoolProperty(
        name="Keep Light and Dark",
        description="Choose how much of the object's own light and dark stays, instead of the method",
    )
    keep: FloatProperty(
        name="Share",
        description="0: the look's own light only; 1: all of the object's light and dark",
        default=0.7,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    size: FloatProperty(
        name="Pattern Size",
        description="Size of the material's pattern or of the picture's strokes; 1 is as tuned",
        default=1.0,
        min=0.1,
        max=10.0,
        soft_max=4.0,
    )
    start: EnumProperty(name="Start From", items=STARTS, default="auto")
    start_material: StringProperty(name="Material", description="One of the materials, such as lava or ice")
    geometry: EnumProperty(name="Form", items=GEOMETRY, default="AUTO")
    geometry_amount: FloatProperty(
        name="Amount", description="How far the form goes", default=0.5, min=0.0, max=1.0, subtype="FACTOR"
    )
    regularisation: FloatProperty(
        name="Hold Original",
        description="Weight of the likeness to the original pictures; needs VGG16's weights above 0",
        default=0.0,
        min=0.0,
        max=10.0,
    )


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
    style_image: StringProperty(
        name="Style Picture",
        description="The picture whose style the object takes; a prompt beside it may be left empty",
        subtype="FILE_PATH",
    )
    live: BoolProperty(
        name="Live", description="Show the look on the object while it is being made", default=True
    )
    advanced: PointerProperty(type=FT2OS_Advanced)


class FT2OS_Job(bpy.types.PropertyGroup):
    """One stylization that runs or waits, as the panel shows it."""

    number: IntProperty()  # names it
    target: StringProperty()  # the object's name
    prompt: StringProperty()
    stage: StringProperty()
    factor: FloatProperty(min=0.0, max=1.0)
    remaining: FloatProperty(default=-1.0)  # seconds, -1 unknown
    checkpoint: StringProperty()  # see FT2OS_Object.unfinished


def _busy(self: bpy.types.PropertyGroup) -> bool:
    return len(self.jobs) > 0


class FT2OS_Session(bpy.types.PropertyGroup):
    """The stylizations that run and wait, and the last thing that went wrong."""

    jobs: CollectionProperty(type=FT2OS_Job)
    busy: BoolProperty(get=_busy)
    error: StringProperty()
    hint: StringProperty()


CLASSES = (FT2OS_Look, FT2OS_Object, FT2OS_Advanced, FT2OS_Scene, FT2OS_Job, FT2OS_Session)
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
