"""The hero: a chunky toy pick-up with windows, panel lines, lamps and a slatted wooden bed.

Its own frame: the nose points to +x, wheels stand on z = 0, about 2.4 long.
"""

from __future__ import annotations

import math

from scripts.demo_scene.paints import mottled, paint
from scripts.demo_scene.shapes import Group

SIDES = (-1, 1)
FRONT_AXLE, REAR_AXLE = 0.70, -0.70


class Colours:
    """The truck's paints, made once a scene."""

    def __init__(self) -> None:
        self.body = paint("4f9fe8", 0.5)
        self.cream = paint("fff1d6", 0.6)
        self.line = paint("1f4a80", 0.8)
        self.glass = paint("263a52", 0.4)
        self.shine = paint("a9cfe4", 0.5)
        self.chrome = paint("c9d0d6", 0.45)
        self.tyre = paint("34363c", 0.8)
        self.hub = paint("ffc94a", 0.55)
        self.dark = paint("3b424c", 0.7)
        self.lamp = paint("fff6c8", 0.5, glow=0.25)
        self.red = paint("e5484a", 0.5)
        self.orange = paint("ff9d3c", 0.5)
        self.wood = mottled(["c98f52", "dcaa6c", "b97d43"], (2.0, 26.0, 26.0), 2.0)


def build(group: Group) -> None:
    """Adds the whole truck to ``group``."""
    c = Colours()
    _body(group, c)
    _cabin(group, c)
    _doors(group, c)
    _nose(group, c)
    _bed(group, c)
    for axle in (FRONT_AXLE, REAR_AXLE):
        for side in SIDES:
            _wheel(group, c, axle, side)


def _body(group: Group, c: Colours) -> None:
    group.box((2.14, 0.72, 0.16), (0.0, 0, 0.32), c.dark, 0.04)
    outline = [
        (1.14, 0.34),
        (1.16, 0.66),
        (1.08, 0.79),
        (0.56, 0.87),
        (0.33, 1.33),
        (-0.30, 1.33),
        (-0.34, 0.34),
    ]
    group.profile(outline, 0.45, 0.0, c.body, bevel=0.075, segments=5)
    group.profile(
        [(0.36, 1.325), (0.33, 1.41), (-0.29, 1.41), (-0.35, 1.325)], 0.46, 0.0, c.cream, bevel=0.04
    )
    group.box((0.40, 0.07, 0.02), (0.80, 0, 0.853), c.line, 0.005, turn=(0, 8.7, 0))  # hood spine
    for side in SIDES:
        for x in (0.66, 0.74, 0.82):  # louvres
            group.box((0.035, 0.16, 0.03), (x, side * 0.23, 0.875 - (x - 0.56) * 0.15), c.line, 0.01)
        group.box((1.40, 0.03, 0.055), (0.42, side * 0.447, 0.70), c.cream, 0.01)
        group.box((0.72, 0.10, 0.06), (0.0, side * 0.47, 0.36), c.chrome, 0.025)  # running board


def _cabin(group: Group, c: Colours) -> None:
    slope = math.degrees(math.atan2(0.46, 0.23))
    group.box((0.43, 0.80, 0.03), (0.452, 0, 1.10), c.cream, 0.012, turn=(0, slope, 0))
    group.box((0.36, 0.73, 0.03), (0.459, 0, 1.104), c.glass, 0.012, turn=(0, slope, 0))
    group.box((0.31, 0.07, 0.03), (0.463, -0.14, 1.106), c.shine, 0.004, turn=(0, slope, 0))
    group.box((0.31, 0.025, 0.03), (0.463, -0.06, 1.106), c.shine, 0.004, turn=(0, slope, 0))
    group.box((0.03, 0.66, 0.28), (-0.322, 0, 1.13), c.cream, 0.012)
    group.box((0.03, 0.60, 0.22), (-0.332, 0, 1.13), c.glass, 0.012)
    for side in SIDES:
        y = side * 0.445
        group.profile([(0.49, 0.90), (0.305, 1.27), (-0.01, 1.27), (-0.01, 0.90)], 0.014, y, c.cream, 0.01)
        group.profile([(0.435, 0.93), (0.28, 1.24), (0.02, 1.24), (0.02, 0.93)], 0.022, y, c.glass, 0.008)
        group.profile([(0.20, 0.95), (0.13, 1.22), (0.07, 1.22), (0.14, 0.95)], 0.026, y, c.shine, 0.003)
        group.profile([(-0.05, 0.90), (-0.05, 1.27), (-0.26, 1.27), (-0.26, 0.90)], 0.014, y, c.cream, 0.01)
        group.profile([(-0.08, 0.93), (-0.08, 1.24), (-0.23, 1.24), (-0.23, 0.93)], 0.022, y, c.glass, 0.008)
        group.rod((0.47, side * 0.44, 0.98), (0.52, side * 0.56, 1.02), 0.016, c.chrome)
        group.box((0.04, 0.10, 0.15), (0.52, side * 0.58, 1.05), c.body, 0.02)
        group.box((0.012, 0.075, 0.12), (0.497, side * 0.58, 1.05), c.shine, 0.004)
    for y in (-0.2, 0.0, 0.2):  # roof lamps
        group.ball((0.05, 0.05, 0.04), (0.24, y, 1.425), c.orange, sides=24)


def _doors(group: Group, c: Colours) -> None:
    for side in SIDES:
        y = side * 0.45
        for x, low, high in ((0.42, 0.62, 0.89), (-0.03, 0.42, 0.90), (-0.29, 0.42, 0.90)):
            group.box((0.02, 0.012, high - low), (x, y, (low + high) / 2), c.line, 0.003)
        group.box((0.47, 0.012, 0.02), (0.195, y, 0.885), c.line, 0.003)
        group.box((0.30, 0.012, 0.02), (0.10, y, 0.44), c.line, 0.003)
        group.box((0.10, 0.05, 0.028), (0.06, side * 0.462, 0.80), c.chrome, 0.012)
        group.box((0.02, 0.012, 0.36), (0.94, y, 0.56), c.line, 0.003)


def _nose(group: Group, c: Colours) -> None:
    group.box((0.06, 0.40, 0.27), (1.145, 0, 0.585), c.chrome, 0.03)
    group.box((0.06, 0.34, 0.21), (1.158, 0, 0.585), c.dark, 0.02)
    for i in range(4):
        group.box((0.06, 0.33, 0.022), (1.172, 0, 0.513 + 0.048 * i), c.chrome, 0.008)
    group.box((0.03, 0.10, 0.05), (1.165, 0, 0.745), c.hub, 0.015, turn=(0, 10, 0))
    group.box((0.15, 1.04, 0.14), (1.22, 0, 0.35), c.cream, 0.055)
    group.box((0.03, 0.26, 0.10), (1.295, 0, 0.35), c.hub, 0.012)
    group.box((0.034, 0.18, 0.022), (1.298, 0, 0.365), c.line, 0.004)
    group.box((0.034, 0.12, 0.018), (1.298, 0, 0.332), c.line, 0.004)
    for side in SIDES:
        group.cylinder(0.105, 0.10, (1.15, side * 0.318, 0.60), c.chrome, "X", 0.02)
        group.ball((0.045, 0.085, 0.085), (1.195, side * 0.318, 0.60), c.lamp, sides=32)
        group.box((0.04, 0.09, 0.045), (1.155, side * 0.36, 0.455), c.orange, 0.015)


def _bed(group: Group, c: Colours) -> None:
    group.box((0.86, 0.86, 0.08), (-0.76, 0, 0.50), c.wood, 0.02)
    for i in range(6):
        group.box((0.80, 0.118, 0.03), (-0.76, -0.325 + 0.13 * i, 0.545), c.wood, 0.01)
    for side in SIDES:
        group.box((0.88, 0.075, 0.34), (-0.76, side * 0.43, 0.60), c.body, 0.03)
        group.box((0.82, 0.03, 0.055), (-0.76, side * 0.46, 0.70), c.cream, 0.01)
        for z in (0.86, 0.98):
            group.box((0.86, 0.04, 0.075), (-0.76, side * 0.445, z), c.wood, 0.015)
        for x in (-1.12, -0.76, -0.41):
            group.box((0.06, 0.06, 0.34), (x, side * 0.425, 0.89), c.line, 0.012)
        group.box((0.03, 0.10, 0.13), (-1.205, side * 0.36, 0.60), c.red, 0.015)
        group.box((0.034, 0.10, 0.04), (-1.206, side * 0.36, 0.625), c.orange, 0.006)
    group.box((0.075, 0.90, 0.34), (-1.17, 0, 0.60), c.body, 0.03)
    group.box((0.03, 0.44, 0.10), (-1.205, 0, 0.64), c.cream, 0.012)
    group.box((0.06, 0.16, 0.03), (-1.21, 0, 0.74), c.chrome, 0.012)
    for z in (0.86, 0.98):
        group.box((0.04, 0.88, 0.075), (-1.165, 0, z), c.wood, 0.015)
    group.box((0.13, 0.98, 0.13), (-1.22, 0, 0.36), c.cream, 0.05)
    group.cylinder(0.035, 0.95, (-0.40, 0.40, 0.98), c.chrome, "Z", 0.008, sides=24)


def _wheel(group: Group, c: Colours, x: float, side: int) -> None:
    radius, y = 0.285, side * 0.47
    group.cylinder(radius, 0.22, (x, y, radius), c.tyre, "Y", 0.05)
    for i in range(18):  # tread blocks
        a = math.radians(20 * i)
        at = (x + 0.284 * math.cos(a), y, radius + 0.284 * math.sin(a))
        group.box((0.03, 0.17, 0.05), at, c.tyre, 0.008, turn=(0, -20 * i, 0))
    group.cylinder(0.165, 0.03, (x, y + side * 0.108, radius), c.cream, "Y", 0.012)
    group.cylinder(0.125, 0.03, (x, y + side * 0.118, radius), c.hub, "Y", 0.012)
    group.cylinder(0.05, 0.05, (x, y + side * 0.13, radius), c.chrome, "Y", 0.015, sides=24)
    for i in range(5):
        a = math.radians(72 * i + 18)
        at = (x + 0.086 * math.cos(a), y + side * 0.132, radius + 0.086 * math.sin(a))
        group.cylinder(0.017, 0.02, at, c.dark, "Y", 0.004, sides=16)
    arch = []
    for r, turns in ((0.40, range(0, 181, 12)), (0.32, range(180, -1, -12))):
        arch += [
            (x + r * math.cos(math.radians(a)), radius + 0.02 + r * math.sin(math.radians(a))) for a in turns
        ]
    group.profile(arch, 0.135, side * 0.465, c.body, bevel=0.022, segments=3)
