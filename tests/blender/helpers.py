"""What several Blender tests share: the extension's rooms, and a look made by hand."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType

import bpy
import numpy as np

MODULE = "bl_ext.user_default.ft2os_blender"


def empty_file() -> None:
    """An empty file with factory settings, which would disable the extension."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if MODULE not in bpy.context.preferences.addons:
        bpy.ops.preferences.addon_enable(module=MODULE)


def room(name: str) -> ModuleType:
    """A module of the installed extension, such as ``scene.objects``."""
    return importlib.import_module(f"{MODULE}.{name}")


def make_active(*objects: bpy.types.Object) -> None:
    """Select ``objects`` and nothing else; the first one becomes active."""
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0]


def splats() -> dict[str, bpy.types.Object]:
    """The file's splat objects by name."""
    return {obj.name: obj for obj in bpy.data.objects if room("scene.objects").is_splat(obj)}


def in_scene(obj: bpy.types.Object):
    """The object's Gaussians in its file's axes."""
    from ft2os import transforms

    collect, build = room("scene.collect"), room("scene.build")
    return transforms.apply(
        room("scene.objects").read_gaussians(obj), collect.relative(obj, build.root_of(obj))
    )


def red_look(obj: bpy.types.Object, prompt: str = "red", every: int = 1):
    """A look that shows one red Gaussian in the place of every ``every``-th of the object's."""
    from ft2os.gaussians import C0
    from ft2os.looks import Look

    own = room("scene.objects").read_gaussians(obj)
    parent = np.arange(0, len(own), every, dtype=np.int32)
    dc = np.tile((np.array([1.0, 0.0, 0.0]) - 0.5) / C0, (len(parent), 1)).astype(np.float32)
    return Look(
        parent=parent,
        dc=dc,
        dc0=None,
        means=own.means[parent],
        quats=own.quats[parent],
        scales=own.scales[parent],
        opacities=own.opacities[parent],
        target=None,
        name="Bright red",
        prompt=prompt,
        method="material",
        seed=4,
        stats={"total_seconds": 1.6},
    )


def delete_points(obj: bpy.types.Object, doomed: np.ndarray) -> None:
    """Delete points the way that works in every version: a Delete Geometry node, applied."""
    mark = obj.data.attributes.new("doomed", "FLOAT", "POINT")
    mark.data.foreach_set("value", doomed.astype(np.float32))
    tree = bpy.data.node_groups.new("delete", "GeometryNodeTree")
    for in_out in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=in_out, socket_type="NodeSocketGeometry")
    source, sink = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    named = tree.nodes.new("GeometryNodeInputNamedAttribute")
    named.data_type = "FLOAT"
    named.inputs["Name"].default_value = "doomed"
    delete = tree.nodes.new("GeometryNodeDeleteGeometry")
    tree.links.new(source.outputs[0], delete.inputs["Geometry"])
    tree.links.new(named.outputs[0], delete.inputs["Selection"])
    tree.links.new(delete.outputs[0], sink.inputs[0])
    modifier = obj.modifiers.new("delete", "NODES")
    modifier.node_group = tree
    with bpy.context.temp_override(object=obj, active_object=obj, selected_objects=[obj]):
        bpy.ops.object.modifier_apply(modifier=modifier.name)
    room("scene.attributes").remove(obj.data, "doomed")


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """How often each function, Python's or C's, is called in the block: work, whatever the clock says."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            calls[frame.f_code.co_name] += 1
        elif event == "c_call":
            calls[argument.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)
