"""How points look while navigating: one shared material that turns raw DC coefficients into colours.

The true picture comes from the render engine. Here a look shows as one colour a point, the mean of the
look's Gaussians that stand for it, in the attribute ``shown``; ``shown_strength`` says how much of it shows.
It is not read from the alpha of ``shown``, since Cycles takes a missing attribute for 0 with alpha 1.
"""

from __future__ import annotations

import bpy
import numpy as np

from ft2os.gaussians import C0

from . import attributes, live, looks

MATERIAL = "Splat Points"
SHOWN, STRENGTH = "shown", "shown_strength"
MARK = "ft2os_live"  # on a cloud whose dots show a growing look


def material() -> bpy.types.Material:
    """The shared display material, made at first use."""
    shared = bpy.data.materials.get(MATERIAL)
    return shared if shared is not None else _build(bpy.data.materials.new(MATERIAL))


def renew() -> None:
    """Build a file's display material anew where it is of version 0.1.0, whose dots Cycles draws grey."""
    shared = bpy.data.materials.get(MATERIAL)
    if shared is None or shared.library or not shared.node_tree:
        return
    if STRENGTH in {getattr(node, "attribute_name", "") for node in shared.node_tree.nodes}:
        return
    _build(shared)
    for obj in bpy.data.objects:
        show(obj)


def show(obj: bpy.types.Object) -> None:
    """Bring an object's points up to date with its active look and strength."""
    if obj.type != "POINTCLOUD":
        return
    item, growing = looks.active_look(obj), live.of(obj)
    if MARK in obj.data:
        del obj.data[MARK]
    if growing is not None:
        _put(obj.data, growing.shown)
        obj.data[MARK] = True
    elif item is None or not looks.is_whole(item):
        for name in (SHOWN, STRENGTH):
            attributes.remove(obj.data, name)
    else:
        rows = looks.parent_rows(item)
        dc = attributes.read(item.pointcloud, "radiance:base")[:, :3]
        kept = rows >= 0
        _put(obj.data, mean_colours(dc[kept], rows[kept], len(obj.data.points), item.strength))
    obj.data.update_tag()


def mean_colours(dc: np.ndarray, rows: np.ndarray, n: int, strength: float = 1.0) -> np.ndarray:
    """The colour of each point: the mean of the look's Gaussians that stand for it.

    Parameters
    ----------
    dc : ndarray, [M, 3]
        Raw colours of a look.
    rows : ndarray, int, [M]
        The point that each of them stands for, 0 .. n − 1.
    n : int
        How many points there are.
    strength : float

    Returns
    -------
    ndarray, [n, 4]
        Raw colour, and in alpha how much of it shows: ``strength``, or 0 where nothing stands for the point.
    """
    count = np.bincount(rows, minlength=n)
    sums = np.stack([np.bincount(rows, weights=dc[:, c], minlength=n) for c in range(3)], axis=1)
    colours = sums / np.maximum(count, 1)[:, None]
    return np.concatenate([colours, np.where(count, strength, 0.0)[:, None]], axis=1)


def _put(cloud: bpy.types.PointCloud, colours: np.ndarray) -> None:
    """Write the points' shown colours [N, 4]: raw DC and strength."""
    attributes.write(cloud, SHOWN, colours)
    attributes.write(cloud, STRENGTH, colours[:, 3])


def untouched_colour_management(scene: bpy.types.Scene) -> bool:
    """Whether a scene has the colour management that Blender starts with."""
    view = scene.view_settings
    neutral = view.look == "None" and view.exposure == 0.0 and view.gamma == 1.0
    return view.view_transform in {"AgX", "Filmic"} and neutral


def set_standard_view(scene: bpy.types.Scene) -> None:
    """Show colours as the Gaussians were trained: AgX turns 0.80 into 0.74."""
    scene.view_settings.view_transform = "Standard"


def _build(shared: bpy.types.Material) -> bpy.types.Material:
    """½ + C0·DC, then sRGB -> linear (gamma 2.2 is close enough for dots), then light of that colour."""
    shared.use_nodes = True
    tree = shared.node_tree
    tree.nodes.clear()

    def node(kind: str, x: float, **settings) -> bpy.types.Node:
        new = tree.nodes.new(kind)
        new.location = (x, 0 if kind != "ShaderNodeAttribute" else -200 * len(tree.nodes))
        for name, value in settings.items():
            setattr(new, name, value)
        return new

    base = node("ShaderNodeAttribute", -1000, attribute_name="radiance:base")
    shown = node("ShaderNodeAttribute", -1000, attribute_name=SHOWN)
    strength = node("ShaderNodeAttribute", -1000, attribute_name=STRENGTH)
    mix = node("ShaderNodeMix", -800, data_type="VECTOR")
    colour = node("ShaderNodeVectorMath", -600, operation="MULTIPLY_ADD")
    colour.inputs[1].default_value = (C0,) * 3
    colour.inputs[2].default_value = (0.5,) * 3
    positive = node("ShaderNodeVectorMath", -400, operation="MAXIMUM")
    linear = node("ShaderNodeGamma", -200)
    linear.inputs["Gamma"].default_value = 2.2
    light = node("ShaderNodeEmission", 0)
    out = node("ShaderNodeOutputMaterial", 200)

    vector_in = [s for s in mix.inputs if s.type == "VECTOR"]
    link = tree.links.new
    link(strength.outputs["Fac"], mix.inputs[0])
    link(base.outputs["Vector"], vector_in[-2])
    link(shown.outputs["Vector"], vector_in[-1])
    link(next(s for s in mix.outputs if s.type == "VECTOR"), colour.inputs[0])
    link(colour.outputs[0], positive.inputs[0])
    link(positive.outputs[0], linear.inputs["Color"])
    link(linear.outputs[0], light.inputs["Color"])
    link(light.outputs[0], out.inputs["Surface"])
    return shared
