"""The scene's materials: soft pastel paints, and a few procedural ones for wood, grass and earth."""

from __future__ import annotations

import bpy


def linear(hex_colour: str) -> tuple[float, float, float, float]:
    """An sRGB colour such as ``'5aa9e6'`` as linear RGBA."""
    values = [int(hex_colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    return (*(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values), 1.0)


def paint(colour: str, roughness: float = 0.55, glow: float = 0.0):
    """A plain paint.  Rough on purpose: degree-1 harmonics cannot carry mirror-like highlights."""
    material = bpy.data.materials.new(colour)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = linear(colour)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Specular IOR Level"].default_value = 0.3
    if glow:
        shader.inputs["Emission Color"].default_value = linear(colour)
        shader.inputs["Emission Strength"].default_value = glow
    return material


def mottled(colours: list[str], scale, detail: float = 2.0, space: str = "Object", sharp: float = 1.0):
    """Noise through a colour ramp.  ``scale`` is a number or three, to stretch the grain."""
    material = paint(colours[0], 0.75)
    tree = material.node_tree
    scales = scale if isinstance(scale, tuple) else (scale,) * 3
    factor = _noise(tree, scales, detail, space)
    ramp = _ramp(tree, factor, colours, 0.5 - 0.22 / sharp, 0.5 + 0.22 / sharp)
    tree.links.new(ramp, tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def meadow(grass: list[str], path: list[str], half_width: float):
    """Grass with a wobbling path along x; world coordinates."""
    material = paint(grass[0], 0.85)
    tree = material.node_tree
    new, link = tree.nodes.new, tree.links.new
    green = _ramp(tree, _noise(tree, (2.2,) * 3, 4.0, "World"), grass, 0.34, 0.66)
    sand = _ramp(tree, _noise(tree, (3.5,) * 3, 3.0, "World"), path, 0.36, 0.64)
    position = new("ShaderNodeNewGeometry").outputs["Position"]
    split = new("ShaderNodeSeparateXYZ")
    link(position, split.inputs[0])
    wobble = _math(tree, "MULTIPLY_ADD", _noise(tree, (1.6,) * 3, 2.0, "World"), 0.5, -0.25)
    bend = _math(tree, "MULTIPLY", _math(tree, "SINE", split.outputs["X"], 0.0), 0.16)
    across = _math(
        tree, "ABSOLUTE", _math(tree, "ADD", _math(tree, "ADD", split.outputs["Y"], wobble), bend), 0
    )
    edge = new("ShaderNodeMapRange")
    edge.inputs["From Min"].default_value = half_width - 0.03
    edge.inputs["From Max"].default_value = half_width + 0.03
    link(across, edge.inputs["Value"])
    mix = new("ShaderNodeMix")
    mix.data_type = "RGBA"
    link(edge.outputs[0], mix.inputs["Factor"])
    link(sand, mix.inputs["A"] if mix.inputs["A"].type == "RGBA" else mix.inputs[6])
    link(green, mix.inputs["B"] if mix.inputs["B"].type == "RGBA" else mix.inputs[7])
    result = next(o for o in mix.outputs if o.type == "RGBA")
    link(result, tree.nodes["Principled BSDF"].inputs["Base Color"])
    return material


def _noise(tree, scales, detail: float, space: str):
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = scales
    if space == "World":
        source = tree.nodes.new("ShaderNodeNewGeometry").outputs["Position"]
    else:
        source = tree.nodes.new("ShaderNodeTexCoord").outputs["Object"]
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 1.0
    noise.inputs["Detail"].default_value = detail
    tree.links.new(source, mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    return noise.outputs[0]


def _ramp(tree, factor, colours: list[str], start: float, end: float):
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    stops = ramp.color_ramp.elements
    while len(stops) < len(colours):
        stops.new(0.5)
    for i, (stop, colour) in enumerate(zip(stops, colours)):
        stop.position = start + (end - start) * i / (len(colours) - 1)
        stop.color = linear(colour)
    tree.links.new(factor, ramp.inputs[0])
    return ramp.outputs["Color"]


def _math(tree, operation: str, a, *rest):
    node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    for slot, value in zip(node.inputs, (a, *rest)):
        if isinstance(value, int | float):
            slot.default_value = value
        else:
            tree.links.new(value, slot)
    return node.outputs[0]
