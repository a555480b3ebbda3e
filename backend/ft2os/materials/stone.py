"""Rock and masonry: marble, granite, sandstone, obsidian, slate, cobbles, brick, concrete."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, rgb, shade, smooth
from ft2os.materials.surface import Surface


@material("marble", "Marble", "carrara, marbled, alabaster", detail_gain=0.8, luminance_keep=0.6)
def marble(s: Surface) -> np.ndarray:
    """Cream ground with clouds, charcoal veins that branch and fade, gold threads beside them."""
    q = s.warp(1.9, 0.16, salt=1, octaves=5)
    bold, fine = np.abs(s.fbm(2.1, 5, salt=2, at=q)), np.abs(s.fbm(5.5, 5, salt=3, at=q))
    fade = smooth(-0.35, 0.45, s.fbm(2.6, 3, salt=4))
    tone = 0.66 + 0.34 * s.fbm(2.4, 5, salt=5, at=q) + 0.5 * s.detail
    colour = ramp(tone, "0 #8e8e95, 0.4 #c4c2c1, 0.75 #e6e2dc, 1 #f0ede8")
    colour = mix(colour, "#7f828d", 0.8 * np.exp(-bold * 5) * fade)
    colour = mix(colour, "#2b2d35", 0.95 * np.exp(-bold * 12) * (0.35 + 0.65 * fade))
    colour = mix(colour, "#5f626c", 0.7 * np.exp(-fine * 14) * fade)
    gold = np.exp(-(((bold - 0.11) / 0.03) ** 2)) * smooth(0.05, 0.6, s.fbm(4, 3, salt=6))
    return mix(colour, "#b58a3c", 0.85 * gold)


@material(
    "granite", "Granite", "rock, boulder, stone, stony, rocky, basalt", detail_gain=1.3, luminance_keep=0.6
)
def granite(s: Surface) -> np.ndarray:
    """Interlocking grains of feldspar, quartz and mica at two sizes."""
    q = s.warp(14, 0.010, salt=11)
    grain, fine = s.cells(34, salt=12, at=q), s.cells(60, salt=13)
    tone = grain.pick + 0.22 * s.fbm(3, 3, salt=14)
    colour = ramp(
        tone,
        "0 #302e33, 0.16 #423f44, 0.2 #6e6a6a, 0.5 #8f8a87, 0.54 #b6a79d, "
        "0.78 #cbb9ac, 0.82 #dcd8d3, 1 #ecebe8",
    )
    colour = shade(colour, 0.86 + 0.28 * fine.pick)
    colour = mix(colour, "#17161a", 0.85 * (fine.other > 0.86) * smooth(0.45, 0.25, fine.distance))
    return shade(colour, 1 + 0.25 * s.lit(lambda t: t.fbm(9, 4, salt=15), 0.03) + 0.12 * s.fbm(4, 3, salt=16))


@material(
    "sandstone",
    "Sandstone",
    "desert, canyon, sand, sandy, limestone, dune, mesa",
    detail_gain=0.9,
    luminance_keep=0.6,
)
def sandstone(s: Surface) -> np.ndarray:
    """Layers of ochre, rose and cream that bend and pinch, with grain and eroded ledges."""
    level = s.p[:, 1] * 9 + 0.8 * s.fbm(1.8, 4, salt=21) + 0.16 * s.fbm(9, 3, salt=22)
    thick, thin = s.bands(level, 23), s.bands(level * 4.3, 24)
    tone = 0.28 + 0.42 * thick + 0.26 * thin + 0.12 * s.fbm(34, 3, salt=25) + 0.55 * s.detail
    colour = ramp(tone, "0 #6b351d, 0.25 #a55f35, 0.5 #c98c55, 0.75 #e0b784, 1 #f1dcb6")
    colour = mix(colour, "#a8563f", 0.45 * smooth(0.55, 0.8, s.bands(level * 0.7, 26)))
    ledge = s.lit(lambda t: t.fbm((4, 26, 4), 4, salt=27), 0.012)
    return shade(colour, 1 + 0.42 * ledge)


@material(
    "obsidian",
    "Obsidian",
    "onyx, black glass, volcanic glass, black marble",
    detail_gain=1.0,
    luminance_keep=0.75,
)
def obsidian(s: Surface) -> np.ndarray:
    """Black glass broken into shells: every facet mirrors another grey, edges glint, depth is violet."""
    q = s.warp(3, 0.04, salt=31)
    facet = s.cells(5.5, salt=32, at=q)
    ripple = np.sin(42 * facet.distance + 7 * facet.pick + 2.0 * s.fbm(5, 3, salt=33))
    mirror = 0.32 + 0.46 * (facet.pick - 0.5) + 0.12 * ripple * smooth(0.2, 0.6, facet.distance)
    mirror = (
        mirror + 0.30 * s.facing() * (0.4 + 0.6 * facet.other) + 0.14 * s.fbm(4, 4, salt=34) + 0.7 * s.detail
    )
    colour = ramp(mirror, "0 #050507, 0.3 #15141c, 0.55 #34323f, 0.8 #7b7a8c, 1 #d5d6e2")
    edge = np.exp(-facet.border * 36)
    return mix(colour, "#b9bad0", 0.6 * edge * smooth(0.2, 0.8, facet.other))


@material(
    "cobblestone",
    "Cobblestone",
    "cobble, pebble, gravel, paving, stone wall, rubble",
    detail_gain=1.3,
    luminance_keep=0.6,
    scale=1.25,
)
def cobblestone(s: Surface) -> np.ndarray:
    """Rounded stones of many greys and browns, bedded in dark mortar."""
    q = s.warp(6, 0.02, salt=41)
    stone = s.cells(8.5, salt=42, at=q, jitter=0.85)
    body = ramp(stone.pick, "0 #5b5752, 0.3 #837b70, 0.55 #8d8f92, 0.8 #a3907a, 1 #b9b5ac")

    def dome(t: Surface) -> np.ndarray:
        c = t.cells(8.5, salt=42, at=t.warp(6, 0.02, salt=41), jitter=0.85)
        return smooth(0, 0.30, c.border)

    light = 0.92 + 0.75 * s.lit(dome, 0.02) + 0.35 * s.lit(lambda t: t.fbm(24, 3, salt=43), 0.012)
    body = shade(body, light + 0.16 * s.fbm(20, 3, salt=44))
    joint = smooth(0.075, 0.02, stone.border)
    body = shade(body, 0.55 + 0.45 * smooth(0, 0.2, stone.border))
    return mix(body, "#2c2823", 0.92 * joint)


def _courses(s: Surface, width: float, tall: float, joint: float, salt: int) -> tuple[np.ndarray, ...]:
    """Running bond: distance inside the brick's edge in units of its height, and two random numbers."""
    across, up = s.unrolled()
    wave = 0.012 * s.fbm(7, 2, salt=salt)
    row = np.floor((up + 0.5 * wave) / tall + 1000)
    x = (across + wave) / width + 0.5 * (row % 2)
    column = np.floor(x)
    inside_x = np.minimum(x - column, 1 - x + column) * (width / tall)
    y = (up + 0.5 * wave) / tall + 1000 - row
    edge = np.minimum(inside_x, np.minimum(y, 1 - y)) - joint
    pick = np.modf(np.abs(np.sin(row * 12.9898 + column * 78.233 + s.seed * 3.7) * 43758.5453))[0]
    return edge, pick, np.modf(pick * 997.13)[0]


@material(
    "brick",
    "Brick",
    "bricks, brickwork, masonry, terracotta, brick wall",
    detail_gain=1.3,
    luminance_keep=0.6,
)
def brick(s: Surface) -> np.ndarray:
    """Fired bricks in running bond, each of its own firing, with pale rough mortar."""
    edge, pick, other = _courses(s, 0.19, 0.08, 0.075, 51)
    rough = s.fbm(30, 4, salt=52)
    relief = s.lit(lambda t: t.fbm(26, 3, salt=53), 0.012)
    tone = pick * 0.75 + 0.12 + 0.20 * rough
    body = ramp(tone, "0 #4a1d16, 0.3 #83341f, 0.6 #a84a2c, 0.85 #c46a45, 1 #d79a78")
    body = mix(body, "#2f1a1c", 0.55 * (other > 0.84))
    body = shade(body, 0.93 + 0.55 * relief)
    mortar = shade(np.tile(rgb("#b3a898"), (len(s.p), 1)), 0.9 + 0.35 * rough + 0.4 * relief)
    mortar = shade(mortar, 0.62 + 0.38 * smooth(0.0, -0.07, edge))
    return mix(body, mortar, smooth(0.035, -0.02, edge + 0.03 * rough))


@material(
    "concrete",
    "Concrete",
    "cement, plaster, stucco, brutalist, asphalt, pavement",
    detail_gain=1.0,
    luminance_keep=0.65,
)
def concrete(s: Surface) -> np.ndarray:
    """Cast grey with board marks, air holes, stains that run down and hair cracks."""
    stain = s.fbm((7, 1.3, 7), 4, salt=61)
    tone = 0.54 + 0.20 * s.fbm(3, 5, salt=62, gain=0.6) + 0.14 * stain + 0.10 * s.fbm(40, 2, salt=63)
    tone = tone + 0.25 * s.lit(lambda t: t.fbm(22, 3, salt=64), 0.014) + 0.5 * s.detail
    colour = ramp(tone, "0 #45464a, 0.35 #7d7c7a, 0.65 #a9a6a0, 1 #d3cfc6")
    holes = s.cells(24, salt=65)
    colour = shade(colour, 1 - 0.55 * smooth(0.17, 0.09, holes.distance) * (holes.pick > 0.6))
    crack = s.cells(2.6, salt=66, at=s.warp(5, 0.09, salt=67, octaves=5))
    colour = mix(colour, "#2d2c2c", 0.85 * np.exp(-crack.border * 110))
    return mix(colour, "#8a6a4b", 0.35 * smooth(0.35, 0.9, stain))


@material("slate", "Slate", "shale, schist, roof tile", detail_gain=0.9, luminance_keep=0.6)
def slate(s: Surface) -> np.ndarray:
    """Split blue-grey leaves of rock with steps between them and rusty seams."""
    q = s.warp(2.4, 0.10, salt=71) @ np.array([[1, 0.35, 0], [-0.35, 1, 0.2], [0, -0.2, 1]], np.float32)
    leaf = s.fbm((2.2, 12, 2.2), 4, salt=72, at=q) * 5
    step = leaf - np.floor(leaf)
    shelf = np.modf(np.abs(np.sin(np.floor(leaf) * 91.7) * 4375.85))[0]
    tone = 0.30 + 0.34 * shelf + 0.16 * step + 0.16 * s.fbm(18, 4, salt=73) + 0.6 * s.detail
    colour = ramp(tone, "0 #15191e, 0.35 #333c45, 0.65 #586470, 1 #98a4ad")
    colour = mix(colour, "#0c0e11", 0.75 * smooth(0.14, 0.0, step))
    colour = mix(colour, "#b3bec6", 0.35 * smooth(0.9, 1.0, step))
    return mix(colour, "#8a5a32", 0.5 * smooth(0.45, 0.9, s.fbm(3, 4, salt=74)) * smooth(0.3, 0.05, step))
