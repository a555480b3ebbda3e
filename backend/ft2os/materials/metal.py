"""Metals. Without a mirror, what says metal is contrast: bands of an imagined room bent around the object."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


def _room(s: Surface, salt: int, wobble: float = 0.30) -> np.ndarray:
    """Brightness [M] of a room mirrored in the surface: dark floor, bright horizon, ceiling with lamps."""
    bend = wobble * s.fbm(3.0, 3, salt=salt) + 0.03 * s.fbm(14, 3, salt=salt + 1) + 0.55 * s.detail
    up = -s.normal[:, 1] + bend
    around = np.arctan2(s.normal[:, 2], s.normal[:, 0]) + 0.9 * s.fbm(2.2, 3, salt=salt + 2)
    horizon = np.exp(-(((up - 0.10) / 0.10) ** 2))
    floor = smooth(-1.0, 0.02, up) * 0.34 + 0.12
    sky = 0.34 + 0.34 * smooth(0.1, 1.1, up)
    lamps = smooth(0.35, 0.95, np.cos(2 * around + 0.6)) * smooth(0.22, 0.5, up) * smooth(1.1, 0.6, up)
    base = np.where(up < 0.06, floor, sky)
    base = base + (floor - base) * smooth(0.10, 0.02, up)
    # A sun: the highlight that says polish; from the normal alone, so that it lies still from every side.
    sun = smooth(0.72, 0.98, s.facing() + 0.12 * bend)
    return base + 0.34 * horizon + 0.55 * lamps + 0.5 * sun + 0.06 * s.fbm(6, 3, salt=salt + 3)


def _scratches(s: Surface, salt: int) -> np.ndarray:
    """Brushed and scratched micro-structure, about -1..1 [M]."""
    return s.fbm((5, 64, 5), 3, salt=salt, at=s.warp(2, 0.05, salt=salt + 1))


def _mirror(s: Surface, salt: int, stops: str, wear: float = 0.06) -> np.ndarray:
    return ramp(_room(s, salt) + wear * _scratches(s, salt + 7) + 0.45 * s.detail, stops)


@material("gold", "Gold", "golden, gilded, bullion, gilt", detail_gain=0.6, luminance_keep=0.6)
def gold(s: Surface) -> np.ndarray:
    """Polished gold: brown-black reflections, warm mid tones, pale lamps."""
    colour = _mirror(
        s, 1, "0 #241103, 0.16 #64380a, 0.34 #ad7112, 0.52 #dea728, 0.72 #f3c647, 0.9 #fadf7c, 1 #fcefb8"
    )
    dents = s.lit(lambda t: t.fbm(9, 2, salt=10), 0.03)
    return shade(colour, 1 + 0.22 * dents)


@material("silver", "Silver", "silvery, sterling, platinum", detail_gain=0.6, luminance_keep=0.6)
def silver(s: Surface) -> np.ndarray:
    """Old silver: bright, slightly warm, tarnished where it is not touched."""
    colour = _mirror(s, 21, "0 #14151a, 0.2 #42444b, 0.45 #8d9096, 0.65 #bcbec2, 0.85 #e3e3e2, 1 #f6f5f2")
    tarnish = smooth(0.15, 0.8, s.fbm(4, 5, salt=30, gain=0.6) - 1.4 * s.detail)
    return mix(
        colour,
        shade(colour, np.full(len(s.p), 0.55)) * np.array([1.05, 0.95, 0.82], np.float32),
        0.8 * tarnish,
    )


@material("copper", "Copper", "coppery, rose gold", detail_gain=0.6, luminance_keep=0.6)
def copper(s: Surface) -> np.ndarray:
    """Warm copper with heat-tinted patches of purple and orange."""
    colour = _mirror(s, 41, "0 #1c0703, 0.2 #5c200c, 0.42 #a74a22, 0.6 #d87a4a, 0.8 #f0a678, 1 #fad2b4")
    tint = s.fbm(2.8, 4, salt=50)
    colour = mix(colour, colour * np.array([0.86, 0.70, 0.86], np.float32), smooth(0.25, 0.8, tint))
    return mix(colour, colour * np.array([1.05, 0.98, 0.62], np.float32), smooth(-0.25, -0.8, tint))


@material(
    "verdigris",
    "Verdigris bronze",
    "bronze, patina, brass, oxidized copper",
    detail_gain=0.8,
    luminance_keep=0.6,
)
def verdigris(s: Surface) -> np.ndarray:
    """Bronze under a blue-green crust that runs down from edges; bare metal where detail stands out."""
    bare = _mirror(s, 61, "0 #150b04, 0.3 #4e3014, 0.6 #98682e, 0.85 #d0a05a, 1 #f0d8a4")
    q = s.warp((5, 2, 5), 0.06, salt=70)
    crust = s.fbm(6, 6, salt=71, gain=0.62, at=q) + 0.5 * s.fbm((16, 2.2, 16), 3, salt=72)
    tone = (
        0.5
        + 0.4 * s.fbm(9, 4, salt=73)
        + 0.35 * s.lit(lambda t: t.fbm(20, 3, salt=74), 0.014)
        + 0.8 * s.detail
    )
    green = ramp(tone, "0 #17463f, 0.35 #2f7a6b, 0.65 #64ab97, 1 #b4dcc8")
    colour = mix(bare, "#2a2a18", 0.7 * np.exp(-(((crust + 0.12) / 0.14) ** 2)))
    return mix(colour, green, smooth(-0.12, 0.22, crust - 0.5 * s.detail))


@material(
    "rust",
    "Rust",
    "rusty, rusted, corroded, oxidized, corrosion, oxide",
    detail_gain=0.85,
    luminance_keep=0.6,
)
def rust(s: Surface) -> np.ndarray:
    """Flaking orange-brown scale over the last of grey paint, with pits and runs."""
    q = s.warp(5, 0.05, salt=81)
    scale = s.fbm(5, 6, salt=82, gain=0.65, at=q)
    pits = s.fbm(26, 4, salt=83, gain=0.6)
    relief = s.lit(lambda t: t.fbm(13, 4, salt=84), 0.02)
    tone = 0.46 + 0.36 * scale + 0.16 * pits + 0.4 * relief + 0.8 * s.detail
    colour = ramp(tone, "0 #1b0c07, 0.25 #4d210f, 0.5 #8a3e16, 0.75 #bf6a2a, 1 #e3a561")
    steel = ramp(0.5 + 0.3 * s.fbm(8, 3, salt=85) + s.detail, "0 #2b3136, 0.5 #66727a, 1 #a9b3b8")
    runs = s.fbm((11, 1.6, 11), 4, salt=86)
    bare = smooth(0.30, 0.46, 0.8 * s.fbm(3.4, 5, salt=87, gain=0.6, at=q) - 0.25 * runs - 0.1 * pits)
    return mix(colour, mix(steel, "#8a3e16", 0.6 * smooth(0.0, 0.6, runs)), 0.9 * bare)


@material(
    "chrome",
    "Chrome",
    "chromed, steel, metal, metallic, iron, aluminium, aluminum, stainless steel, "
    "liquid metal, molten metal, titanium, mirror",
    detail_gain=0.5,
    luminance_keep=0.65,
)
def chrome(s: Surface) -> np.ndarray:
    """Polished steel: blue sky above a hard dark horizon, warm floor below."""
    room = _room(s, 101, wobble=0.34) + 0.5 * s.detail
    colour = ramp(room, "0 #0b0d12, 0.2 #2d333d, 0.4 #6b7683, 0.6 #a5b1bd, 0.8 #d6dee5, 1 #f5f8fa")
    up = -s.normal[:, 1] + 0.3 * s.fbm(3, 3, salt=101)
    colour = mix(colour, colour * np.array([0.80, 0.92, 1.10], np.float32), smooth(0.1, 0.7, up))
    return mix(colour, colour * np.array([1.08, 0.98, 0.84], np.float32), smooth(-0.1, -0.7, up))
