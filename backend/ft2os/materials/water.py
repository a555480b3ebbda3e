"""Cold and wet materials: ice, snow, water, frost, bubbles."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


@material(
    "ice",
    "Ice",
    "icy, frozen, glacier, iceberg, icicle, frost, frosty, freezing",
    detail_gain=0.75,
    luminance_keep=0.6,
)
def ice(s: Surface) -> np.ndarray:
    """Deep blue body seen through facets, white fractures at three depths, trapped air, frost."""
    q = s.warp(3.0, 0.06, salt=1)
    big, small = s.cells(3.6, salt=2, at=q), s.cells(9.0, salt=3, at=q)
    depth = 0.44 + 0.30 * s.fbm(3.2, 4, salt=4, at=q) + 0.26 * (big.pick - 0.5) + 0.16 * (small.pick - 0.5)
    depth = depth + 0.18 * s.facing() + 0.6 * s.detail
    body = ramp(depth, "0 #042a4a, 0.26 #11618f, 0.5 #3c9cc8, 0.74 #8dd0ea, 1 #dcf3fa")
    plane = np.abs(s.fbm(4.0, 3, salt=5, at=q))
    veil = s.fbm(13, 4, salt=6) * 0.5 + 0.5
    body = mix(body, "#d6f1f8", 0.55 * np.exp(-plane * 9) * veil)
    body = mix(body, "#eefafc", 0.95 * np.exp(-big.border * 38) + 0.30 * np.exp(-big.border * 10) * veil)
    body = mix(body, "#e2f5fa", 0.45 * np.exp(-small.border * 50))
    air = s.cells(38, salt=7)
    body = mix(body, "#f0fafc", 0.6 * smooth(0.20, 0.10, air.distance) * (air.pick > 0.72))
    rime = smooth(0.15, 0.75, s.fbm(6, 5, salt=8, gain=0.65) + 0.35 * (s.height - 0.4) + 0.4 * s.detail)
    return mix(body, "#e3f2f8", 0.38 * rime)


@material("snow", "Snow", "snowy, blizzard, powder snow, wintry, winter", detail_gain=0.9, luminance_keep=0.6)
def snow(s: Surface) -> np.ndarray:
    """Soft drifts with blue shadows, crystals that glint, wind ripples."""
    drift = s.lit(lambda t: t.fbm(4.0, 4, salt=11), 0.06)
    grain = s.lit(lambda t: t.fbm(40, 3, salt=12), 0.008)
    t = 0.66 + 0.45 * drift + 0.12 * grain + 0.12 * s.fbm(2.5, 3, salt=13) + 0.1 * s.facing() + 0.8 * s.detail
    colour = ramp(t, "0 #4f74aa, 0.3 #90afd6, 0.55 #c2d5ea, 0.8 #e3ecf5, 1 #eff4f8")
    glint = s.cells(75, salt=14)
    return mix(colour, "#f2f8fc", 0.9 * smooth(0.24, 0.08, glint.distance) * (glint.pick > 0.8))


@material(
    "water",
    "Water",
    "ocean, sea, aqua, lake, river, watery, aquatic, liquid, underwater",
    detail_gain=0.7,
    luminance_keep=0.55,
)
def water(s: Surface) -> np.ndarray:
    """Blue-green depth under a net of caustics, with glints and a little foam."""
    q = s.warp(3.4, 0.10, salt=21)
    net, fine = s.cells(6.5, salt=22, at=q), s.cells(13, salt=23, at=s.warp(6, 0.05, salt=24))
    depth = 0.42 + 0.32 * s.fbm(2.2, 4, salt=25, at=q) + 0.16 * s.facing() + 0.75 * s.detail
    body = ramp(depth, "0 #02192f, 0.25 #05426b, 0.5 #0c7a9e, 0.75 #32b3bf, 1 #9fe6dc")
    caustic = np.exp(-net.border * 13) + 0.55 * np.exp(-fine.border * 15)
    body = mix(body, "#8fe9e6", 0.62 * np.clip(caustic, 0, 1.2) * smooth(-0.5, 0.5, s.fbm(3, 3, salt=26)))
    body = mix(body, "#f0fbfa", 0.85 * smooth(0.95, 1.45, caustic))
    wave = s.lit(lambda t: t.fbm((5, 9, 5), 4, salt=27, at=t.warp(3, 0.08, salt=28)), 0.035)
    return shade(body, 1 + 0.55 * wave)
