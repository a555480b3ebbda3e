"""Precious stones and glass: amethyst, emerald, ruby, jade, opal, pearl, stained glass."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


def _facets(s: Surface, salt: int, size: float = 6.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut facets: a sparkle per facet with inner reflections, the borders' glint, the glow of the depth."""
    q = s.warp(2.2, 0.03, salt=salt)
    outer, inner = s.cells(size, salt=salt + 1, at=q), s.cells(size * 2.1, salt=salt + 2, at=q)
    slope = (s.p * 9).sum(1) * (outer.other - 0.5)
    light = 0.42 + 0.55 * (outer.pick - 0.5) + 0.30 * (inner.pick - 0.5) + 0.16 * np.sin(slope)
    light = light + 0.14 * s.facing() + 0.20 * s.fbm(3, 4, salt=salt + 3) + 0.75 * s.detail
    glint = 0.85 * np.exp(-outer.border * 60) * smooth(0.1, 0.7, inner.other) + 0.45 * np.exp(
        -inner.border * 70
    )
    return light, glint, outer.other


@material(
    "amethyst",
    "Amethyst crystal",
    "crystal, quartz, geode, gemstone, gem, crystalline",
    detail_gain=0.7,
    luminance_keep=0.55,
)
def amethyst(s: Surface) -> np.ndarray:
    """Violet crystal with dark roots, lilac tips and sharp glints."""
    light, glint, _ = _facets(s, 1)
    colour = ramp(light, "0 #180a33, 0.25 #43208a, 0.5 #7f4bcb, 0.75 #bb93ec, 1 #eee0fb")
    return mix(colour, "#f3eafc", glint)


@material(
    "emerald", "Emerald", "beryl, kryptonite, green crystal, malachite", detail_gain=0.7, luminance_keep=0.55
)
def emerald(s: Surface) -> np.ndarray:
    """Deep green cut stone with inner gardens of mist."""
    light, glint, _ = _facets(s, 21, 5.0)
    colour = ramp(light, "0 #01180f, 0.25 #035638, 0.5 #0b9460, 0.75 #55d39a, 1 #d3f7e2")
    garden = smooth(0.2, 0.8, s.fbm(6, 5, salt=30, gain=0.6))
    return mix(mix(colour, "#8fe0b8", 0.35 * garden), "#e9faf0", glint)


@material("ruby", "Ruby", "garnet, red crystal, gemstone red", detail_gain=0.7, luminance_keep=0.55)
def ruby(s: Surface) -> np.ndarray:
    """Blood-red cut stone that burns pink where light leaves it."""
    light, glint, _ = _facets(s, 41, 5.0)
    colour = ramp(light, "0 #200208, 0.25 #6d0519, 0.5 #b80f31, 0.75 #ee4f6e, 1 #fbc7cf")
    return mix(colour, "#fbe6e9", glint)


@material(
    "sapphire",
    "Sapphire",
    "diamond, blue crystal, lapis, lapis lazuli, jewel",
    detail_gain=0.7,
    luminance_keep=0.55,
)
def sapphire(s: Surface) -> np.ndarray:
    """Royal-blue cut stone with flashes of cyan."""
    light, glint, turn = _facets(s, 61, 5.0)
    colour = ramp(light, "0 #020a2c, 0.25 #0b2a86, 0.5 #2058cf, 0.75 #6aa2f2, 1 #dae9fc")
    return mix(mix(colour, "#35d2ee", 0.35 * smooth(0.75, 1.0, turn)), "#edf4fd", glint)


@material("jade", "Jade", "nephrite, jadeite, green stone, soapstone", detail_gain=0.85, luminance_keep=0.65)
def jade(s: Surface) -> np.ndarray:
    """Waxy green with milky clouds, darker veins and a soft polish."""
    q = s.warp(2.4, 0.14, salt=81, octaves=4)
    cloud, vein = s.fbm(2.6, 5, salt=82, at=q), np.abs(s.fbm(5, 4, salt=83, at=q))
    tone = 0.48 + 0.36 * cloud + 0.14 * s.facing() + 0.05 * s.fbm(28, 3, salt=84) + 0.6 * s.detail
    colour = ramp(tone, "0 #0d3a26, 0.3 #2b7449, 0.55 #5aa773, 0.8 #a3d3a8, 1 #dff0da")
    colour = mix(colour, "#1c5234", 0.5 * np.exp(-vein * 16))
    return mix(colour, "#eef5e6", 0.45 * smooth(0.45, 0.95, s.fbm(4.5, 4, salt=85, at=q)))


def _iris(angle: np.ndarray) -> np.ndarray:
    return ramp(
        angle - np.floor(angle),
        "0 #e86aa8, 0.17 #f0a45e, 0.33 #e9e07a, 0.5 #58d49a, 0.67 #45b4ea, 0.83 #8a78ea, 1 #e86aa8",
    )


@material(
    "opal",
    "Opal",
    "iridescent, holographic, opalescent, soap bubble, bubble, hologram, oil slick",
    detail_gain=0.7,
    luminance_keep=0.6,
)
def opal(s: Surface) -> np.ndarray:
    """Milky body full of patches of spectral fire that shift with the surface."""
    q = s.warp(3, 0.08, salt=101)
    patch, small = s.cells(7, salt=102, at=q), s.cells(15, salt=103, at=q)
    turn = 0.8 * patch.pick + 0.45 * small.pick + 0.5 * s.normal[:, 1] + 0.5 * s.fbm(2, 3, salt=104)
    milk = ramp(
        0.55 + 0.3 * s.fbm(3, 4, salt=105) + 0.6 * s.detail, "0 #4a6a88, 0.4 #9fb9cc, 0.75 #d7e0e6, 1 #f2f3f1"
    )
    fire = smooth(0.12, 0.75, 0.5 + 0.5 * s.fbm(5, 3, salt=106) + 0.3 * (small.other - 0.5))
    return mix(milk, shade(_iris(turn), 0.92 + 0.25 * small.other + 0.5 * s.detail), 0.85 * fire)


@material(
    "pearl",
    "Pearl",
    "mother of pearl, nacre, porcelain, seashell, ivory, pearly",
    detail_gain=0.8,
    luminance_keep=0.65,
)
def pearl(s: Surface) -> np.ndarray:
    """Cream lustre with pink and green overtones in soft contour lines."""
    flow = s.fbm(1.8, 4, salt=121) + 0.35 * s.normal[:, 1] + 0.4 * s.detail
    tone = (
        0.66 + 0.22 * s.facing() + 0.16 * s.fbm(2.4, 3, salt=122) + 0.03 * np.sin(70 * flow) + 0.5 * s.detail
    )
    colour = ramp(tone, "0 #8d8088, 0.35 #c6b8b8, 0.65 #e8ddd4, 0.85 #f4eee6, 1 #faf7f2")
    return mix(colour, shade(_iris(1.3 * flow), np.full(len(flow), 1.05)), 0.22 + 0.12 * np.sin(9 * flow))


@material(
    "stained_glass",
    "Stained glass",
    "stained glass, mosaic",
    detail_gain=1.3,
    luminance_keep=0.55,
    scale=1.3,
)
def stained_glass(s: Surface) -> np.ndarray:
    """Panes of coloured glass with streaks and bubbles, held by dark lead."""
    pane = s.cells(6.5, salt=141, at=s.warp(3, 0.02, salt=142))
    glass = ramp(
        pane.pick,
        "0 #8f1020, 0.14 #c2291f, 0.15 #d9780f, 0.28 #efb81f, 0.29 #1d7a3c, "
        "0.44 #3aa766, 0.45 #0d3f9c, 0.72 #2c7fd6, 0.73 #5a1f8c, 0.87 #9048c4, 0.88 #c9dce2, 1 #eef1ea",
    )
    streak = s.fbm((5, 16, 5), 4, salt=143, at=s.warp(4, 0.05, salt=144))
    glass = shade(glass, 0.92 + 0.30 * streak + 0.35 * smooth(0.0, 0.4, pane.border) + 0.5 * s.detail)
    lead = smooth(0.085, 0.055, pane.border)
    solder = ramp(0.35 + 2.2 * (0.06 - pane.border) + 0.2 * s.facing(), "0 #0b0b0d, 0.5 #2b2c31, 1 #70737b")
    return mix(glass, solder, lead)


@material("glass", "Glass", "bottle glass, sea glass, glassy, transparent, translucent, see through")
def glass(s: Surface) -> np.ndarray:
    """Bottle glass: pale where it is thin, sea green where it is thick, with streaks, bubbles and lamps."""
    q = s.warp((2.0, 1.0, 2.0), 0.10, salt=161, octaves=2)
    thick = s.fbm((2.6, 1.6, 2.6), 2, salt=162, at=q)
    bend = s.lit(lambda t: t.fbm((2.6, 1.6, 2.6), 2, salt=162), 0.06)
    tone = 0.52 + 0.26 * thick + 0.45 * bend + 0.16 * s.facing() + 0.75 * s.detail
    colour = ramp(tone, "0 #0d3b3a, 0.25 #2c7a72, 0.5 #74b5a8, 0.75 #bfe2d8, 1 #eef8f4")
    streak = s.fbm((3, 26, 3), 3, salt=163, at=s.warp(2.2, 0.12, salt=164))
    colour = shade(colour, 1 + 0.12 * streak)
    bubble = s.cells((20, 16, 20), salt=165)
    radius = 0.12 + 0.16 * bubble.other
    ring = np.exp(-(((bubble.distance - radius) / 0.03) ** 2)) * (bubble.pick > 0.72)
    colour = mix(colour, "#f1faf7", 0.75 * ring)
    lamp = smooth(
        0.62, 0.85, np.sin(9 * thick + 4 * s.normal[:, 0]) * 0.5 + 0.6 * s.facing() + 0.4 * s.detail
    )
    return mix(colour, "#f6fbf9", 0.75 * lamp)
