"""Good enough to eat: chocolate, honey, candy, cheese, watermelon, frosted doughnut."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, rgb, shade, smooth
from ft2os.materials.surface import Surface


@material(
    "chocolate",
    "Chocolate",
    "cocoa, fudge, brownie, truffle, nutella, choco",
    detail_gain=0.9,
    luminance_keep=0.65,
)
def chocolate(s: Surface) -> np.ndarray:
    """Glossy dark chocolate that runs in folds, with soft highlights and milk swirls."""
    q = s.warp((2.4, 1.4, 2.4), 0.16, salt=1, octaves=3)
    fold = s.fbm((4.5, 2.2, 4.5), 2, salt=2, at=q)
    light = s.lit(lambda t: t.fbm((4.5, 2.2, 4.5), 2, salt=2, at=t.warp((2.4, 1.4, 2.4), 0.16, salt=1)), 0.05)
    gloss = smooth(0.16, 0.42, light + 0.12 * s.facing() + 0.5 * s.detail)
    tone = 0.36 + 0.50 * light + 0.16 * fold + 0.12 * s.facing() + 0.8 * s.detail
    colour = ramp(tone, "0 #140804, 0.3 #37190d, 0.55 #5c2f19, 0.8 #8c5431, 1 #c08a5e")
    swirl = smooth(0.55, 0.95, np.sin(16 * s.fbm(1.6, 2, salt=3, at=q)))
    colour = mix(
        colour, shade(colour, np.full(len(fold), 1.7)) * np.array([1.0, 0.94, 0.84], np.float32), 0.55 * swirl
    )
    return mix(colour, "#efdcc6", 0.55 * gloss**2)


def _comb(s: Surface, count: float) -> tuple[np.ndarray, np.ndarray]:
    """Hexagons of a honeycomb: distance to the wall in cell sizes and a random number of the cell, [M]."""
    a, b = s.unrolled()
    x, y = a * count, b * count / np.sqrt(3)
    best, pick = np.full(len(a), 9.0), np.zeros(len(a))
    inside = np.zeros(len(a))
    for shift in (0.0, 0.5):  # a hexagonal lattice is two rectangular ones
        i, j = np.floor(x + shift), np.floor(y + shift)
        u, v = np.abs(x + shift - i - 0.5), np.abs(y + shift - j - 0.5) * np.sqrt(3)
        d = np.hypot(u, v)
        near = d < best
        inside = np.where(near, 0.5 - np.maximum(u, 0.5 * u + 0.8660254 * v), inside)
        pick = np.where(near, np.modf(np.abs(np.sin(i * 12.9 + j * 78.2 + shift * 37)) * 4375.5)[0], pick)
        best = np.where(near, d, best)
    return inside, pick


@material(
    "honey",
    "Honey",
    "amber, syrup, maple syrup, honeycomb, caramel, beeswax, resin, golden syrup",
    detail_gain=0.8,
    luminance_keep=0.6,
)
def honey(s: Surface) -> np.ndarray:
    """Liquid amber in slow drips over comb that shimmers through, with bubbles and bright edges."""
    q = s.warp((3, 1.2, 3), 0.09, salt=11)
    wax, pick = _comb(s, 15.0)
    drip = s.fbm((5.5, 1.5, 5.5), 3, salt=13, at=q)
    light = s.lit(lambda t: t.fbm((5.5, 1.5, 5.5), 3, salt=13, at=t.warp((3, 1.2, 3), 0.09, salt=11)), 0.035)
    wall = smooth(0.10, 0.04, wax) * smooth(0.45, -0.25, drip)
    tone = 0.50 + 0.30 * drip + 0.42 * light + 0.10 * (pick - 0.5) + 0.10 * s.facing() + 0.75 * s.detail
    colour = ramp(tone, "0 #4e1d02, 0.25 #9c4a05, 0.5 #d98309, 0.75 #f5b52e, 1 #fce08a")
    colour = mix(colour, "#f7cf6a", 0.55 * wall)
    bubble = s.cells(26, salt=14)
    ring = np.exp(-(((bubble.distance - 0.17) / 0.035) ** 2)) * (bubble.pick > 0.82)
    gloss = smooth(0.22, 0.5, light + 0.1 * s.facing() + 0.4 * s.detail)
    return mix(mix(colour, "#fdeaa8", 0.6 * ring), "#fdf3cf", 0.7 * gloss)


@material(
    "candy",
    "Candy",
    "candy cane, lollipop, bubblegum, cotton candy, jelly bean, peppermint, gummy, sugar, sugary",
    detail_gain=0.75,
    luminance_keep=0.55,
)
def candy(s: Surface) -> np.ndarray:
    """Pulled sugar: twisting stripes of pink, white, mint and yellow under a glaze."""
    turn = np.arctan2(s.p[:, 2], s.p[:, 0]) / (2 * np.pi)
    swirl = 3 * turn + 4.2 * s.p[:, 1] + 0.16 * s.fbm(1.8, 2, salt=21)
    band = (2 * swirl) % 1
    edge = smooth(0.0, 0.035, band) * smooth(1.0, 0.965, band)
    tints = ("#ef4f8b", "#f6eaec", "#57cdb8", "#f6eaec", "#f6c64c", "#f6eaec")
    hue = np.stack([rgb(tint) for tint in tints])[(np.floor(2 * swirl) % 6).astype(int)]
    pulled = s.fbm(3, 4, salt=22) * 0.12 + 0.10 * np.sin(20 * np.pi * swirl) * 0.5
    colour = shade(hue, 0.88 + pulled + 0.10 * s.facing() + 0.10 * edge + 0.5 * s.detail)
    crystal = s.cells(60, salt=23)
    colour = mix(colour, "#fdfafa", 0.65 * smooth(0.28, 0.1, crystal.distance) * (crystal.pick > 0.75))
    gloss = s.fbm(2.4, 2, salt=24) + 0.5 * s.facing() + 0.6 * s.detail
    return mix(colour, "#fdf8f8", 0.5 * smooth(0.55, 0.95, gloss))


@material(
    "cheese",
    "Cheese",
    "cheddar, swiss cheese, cheesy, gouda, emmental, parmesan",
    detail_gain=0.9,
    luminance_keep=0.6,
    scale=1.2,
)
def cheese(s: Surface) -> np.ndarray:
    """Yellow cheese with round holes of three sizes, shaded like bowls."""
    tone = (
        0.62 + 0.22 * s.fbm(3, 4, salt=31) + 0.07 * s.fbm(30, 3, salt=32) + 0.10 * s.facing() + 0.7 * s.detail
    )
    colour = ramp(tone, "0 #b06a10, 0.35 #e0a02a, 0.65 #f4c652, 1 #fbe7a4")
    for salt, freq, size in ((33, 3.4, 0.46), (34, 7.0, 0.36), (35, 15.0, 0.26)):
        hole = s.cells(freq, salt=salt, jitter=0.9)
        radius = size * (0.55 + 0.6 * hole.other)
        r = hole.distance / radius
        bowl = s.lit(lambda t, f=freq, k=salt: t.cells(f, salt=k, jitter=0.9).distance, 0.05 / freq) * freq
        inside = smooth(1.04, 0.94, r) * (hole.pick > 0.42)
        dark = ramp(0.25 - 2.2 * bowl * 0.15 + 0.25 * r, "0 #6d3704, 0.5 #b06d10, 1 #efc052")
        colour = mix(colour, dark, inside)
        rim = np.exp(-(((r - 1.06) / 0.05) ** 2)) * (hole.pick > 0.42)
        colour = mix(colour, "#fbedb8", 0.5 * rim)
    return colour


@material("watermelon", "Watermelon", "melon, watermelon rind", detail_gain=0.85, luminance_keep=0.55)
def watermelon(s: Surface) -> np.ndarray:
    """Striped rind that gives way to red flesh with black seeds in bitten patches."""
    turn = np.arctan2(s.p[:, 2], s.p[:, 0]) / (2 * np.pi) * 9 + 0.55 * s.fbm(5, 4, salt=41)
    stripe = smooth(-0.25, 0.25, np.sin(2 * np.pi * turn) + 0.5 * s.fbm(9, 4, salt=42))
    tone = 0.5 + 0.24 * s.fbm(12, 4, salt=43) + 0.6 * s.detail
    rind = mix(
        ramp(tone, "0 #4f8a35, 0.5 #8fbf55, 1 #cfe59a"),
        ramp(tone, "0 #0c2a12, 0.5 #1c5327, 1 #3f8a45"),
        stripe,
    )
    bite = s.fbm(2.0, 2, salt=44) - 0.02
    flesh = ramp(
        0.5 + 0.3 * s.fbm(14, 4, salt=45) + 0.25 * s.fbm(4, 3, salt=46) + 0.6 * s.detail,
        "0 #9a1620, 0.4 #d8323c, 0.75 #f0646a, 1 #fbb1ac",
    )
    seed = s.cells((13, 9, 13), salt=47)
    flesh = mix(flesh, "#1b0d0a", smooth(0.24, 0.17, seed.distance) * (seed.pick > 0.35))
    colour = mix(rind, "#eef3cf", smooth(0.02, 0.07, bite))
    return mix(colour, flesh, smooth(0.12, 0.18, bite))


@material(
    "frosting",
    "Frosting and sprinkles",
    "icing, sprinkles, doughnut, donut, cupcake, cake, birthday cake, ice cream, gelato",
    detail_gain=0.85,
    luminance_keep=0.6,
    scale=1.7,
)
def frosting(s: Surface) -> np.ndarray:
    """Pink icing in soft folds with coloured sprinkles strewn over it."""
    q = s.warp(2.4, 0.10, salt=51)
    light = s.lit(lambda t: t.fbm(3.6, 2, salt=52, at=t.warp(2.4, 0.10, salt=51)), 0.05)
    tone = 0.60 + 0.55 * light + 0.12 * s.facing() + 0.06 * s.fbm(4, 3, salt=53, at=q) + 0.75 * s.detail
    colour = ramp(tone, "0 #a8436b, 0.35 #e283a6, 0.65 #f6b5cb, 1 #fce6ee")
    for layer in range(3):
        turn = (
            np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]], np.float32)
            if layer == 1
            else np.eye(3, dtype=np.float32)
        )
        turn = turn if layer < 2 else turn[:, [2, 0, 1]]
        rod = s.cells((24, 8.5, 24), salt=54 + layer, at=s.p @ turn)
        tint = ramp(rod.pick, "0 #e8434f, 0.2 #f5c33b, 0.4 #3fb6e8, 0.6 #59c36a, 0.8 #8d5bd1, 1 #f7f3ee")
        on = smooth(0.24, 0.18, rod.distance) * (rod.other > 0.45)
        colour = shade(colour, 1 - 0.30 * smooth(0.36, 0.22, rod.distance) * (rod.other > 0.45))
        colour = mix(colour, shade(tint, 1.1 - 1.6 * rod.distance + 0.4 * s.detail), on)
    return colour
