"""Skins of animals: zebra, leopard, tiger, giraffe, snake and dragon scales, fur, peacock."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


def _hair(s: Surface, salt: int, freq: float = 70.0) -> np.ndarray:
    """Short hair lying down the body, about -1..1 [M]."""
    q = s.warp(4, 0.03, salt=salt)
    return s.fbm((freq, freq / 7, freq), 3, salt=salt + 1, at=q)


@material("zebra", "Zebra", "zebra stripe, stripe, striped", detail_gain=1.3, luminance_keep=0.55)
def zebra(s: Surface) -> np.ndarray:
    """Forking black stripes with soft brown shadows on cream hair."""
    q = s.warp(2.0, 0.12, salt=1, octaves=2)
    hair = _hair(s, 2)
    wave = np.sin(
        30 * (q[:, 0] + 0.38 * q[:, 2] + 0.16 * s.fbm(1.6, 2, salt=3, at=q)) + 1.2 * s.fbm(3, 2, salt=4)
    )
    stripe = smooth(-0.16, 0.16, wave + 0.16 * hair)
    stripe = stripe * (1 - 0.85 * smooth(0.08, 0.18, s.detail))  # eyes stay bright within a stripe
    cream = ramp(
        0.62 + 0.28 * hair + 0.18 * s.fbm(3, 3, salt=5) + 0.5 * s.detail,
        "0 #a4917a, 0.4 #d6c8b2, 0.75 #efe8da, 1 #f8f5ee",
    )
    black = ramp(0.34 + 0.4 * hair + 0.5 * s.detail, "0 #0b0908, 0.5 #221b18, 1 #55483f")
    cream = mix(cream, "#7a5a3d", 0.5 * np.exp(-((np.abs(wave) / 0.35) ** 2)))
    return mix(cream, black, stripe)


@material("tiger", "Tiger", "tiger stripe, bengal, tigerskin", detail_gain=1.3, luminance_keep=0.55)
def tiger(s: Surface) -> np.ndarray:
    """Burnt-orange coat, pale belly, tapering black flames of stripes."""
    q = s.warp(2.4, 0.13, salt=11, octaves=3)
    hair = _hair(s, 12)
    wave = np.sin(27 * (q[:, 1] + 0.14 * s.fbm(2.0, 2, salt=13, at=q)))
    taper = 0.40 + 0.75 * s.fbm((3.2, 1.2, 3.2), 2, salt=14)
    stripe = smooth(-0.10, 0.12, wave - 0.25 + taper * 0.6 + 0.20 * hair - 0.45)
    stripe = stripe * (1 - 0.85 * smooth(0.08, 0.18, s.detail))
    coat = (
        0.42 + 0.26 * hair + 0.20 * s.fbm(2, 3, salt=15) + 0.30 * smooth(0.35, 0.0, s.height) + 0.6 * s.detail
    )
    colour = ramp(coat, "0 #7a2f07, 0.3 #c5610f, 0.55 #e68a24, 0.78 #f1b765, 1 #f8ead2")
    black = ramp(0.30 + 0.4 * hair + 0.5 * s.detail, "0 #0c0705, 0.5 #211411, 1 #5c4130")
    return mix(colour, black, stripe)


@material(
    "leopard",
    "Leopard",
    "cheetah, jaguar, leopard print, animal print",
    detail_gain=1.3,
    luminance_keep=0.55,
    scale=1.2,
)
def leopard(s: Surface) -> np.ndarray:
    """Rosettes: broken dark rings around tawny hearts on a golden coat."""
    q = s.warp(7, 0.022, salt=21)
    spot = s.cells(11.5, salt=22, at=q, jitter=0.9)
    hair = _hair(s, 23)
    r = spot.distance + 0.07 * s.fbm(16, 2, salt=24) + 0.03 * hair
    size = 0.34 + 0.10 * spot.pick
    ring = smooth(0.115, 0.075, np.abs(r - size + 0.03))
    gaps = smooth(-0.42, -0.12, s.fbm(17, 2, salt=25, at=q))
    coat = (
        0.48
        + 0.24 * hair
        + 0.16 * s.fbm(2.5, 3, salt=26)
        + 0.16 * smooth(0.3, 0.0, s.height)
        + 0.6 * s.detail
    )
    colour = ramp(coat, "0 #80501a, 0.3 #c08a3e, 0.6 #e0b56d, 0.85 #f0d9a6, 1 #f8eed6")
    colour = mix(colour, "#a9681f", 0.75 * smooth(size + 0.02, size - 0.08, r))
    black = ramp(0.30 + 0.4 * hair + 0.5 * s.detail, "0 #0d0806, 0.5 #241711, 1 #5a4230")
    return mix(colour, black, ring * gaps)


@material("giraffe", "Giraffe", "giraffe pattern, cracked earth", detail_gain=1.3, luminance_keep=0.55)
def giraffe(s: Surface) -> np.ndarray:
    """Chestnut patches, darker in the middle, parted by cream lines."""
    patch = s.cells((6.2, 5.2, 6.2), salt=31, at=s.warp(9, 0.014, salt=32), jitter=0.85)
    hair = _hair(s, 33)
    tone = (
        0.62
        - 0.55 * smooth(0.02, 0.30, patch.border)
        + 0.20 * hair
        + 0.22 * (patch.pick - 0.5)
        + 0.6 * s.detail
    )
    brown = ramp(tone, "0 #4a2410, 0.4 #8a4a1f, 0.7 #b87337, 1 #d9a468")
    cream = ramp(0.6 + 0.28 * hair + 0.6 * s.detail, "0 #b4986a, 0.5 #e2cfa3, 1 #f5ecd3")
    return mix(brown, cream, smooth(0.085, 0.05, patch.border + 0.014 * hair))


def _scales(s: Surface, count: float) -> tuple[np.ndarray, ...]:
    """Overlapping round scales like roof tiles [M] each: distance above the tip, across, row and column."""
    a, b = s.unrolled()
    a = a * count + 0.10 * s.fbm(4, 2, salt=41)
    b = b * count * 1.5 + 0.10 * s.fbm(4, 2, salt=42)
    rise = across = row = column = np.zeros(len(a))
    for step in (0, 1, 2):  # a scale hangs over the row below it: the uppermost that covers a point wins
        r = np.floor(b) + step
        x = a - 0.5 * (r % 2)
        u = 2 * (x - np.floor(x)) - 1
        # Scale r spans rows r - 1.6 (its tip) to r; its outline is round.
        above = b - (r - 1.6 * np.sqrt(np.clip(1 - 0.92 * u * u, 0, 1)))
        hit = above > 0
        rise, across = np.where(hit, above, rise), np.where(hit, u, across)
        row, column = np.where(hit, r, row), np.where(hit, np.floor(x), column)
    return rise, across, row, column


@material(
    "snake",
    "Snake scales",
    "snakeskin, reptile, scaly, viper, lizard, crocodile, serpent",
    detail_gain=1.3,
    luminance_keep=0.55,
    scale=1.4,
)
def snake(s: Surface) -> np.ndarray:
    """Keeled diamond scales with a dark saddle pattern and a wet sheen."""
    a, b = s.unrolled()
    count = 22.0
    x, y = (
        (a + b * 0.75) * count + 0.1 * s.fbm(4, 2, salt=51),
        (a - b * 0.75) * count + 0.1 * s.fbm(4, 2, salt=52),
    )
    column, row = np.floor(x), np.floor(y)
    u, v = x - column - 0.5, y - row - 0.5
    rim = 0.5 - np.maximum(np.abs(u), np.abs(v))
    centre = (
        np.stack([(column + row) / (2 * count), (column - row) / (1.5 * count), np.full_like(a, 0.3)], 1)
        + s.seed
    )
    saddle = s.fbm((5, 7, 5), 2, salt=53, at=centre)
    pick = np.modf(np.abs(np.sin(column * 12.9898 + row * 78.233)) * 43758.5)[0]
    tone = 0.48 + 0.55 * saddle + 0.16 * (pick - 0.5)
    colour = ramp(
        tone,
        "0 #1d1a0f, 0.3 #3f3a1d, 0.42 #5d5a2a, 0.5 #a08f4f, 0.7 #c9ba7c, 1 #e9e2bb",
    )
    keel = np.exp(-np.abs(u + v) * 14) * smooth(0.0, 0.2, rim)
    sheen = smooth(0.1, 0.5, u - v) * smooth(0.02, 0.14, rim)
    light = 0.62 + 0.42 * smooth(0.0, 0.28, rim) + 0.20 * keel + 0.28 * sheen + 0.1 * s.fbm(3, 3, salt=54)
    colour = shade(colour, light + 0.5 * s.detail)
    return mix(colour, "#0d0b06", 0.85 * smooth(0.07, 0.02, rim))


@material(
    "dragon",
    "Dragon scales",
    "mermaid, dragon scale, fish scale",
    detail_gain=0.9,
    luminance_keep=0.55,
    scale=1.25,
)
def dragon(s: Surface) -> np.ndarray:
    """Overlapping round scales, teal to violet, each with a bright rim, a keel and its neighbour's shadow."""
    rise, u, row, column = _scales(s, 12.0)
    pick = np.modf(np.abs(np.sin(row * 12.9898 + column * 78.233 + 1.7)) * 43758.5)[0]
    hue = 0.40 + 0.34 * s.fbm(1.8, 3, salt=61) + 0.20 * (pick - 0.5) + 0.10 * rise
    colour = ramp(hue, "0 #0b4f3f, 0.25 #139a72, 0.45 #1fb5b0, 0.62 #3579d0, 0.8 #7547bd, 1 #c052a8")
    light = 1.05 - 0.75 * smooth(0.35, 1.5, rise) + 0.22 * np.exp(-np.abs(u) * 8) + 0.05 * np.cos(u * 24)
    light = light + 0.12 * s.fbm(14, 3, salt=62) + 0.12 * s.facing()
    colour = shade(colour, light)
    colour = mix(colour, "#d2f4e6", 0.62 * np.exp(-(((rise - 0.10) / 0.07) ** 2)))
    return mix(colour, "#06131a", 0.8 * smooth(0.05, 0.0, rise))


@material(
    "fur",
    "Fur",
    "furry, fluffy, hairy, plush, teddy bear, yeti, shaggy",
    detail_gain=0.85,
    luminance_keep=0.55,
)
def fur(s: Surface) -> np.ndarray:
    """Long tufted hair in layers, dark at the roots and golden at the tips."""
    comb = s.warp(2.2, 0.05, salt=71, octaves=2)
    long = s.fbm((26, 3.2, 26), 3, salt=72, at=comb)
    fine = s.fbm((80, 6, 80), 2, salt=73, at=comb)
    tuft = s.cells((9, 5, 9), salt=74, at=s.warp((8, 5, 8), 0.03, salt=75, at=comb))
    tone = (
        0.46
        + 0.34 * long
        + 0.20 * fine
        - 0.30 * (tuft.distance - 0.45)
        + 0.16 * (tuft.pick - 0.5)
        + 0.7 * s.detail
    )
    return ramp(tone, "0 #1e0f07, 0.25 #512c13, 0.5 #96602e, 0.75 #cf9c5c, 1 #f2dcb2")
