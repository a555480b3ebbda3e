"""Sky, light and the unreal: galaxy, clouds, aurora, sunset, rainbow, neon, circuit, slime."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


def _stars(s: Surface, colour: np.ndarray, salt: int) -> np.ndarray:
    for layer, (freq, size) in enumerate(((10, 0.15), (19, 0.18), (38, 0.22))):
        star = s.cells(freq, salt=salt + layer)
        core = smooth(size, size * 0.25, star.distance) * (star.pick > 0.62)
        tint = ramp(star.other, "0 #ffd2a1, 0.4 #fff6ea, 0.7 #e8f0ff, 1 #a9c4ff")
        halo = np.exp(-star.distance * 13) * (star.pick > 0.9) * (layer == 0)
        colour = mix(mix(colour, tint, 0.55 * halo), tint, core)
    return colour


@material(
    "galaxy",
    "Galaxy",
    "space, nebula, cosmic, cosmos, universe, starry, milky way, stardust",
    detail_gain=0.35,
    luminance_keep=0.55,
    emissive=True,
)
def galaxy(s: Surface) -> np.ndarray:
    """Folded gas from indigo to rose with teal clouds, dust lanes and stars of three sizes."""
    q = s.warp(1.8, 0.18, salt=1, octaves=5)
    gas, glow = s.fbm(2.2, 6, salt=2, gain=0.58, at=q), s.fbm(2.8, 5, salt=3, at=q)
    thread = s.fbm(4.5, 5, salt=4, kind="ridge", at=q)
    tone = 0.36 + 0.48 * gas + 0.34 * (thread - 0.35) + 0.9 * s.detail
    colour = ramp(
        tone, "0 #05040f, 0.2 #150f38, 0.4 #3d1d76, 0.58 #8a2c93, 0.74 #d8609b, 0.88 #f7ab8e, 1 #fde8cf"
    )
    colour = mix(
        colour,
        ramp(tone + 0.15, "0 #04102a, 0.4 #0e4d8c, 0.7 #23a5c4, 1 #b9f0e6"),
        0.85 * smooth(0.05, 0.55, glow),
    )
    lane = smooth(0.05, 0.5, s.fbm(3.4, 5, salt=5, gain=0.6, at=q))
    colour = shade(colour, 1 - 0.55 * lane * smooth(0.35, 0.7, tone))
    return _stars(s, colour, 6)


@material("clouds", "Clouds", "cloud, cloudy, sky, smoke, fog, mist", detail_gain=0.85, luminance_keep=0.6)
def clouds(s: Surface) -> np.ndarray:
    """Billowing cumulus with lit tops and blue-grey bases in an azure sky."""
    q = s.warp(2.2, 0.07, salt=11)

    def mass(t: Surface) -> np.ndarray:
        w = t.warp(2.2, 0.07, salt=11)
        return 0.9 * t.fbm((2.6, 3.4, 2.6), 3, salt=12, at=w) + 0.8 * (
            0.35 - t.fbm((7, 8, 7), 4, salt=13, kind="billow", at=w)
        )

    cover, light = mass(s), s.lit(mass, 0.05)
    sky = ramp(
        0.2 + 0.75 * s.height + 0.08 * s.fbm(2, 2, salt=14, at=q),
        "0 #bfe0f2, 0.4 #6db4e4, 1 #2368b8",
    )
    tone = 0.56 + 0.62 * light + 0.12 * s.facing() + 0.7 * s.detail
    puff = ramp(tone, "0 #6d7f9d, 0.35 #a9b8cc, 0.65 #e0e7ee, 1 #fbfaf6")
    return mix(shade(sky, 1 + 0.6 * s.detail), puff, smooth(-0.08, 0.22, cover))


@material(
    "aurora",
    "Aurora",
    "northern lights, northern light, aurora borealis, polar light",
    detail_gain=0.35,
    luminance_keep=0.55,
    emissive=True,
)
def aurora(s: Surface) -> np.ndarray:
    """Curtains of green light with violet fringes hanging in a night full of stars."""
    q = s.warp((2.2, 0.5, 2.2), 0.16, salt=21, octaves=3)
    night = ramp(
        0.25 + 0.35 * s.height + 0.1 * s.fbm(2, 3, salt=22) + 0.7 * s.detail,
        "0 #040d1f, 0.5 #0e2650, 1 #26508a",
    )
    colour = _stars(s, night, 23)
    for layer in range(3):
        sheet = s.fbm((2.6, 0.35, 2.6), 3, salt=26 + layer, at=q + 0.7 * layer)
        ray = 0.55 + 0.75 * s.fbm((26, 1.0, 26), 3, salt=30 + layer, at=q)
        edge = np.where(sheet > 0, np.exp(-sheet * 5.5), np.exp(sheet * 26))
        light = np.clip(edge * np.clip(ray, 0.1, 1.5), 0, 1) * (0.9 - 0.15 * layer)
        fall = np.clip(sheet * 2.4 + 0.15, 0, 1)
        tint = ramp(fall, "0 #d9f7c0, 0.15 #6df5a0, 0.4 #1fd6a2, 0.65 #2f8fd0, 1 #8a3fd0")
        colour = mix(colour, tint, 0.95 * np.minimum(1.35 * light, 1))
    return shade(colour, 1 + 0.4 * s.detail)


@material(
    "sunset",
    "Sunset",
    "sunrise, dusk, dawn, twilight, vaporwave, synthwave",
    detail_gain=0.6,
    luminance_keep=0.55,
)
def sunset(s: Surface) -> np.ndarray:
    """Sky from violet through rose and orange to a golden horizon, barred with lit clouds."""
    bar = s.fbm((2.2, 11, 2.2), 5, salt=41, at=s.warp(3, 0.05, salt=42))
    light = s.lit(lambda t: t.fbm((2.2, 11, 2.2), 4, salt=41), -0.02)
    tone = s.height + 0.05 * s.fbm(2, 3, salt=43)
    sky = ramp(
        tone,
        "0 #fbd36b, 0.22 #f99a4a, 0.42 #ef5f5c, 0.62 #b3437f, 0.82 #5b3587, 1 #272358",
    )
    cloud = ramp(
        tone + 0.5 * light,
        "0 #fde3a0, 0.25 #f7795f, 0.5 #a03b74, 0.75 #4e2a68, 1 #1b163c",
    )
    return shade(mix(sky, cloud, 0.9 * smooth(0.02, 0.35, bar)), 1 + 0.5 * s.detail)


@material(
    "rainbow",
    "Rainbow",
    "multicolored, multicoloured, colorful, colourful, prism, unicorn, psychedelic, tie dye",
    detail_gain=0.85,
    luminance_keep=0.6,
)
def rainbow(s: Surface) -> np.ndarray:
    """Flowing bands of all hues, marbled like poured paint, with fine white threads."""
    q = s.warp(1.8, 0.13, salt=51, octaves=3)
    level = 1.5 * q[:, 1] + 0.5 * q[:, 0] + 0.22 * s.fbm(2.2, 4, salt=52, at=q)
    hue = level - np.floor(level)
    colour = ramp(
        hue,
        "0 #e8303f, 0.15 #f28322, 0.3 #f4cf2c, 0.46 #46b84a, 0.62 #1fa8d0, "
        "0.76 #3f56c8, 0.88 #9440b8, 1 #e8303f",
    )
    pour = np.abs(np.sin(34 * level + 3 * s.fbm(5, 3, salt=53, at=q)))
    colour = shade(colour, 0.86 + 0.20 * pour + 0.10 * s.facing() + 0.5 * s.detail)
    return mix(colour, "#fdf6ee", 0.40 * smooth(0.12, 0.0, pour) * smooth(-0.1, 0.5, s.fbm(3, 3, salt=54)))


@material(
    "neon",
    "Neon",
    "cyberpunk, glowing, tron, laser, luminous, fluorescent, glow in the dark",
    detail_gain=0.3,
    luminance_keep=0.6,
    emissive=True,
)
def neon(s: Surface) -> np.ndarray:
    """Glowing tubes in magenta, cyan and lime along cell borders over near-black blue."""
    q = s.warp(2.5, 0.03, salt=61)
    ground = ramp(0.25 + 0.3 * s.fbm(3, 4, salt=62) + 0.8 * s.detail, "0 #05040c, 0.5 #141031, 1 #3a2f70")
    colour = ground
    for layer, freq in enumerate((3.4, 6.2)):
        cell = s.cells(freq, salt=63 + layer, at=q)
        tint = ramp(
            cell.pick + 0.25 * s.fbm(2, 2, salt=66 + layer),
            "0 #ff2fa0, 0.3 #c43bff, 0.55 #2fb8ff, 0.8 #27f5c8, 1 #c4f53a",
        )
        d = cell.border / freq
        colour = mix(colour, tint, 0.72 * np.exp(-d * 42) + 0.30 * smooth(0.0, 0.3, s.detail))
        colour = mix(colour, tint, smooth(0.016, 0.009, d))
        colour = mix(colour, "#fdf4fb", 0.8 * smooth(0.0075, 0.003, d))
    return colour


@material(
    "circuit",
    "Circuit board",
    "circuit, circuit board, microchip, electronics, motherboard",
    detail_gain=0.6,
    luminance_keep=0.6,
    scale=1.5,
)
def circuit(s: Surface) -> np.ndarray:
    """Green board with copper traces that turn at right angles, soldered pads and black chips."""
    a, b = s.unrolled()
    grid = 26.0
    x, y = a * grid, b * grid
    i, j = np.floor(x), np.floor(y)
    u, v = x - i - 0.5, y - j - 0.5

    def link(di: np.ndarray, dj: np.ndarray, salt: float) -> np.ndarray:
        return np.modf(np.abs(np.sin(di * 12.9898 + dj * 78.233 + salt + s.seed * 1.7)) * 43758.5453)[0]

    east, west = link(i, j, 0.0) < 0.5, link(i - 1, j, 0.0) < 0.5
    north, south = link(i, j, 5.0) < 0.42, link(i, j - 1, 5.0) < 0.42
    line = np.full_like(u, 9.0)
    for on, along, off in ((east, u, v), (west, -u, v), (north, v, u), (south, -v, u)):
        line = np.where(on, np.minimum(line, np.hypot(off, np.minimum(along, 0))), line)
    ends = east.astype(int) + west + north + south
    pad = np.where((ends == 1) | (link(i, j, 9.0) < 0.08), np.hypot(u, v), 9.0)
    board = ramp(
        0.42 + 0.3 * s.fbm(3, 3, salt=71) + 0.1 * s.fbm(50, 2, salt=72) + 0.8 * s.detail,
        "0 #03200f, 0.4 #0a4d27, 0.7 #14753c, 1 #4fae6c",
    )
    metal = ramp(
        0.5 + 0.35 * s.fbm(4, 2, salt=73) + 0.2 * s.facing() + 0.7 * s.detail,
        "0 #6b4a14, 0.5 #cfa044, 1 #f6e3a4",
    )
    colour = mix(board, "#21a058", 0.6 * smooth(0.20, 0.15, line))
    colour = mix(colour, metal, smooth(0.13, 0.09, line))
    colour = mix(colour, metal, smooth(0.36, 0.31, pad))
    colour = mix(colour, "#08120c", smooth(0.16, 0.12, pad))
    ci, cj = np.floor(x / 6), np.floor(y / 4)
    chip = link(ci, cj, 21.0) < 0.24
    inside = np.minimum(3 - np.abs(x - 6 * ci - 3), 2 - np.abs(y - 4 * cj - 2))
    legs = (np.cos(2 * np.pi * x) > 0.1) & (inside > 0.1)
    colour = np.where(
        (chip & legs & (inside < 0.62))[:, None],
        shade(metal, np.full(len(x), 0.95)) * np.array([0.85, 0.95, 1.25], np.float32),
        colour,
    )
    body = ramp(
        0.3 + 0.3 * smooth(0.55, 0.85, inside) + 0.1 * s.fbm(40, 2, salt=74) + 0.6 * s.detail,
        "0 #0a0a0c, 0.5 #232428, 1 #5a5c63",
    )
    return np.where((chip & (inside >= 0.55))[:, None], body, colour)


@material(
    "slime",
    "Toxic slime",
    "toxic, goo, radioactive, ooze, acid, zombie, poison, mutant, gooey",
    detail_gain=0.7,
    luminance_keep=0.55,
)
def slime(s: Surface) -> np.ndarray:
    """Translucent green in heavy drips, bubbles with bright rims, dark depths."""
    q = s.warp((3, 1, 3), 0.10, salt=81)

    def run(t: Surface) -> np.ndarray:
        return t.fbm((6, 1.5, 6), 3, salt=82, at=t.warp((3, 1, 3), 0.10, salt=81))

    thick, light = run(s), s.lit(run, 0.03)
    tone = 0.42 + 0.30 * thick + 0.45 * light + 0.14 * s.fbm(9, 3, salt=83, at=q) + 0.75 * s.detail
    colour = ramp(tone, "0 #0a2403, 0.25 #2a6207, 0.5 #62b30c, 0.75 #a9ea2c, 1 #ecfb9a")
    for salt, freq in ((84, 11.0), (85, 24.0)):
        bubble = s.cells(freq, salt=salt)
        size = 0.16 + 0.16 * bubble.other
        on = bubble.pick > 0.66
        colour = mix(colour, "#17480a", 0.45 * smooth(size, size * 0.6, bubble.distance) * on)
        colour = mix(colour, "#e9fca0", 0.85 * np.exp(-(((bubble.distance - size) / 0.035) ** 2)) * on)
    return mix(colour, "#fafde0", 0.8 * smooth(0.20, 0.42, light + 0.12 * s.facing() + 0.3 * s.detail))
