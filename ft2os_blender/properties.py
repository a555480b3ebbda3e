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

from ft2os.stylize.methods import METHODS

from . import controls
from .scene import display

# The numbers are what a .blend stores.
METHOD_ITEMS = [(method.name, method.title, method.line, method.number) for method in METHODS.values()]
PRESET_ITEMS = {
    method.name: [
        (preset.name, preset.title, f"{preset.doc}. About {preset.time} on two cores", preset.number)
        for preset in method.presets
    ]
    for method in METHODS.values()
}


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
    return PRESET_ITEMS[self.method]


def _method_changed(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    self.preset = "standard"  # the other method may not have the one that was chosen


class FT2OS_Advanced(bpy.types.PropertyGroup):
    """Settings of the methods that artists turn; what stays at its default is left to the preset."""

    __annotations__ = controls.annotations("panel", "advanced")


class FT2OS_Scene(bpy.types.PropertyGroup):
    """The settings of the next stylization, and how the Splats engine draws."""

    prompt: StringProperty(
        name="Prompt",
        description="What the object shall become, in words: lava, old gold, truck made of ice",
        options={"TEXTEDIT_UPDATE"},
    )
    method: EnumProperty(name="Method", items=METHOD_ITEMS, default="material", update=_method_changed)
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
    antialiased: BoolProperty(
        name="Antialiased",
        description="For captures that were trained so, as by Mip-Splatting: "
        "Gaussians that are smaller than a pixel cover no more than they should",
    )


class FT2OS_Job(bpy.types.PropertyGroup):
    """One stylization that runs or waits, as the panel shows it."""

    number: IntProperty()  # names it
    target: StringProperty()  # the object's name
    prompt: StringProperty()
    stage: StringProperty()
    factor: FloatProperty(min=0.0, max=1.0)
    remaining: FloatProperty(default=-1.0)  # seconds, -1 unknown
    checkpoint: StringProperty()  # see FT2OS_Object.unfinished
    picture: StringProperty()  # the file of the newest preview


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
