"""Cloth, hide and paper: knitted wool, denim, tartan, camouflage, leather, newspaper."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, rgb, shade, smooth
from ft2os.materials.surface import Surface


def _flat(s: Surface, code: str) -> np.ndarray:
    return np.tile(rgb(code), (len(s.p), 1))


@material(
    "wool",
    "Knitted wool",
    "knit, knitted, yarn, sweater, crochet, woolen, woollen, knitwear, jumper",
    detail_gain=1.3,
    luminance_keep=0.55,
    scale=1.5,
)
def wool(s: Surface) -> np.ndarray:
    """Stockinette: columns of V stitches with twisted fibres, in a Nordic pattern of three colours."""
    across, up = s.unrolled()
    x, y = across * 26 + 0.10 * s.fbm(9, 2, salt=1), up * 26
    column = np.floor(x)
    u = x - column - 0.5
    rise = y - 1.15 * np.abs(u)
    row = np.floor(rise)
    v = rise - row
    strand = 1 - ((np.abs(u) - 0.25) / 0.27) ** 2
    body = np.clip(strand, 0, 1) * smooth(0.0, 0.28, v) * smooth(1.0, 0.72, v)
    twist = 0.5 + 0.5 * np.sin(18 * (v + 1.6 * np.abs(u)) + np.where(u > 0, 0.0, 2.0))
    k, r = column % 8, row % 12
    star = np.abs(k - 4) + np.abs(r - 4) <= 2.5
    band = (r == 9) | ((r == 11) & (k % 2 == 0))
    colour = _flat(s, "#a5282d")
    colour = np.where((star | (band & (r == 9)))[:, None], rgb("#e9e0cf"), colour)
    colour = np.where((band & (r == 11))[:, None], rgb("#2b4a5e"), colour)
    fuzz = s.fbm(60, 2, salt=2)
    light = (
        0.30 + 0.68 * body + 0.14 * twist * body + 0.10 * fuzz + 0.12 * s.fbm(4, 3, salt=3) + 0.5 * s.detail
    )
    return shade(colour, light)


@material("denim", "Denim", "jeans, jean, canvas cloth, dungarees", detail_gain=0.9, luminance_keep=0.6)
def denim(s: Surface) -> np.ndarray:
    """Indigo twill, washed pale where it is worn, with double orange seams."""
    across, up = s.unrolled()
    twill = 0.5 + 0.5 * np.sin(2 * np.pi * (across * 52 + up * 52) + 0.8 * s.fbm(30, 2, salt=11))
    weft = s.fbm((90, 14, 90), 2, salt=12)
    worn = 0.30 + 0.30 * s.fbm(2.6, 5, salt=13, gain=0.6) + 0.16 * twill + 0.10 * weft + 0.75 * s.detail
    colour = ramp(worn, "0 #0d1830, 0.25 #1f3763, 0.5 #3f6296, 0.75 #7f9fc4, 1 #cfdbe7")
    seam = np.abs((up * 2.6 + 0.02 * s.fbm(4, 2, salt=14)) % 1 - 0.5) / 2.6
    colour = shade(colour, 1 - 0.35 * np.exp(-((seam / 0.006) ** 2)))
    for offset in (0.016, 0.026):
        stitch = np.exp(-(((seam - offset) / 0.0035) ** 2)) * (np.sin(across * 190) > -0.35)
        colour = mix(colour, "#d08a3a", 0.9 * stitch)
    return colour


# Where across one repeat of the pattern a band begins and ends, and its thread.
_SETT = (
    (0.0, 0.22, "#16402c"),
    (0.22, 0.27, "#0e1a33"),
    (0.36, 0.375, "#e8d9b0"),
    (0.58, 0.72, "#15264d"),
    (0.645, 0.655, "#efc548"),
    (0.84, 0.855, "#e8e4da"),
)


@material(
    "tartan",
    "Tartan",
    "plaid, kilt, flannel, checkered, gingham",
    detail_gain=1.3,
    luminance_keep=0.55,
    scale=1.3,
)
def tartan(s: Surface) -> np.ndarray:
    """Red sett with green and navy bands, white and yellow guard lines, woven as twill."""
    across, up = s.unrolled()

    def sett(t: np.ndarray) -> np.ndarray:
        t = t * 4.2 % 1
        colour = np.tile(rgb("#b3202c"), (len(t), 1))
        for low, high, code in _SETT:
            colour = np.where(((t >= low) & (t < high))[:, None], rgb(code), colour)
        return colour

    warp, weft = sett(across), sett(up)
    over = smooth(-0.5, 0.5, np.sin(2 * np.pi * (across + up) * 44))
    cloth = mix(warp, weft, 0.25 + 0.5 * over)
    return shade(
        cloth, 0.98 + 0.10 * (over - 0.5) + 0.16 * s.fbm(50, 2, salt=21) + 0.12 * s.fbm(3, 3, salt=22)
    )


@material("camouflage", "Camouflage", "camo, woodland camo", detail_gain=1.3, luminance_keep=0.6)
def camouflage(s: Surface) -> np.ndarray:
    """Woodland pattern: four colours in layered blobs on ripstop cloth."""
    colour = _flat(s, "#8a8455")
    for salt, code, level in ((31, "#4c5a2e", 0.02), (32, "#5b422b", 0.20), (33, "#1d1f1a", 0.34)):
        q = s.warp(7, 0.035, salt=salt + 10)
        colour = mix(
            colour, code, smooth(level - 0.015, level + 0.015, s.fbm((4.2, 5.4, 4.2), 3, salt=salt, at=q))
        )
    across, up = s.unrolled()
    rip = np.maximum(np.cos(across * 170), np.cos(up * 170))
    weave = 0.96 + 0.10 * smooth(0.9, 1.0, rip) + 0.12 * s.fbm(60, 2, salt=36) + 0.14 * s.fbm(4, 3, salt=37)
    return shade(colour, weave + 0.3 * s.detail)


@material("leather", "Leather", "suede, rawhide, cowhide", detail_gain=0.85, luminance_keep=0.6)
def leather(s: Surface) -> np.ndarray:
    """Brown hide: pebbled grain, creases, dark oil in the folds, pale rubbed edges."""
    q = s.warp(9, 0.012, salt=51)
    grain = s.cells(52, salt=52, at=q)
    crease = np.abs(s.fbm(4.5, 5, salt=53, at=s.warp(2.5, 0.08, salt=54)))
    light = s.lit(lambda t: smooth(0, 0.25, t.cells(52, salt=52, at=t.warp(9, 0.012, salt=51)).border), 0.006)
    tone = 0.34 + 0.24 * s.fbm(2.6, 4, salt=55) + 0.20 * smooth(0, 0.2, grain.border) + 0.22 * light
    tone = tone + 0.10 * s.facing() - 0.20 * np.exp(-crease * 26) + 0.8 * s.detail
    return ramp(tone, "0 #170a04, 0.25 #46210f, 0.5 #7f431f, 0.75 #b4743f, 1 #e2b683")


@material(
    "newspaper",
    "Newspaper",
    "paper, papery, origami, papier mache, cardboard",
    detail_gain=1.3,
    luminance_keep=0.65,
)
def newspaper(s: Surface) -> np.ndarray:
    """Torn sheets pasted over each other, with columns of print, headlines and grey pictures."""
    sheet = s.cells(3.6, salt=61, at=s.warp(8, 0.02, salt=62))
    angle = (sheet.pick - 0.5) * 1.1
    a, b = s.unrolled()
    x, y = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    x, y = x + sheet.other, y + sheet.pick
    line, column = y * 46, x * 4.2
    in_line = smooth(0.30, 0.42, line % 1) * smooth(0.98, 0.86, line % 1)
    text = np.stack([x * 120, np.floor(line) * 3.7, np.floor(column) * 1.3 + 0.5], 1)
    letters = smooth(-0.18, 0.06, s.fbm(1.0, 2, salt=63, at=text))
    gutter = smooth(0.03, 0.06, column % 1) * smooth(0.99, 0.96, column % 1)
    head = (np.floor(line / 4) * 0.618) % 1 < 0.14
    big = np.stack([x * 46, np.floor(line / 4) * 5.1, np.full_like(x, 0.5)], 1)
    bold = (
        smooth(-0.10, 0.0, s.fbm(1.0, 1, salt=64, at=big))
        * smooth(0.10, 0.2, line / 4 % 1)
        * smooth(0.9, 0.8, line / 4 % 1)
    )
    picture = np.modf(np.abs(np.sin(np.floor(column) * 7.1 + np.floor(line / 8) * 3.3)) * 91.7)[0] > 0.86
    dots = 0.30 + 0.5 * s.fbm(9, 3, salt=65)
    ink = np.where(head, 0.95 * bold, 0.72 * in_line * letters) * gutter
    ink = np.where(picture, (0.35 + dots) * gutter, ink)
    paper = ramp(
        0.62 + 0.24 * s.fbm(3, 4, salt=66) + 0.3 * (sheet.other - 0.5) + 0.5 * s.detail,
        "0 #a8997a, 0.4 #cfc3a6, 0.75 #e4dcc8, 1 #f0ece0",
    )
    paper = mix(paper, "#201e1c", np.clip(ink, 0, 0.9))
    return shade(paper, 0.62 + 0.38 * smooth(0.0, 0.05, sheet.border))
