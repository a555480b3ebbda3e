"""The whole scene, built by code: the truck on its path, a crate with a pumpkin, a tree and a ball."""

from __future__ import annotations

import math
import random

import bpy
from mathutils import Matrix, Vector

from scripts.demo_scene import truck
from scripts.demo_scene.paints import linear, meadow, mottled, paint
from scripts.demo_scene.shapes import Group

RADIUS = 2.25  # of the ground plate


def build() -> None:
    """Empties the Blender file and models the scene with light, ready to render."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    random.seed(7)
    _ground(Group(2))
    truck.build(Group(1, (0.05, -0.02, 0), 4.0))
    _crate(Group(3, (-0.98, -1.30, 0), 24.0))
    _tree(Group(4, (-0.25, 1.38, 0)))
    _ball(Group(5, (1.66, 0.66, 0), 60.0))
    _pumpkin(Group(6, (-0.98, -1.30, 0.60), 10.0))
    _light()


def _ground(group: Group) -> None:
    grass = ["74b860", "8fcb6b", "a9d97c"]
    meadow_paint = meadow(grass, ["e6cf9f", "f1dfb6", "d9bd8a"], 0.74)
    group.cylinder(RADIUS, 0.10, (0, 0, -0.05), meadow_paint, bevel=0.05, sides=160)
    earth = mottled(["8a6244", "a4774f", "74503a"], (3.0, 3.0, 9.0), 2.0, "World")
    group.cylinder(RADIUS - 0.16, 0.16, (0, 0, -0.165), earth, bevel=0.05, top=RADIUS - 0.03, sides=160)
    stone = mottled(["c9c5bd", "b4b0aa", "dad6cd"], 5.0, 1.0, "World")
    for _ in range(26):
        at = _spot(0.86, 1.02)
        r = random.uniform(0.05, 0.10)
        group.ball(
            (r, r * random.uniform(0.7, 1.0), r * 0.6), at, stone, (0, 0, random.uniform(0, 180)), sides=16
        )
    tuft = [paint(c, 0.8) for c in ("5fa552", "86c765", "9fd873")]
    petals = [paint(c, 0.6) for c in ("ffffff", "ffd3e2", "fff0a8")]
    heart = paint("ffb52e", 0.6)
    for i in range(70):
        at = _spot(1.0, 2.0)
        for k in range(5):
            a = random.uniform(0, 6.28)
            tip = (at[0] + 0.06 * math.cos(a), at[1] + 0.06 * math.sin(a), random.uniform(0.09, 0.15))
            group.rod((at[0], at[1], -0.02), tip, 0.022, tuft[k % 3], top=0.004)
        if i % 4 == 0:
            group.rod(at, (at[0], at[1], 0.14), 0.010, tuft[0])
            group.ball((0.05, 0.05, 0.02), (at[0], at[1], 0.145), petals[(i // 4) % 3], sides=16)
            group.ball((0.02, 0.02, 0.02), (at[0], at[1], 0.162), heart, sides=12)


def _spot(low: float, high: float) -> tuple[float, float, float]:
    """A random place on the grass whose distance from the path's middle lies in the range."""
    while True:
        x, y = random.uniform(-2.1, 2.1), random.choice((-1, 1)) * random.uniform(low, high)
        if math.hypot(x, y) < RADIUS - 0.12:
            return x, y, 0.0


def _crate(group: Group) -> None:
    s = 0.56
    planks = [
        mottled([a, b, c], (3.0, 30.0, 30.0), 2.0)
        for a, b, c in (("d8a565", "e6ba7d", "c58f50"), ("cf9a58", "dfb174", "ba8446"))
    ]
    frame = mottled(["b27a42", "c38c52", "9c6836"], (3.0, 26.0, 26.0), 2.0)
    nail = paint("6b5a4a", 0.6)
    group.box((s - 0.06, s - 0.06, s - 0.06), (0, 0, s / 2), paint("6e4b2c", 0.9), 0.01)
    for turn in range(4):
        side = Group(group.index)
        side.matrix = group.matrix @ Matrix.Rotation(math.radians(90 * turn), 4, "Z")
        for i in range(4):
            z = 0.065 + (s - 0.13) / 3 * i
            side.box((s - 0.02, 0.03, 0.125), (0, -s / 2 + 0.025, z), planks[i % 2], 0.012)
        for x in (-1, 1):
            side.box((0.085, 0.035, s), (x * (s / 2 - 0.045), -s / 2 + 0.004, s / 2), frame, 0.012, (0, 0, 0))
            for z in (0.065, s - 0.065):
                side.cylinder(
                    0.014, 0.02, (x * (s / 2 - 0.045), -s / 2 - 0.012, z), nail, "Y", 0.003, sides=12
                )
        side.box((0.085, 0.03, 0.60), (0, -s / 2 + 0.006, s / 2), frame, 0.012, (0, 45, 0))
    for i in range(5):
        group.box((s, 0.102, 0.04), (0, -s / 2 + 0.056 + 0.112 * i, s), planks[i % 2], 0.012)


def _tree(group: Group) -> None:
    bark = mottled(["8d6748", "a27a56", "77553b"], (9.0, 9.0, 2.0), 2.0)
    group.cylinder(0.13, 1.05, (0, 0, 0.50), bark, bevel=0.01, top=0.085, sides=24)
    for a in (20, 140, 260):
        foot = (0.24 * math.cos(math.radians(a)), 0.24 * math.sin(math.radians(a)), 0.0)
        group.rod(foot, (0, 0, 0.22), 0.055, bark, top=0.08)
    group.rod((0, 0, 0.85), (0.28, -0.10, 1.22), 0.06, bark, top=0.04)
    group.rod((0, 0, 0.80), (-0.30, -0.05, 1.15), 0.06, bark, top=0.04)
    core = paint("4c9a55", 0.9)
    leaves = [paint(c, 0.7) for c in ("57a95a", "74c06a", "93d37b", "b5e08c")]
    apple = paint("f0524f", 0.5)
    crowns = [((0.02, 0.0, 1.72), 0.46), ((0.40, -0.10, 1.36), 0.36), ((-0.42, -0.04, 1.32), 0.38),
              ((0.02, 0.30, 1.36), 0.36), ((0.04, -0.34, 1.30), 0.32)]  # fmt: skip
    for centre, r in crowns:
        group.ball((r * 0.86,) * 3, centre, core, sides=24)
        count = int(420 * r * r) + 24
        for i in range(count):
            z = 1 - 2 * (i + 0.5) / count
            a = i * 2.39996 + random.uniform(-0.2, 0.2)
            out = Vector((math.sqrt(1 - z * z) * math.cos(a), math.sqrt(1 - z * z) * math.sin(a), z))
            at = Vector(centre) + out * r * random.uniform(0.84, 0.96)
            if any((at - Vector(c)).length < q * 0.84 for c, q in crowns):
                continue
            tilt = (
                out + Vector([random.uniform(-0.35, 0.35) for _ in range(3)]) + Vector((0, 0, 0.25))
            ).normalized()
            tone = leaves[min(3, max(0, int(1.6 + 1.5 * z + random.uniform(-0.9, 0.9))))]
            group.leaf(at, tilt, random.uniform(0.15, 0.20), tone, random.uniform(0, 6.28))
    for centre, r in crowns:
        for _ in range(3):
            a, z = random.uniform(0, 6.28), random.uniform(-0.5, 0.5)
            out = Vector((math.sqrt(1 - z * z) * math.cos(a), math.sqrt(1 - z * z) * math.sin(a), z))
            at = Vector(centre) + out * r * 1.04
            if not any((at - Vector(c)).length < q * 0.95 for c, q in crowns):
                group.ball((0.062,) * 3, at, apple, sides=20)


def _ball(group: Group) -> None:
    colours = [paint(c, 0.5) for c in ("ff6f91", "fff6e6", "ffc75f", "fff6e6", "5fc9c1", "fff6e6")]

    def stripe(p: Vector) -> int:
        if abs(p.z) > 0.955:
            return 1
        return int((math.atan2(p.y, p.x) + math.pi) / (2 * math.pi) * 6) % 6

    group.ball((0.34,) * 3, (0, 0, 0.335), colours, (24, 30, 20), paint=stripe, sides=72)


def _pumpkin(group: Group) -> None:
    skin = [paint(c, 0.55) for c in ("ff9a3d", "f5872a")]

    def ribs(p: Vector) -> Vector:
        a = math.atan2(p.y, p.x)
        bulge = 1.0 - 0.16 * (1 - abs(math.cos(4.5 * a))) ** 1.5
        dip = 0.32 * math.exp(-((p.x**2 + p.y**2) / 0.10))
        return Vector((p.x * bulge, p.y * bulge, p.z * (1 - dip)))

    def tone(p: Vector) -> int:
        return int(abs(math.cos(4.5 * math.atan2(p.y, p.x))) < 0.35)

    group.ball((0.25, 0.25, 0.20), (0, 0, 0.16), skin, shape=ribs, paint=tone, sides=108)
    stalk = paint("6f9a4a", 0.7)
    group.rod((0, 0, 0.27), (0.02, 0.01, 0.37), 0.036, stalk, top=0.028)
    group.rod((0.02, 0.01, 0.36), (0.07, 0.03, 0.43), 0.028, stalk, top=0.032)
    leaf = paint("7fbf5e", 0.7)
    group.leaf((0.03, 0.02, 0.31), (0.3, 0.2, 1.0), 0.17, leaf, 1.0)


def _light() -> None:
    scene = bpy.context.scene
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = linear("dcecff")
    background.inputs["Strength"].default_value = 0.62
    scene.world = world
    for name, energy, colour, angle, rotation in (
        ("sun", 2.7, "fff2dc", 14.0, (0.80, 0.10, 0.25)),
        ("fill", 0.5, "ffe9f2", 60.0, (0.9, 0.0, 2.6)),
    ):
        data = bpy.data.lights.new(name, "SUN")
        data.energy, data.color, data.angle = energy, linear(colour)[:3], math.radians(angle)
        lamp = bpy.data.objects.new(name, data)
        lamp.rotation_euler = rotation
        scene.collection.objects.link(lamp)
