"""Hot materials: lava, flames, embers, lightning. All glow; veins and tongues follow the object's detail."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface

_HEAT = "0 #070303, 0.16 #3a0703, 0.34 #8f1604, 0.52 #dd3b04, 0.7 #fa8410, 0.86 #fdc338, 1 #fdeba0"


def _spark(s: Surface) -> np.ndarray:
    """Extra heat [M] where the object itself is brightest: eyes, lamps and edges glow."""
    return 0.3 * np.maximum(s.detail, 0) + 0.42 * smooth(0.09, 0.2, s.detail)


@material(
    "lava",
    "Lava",
    "magma, volcano, volcanic, molten rock, molten, eruption",
    detail_gain=0.25,
    luminance_keep=0.55,
    emissive=True,
)
def lava(s: Surface) -> np.ndarray:
    """Dark cooled plates, lit from above, with glowing cracks where they part and where detail is bright."""
    q = s.warp(3.6, 0.06, salt=1)
    plates, chips = s.cells(5.4, salt=2, at=q), s.cells(13.0, salt=3, at=q)
    heat = np.clip(0.5 + 0.75 * s.fbm(2.6, 3, salt=4) + 0.9 * s.detail, 0, 1)
    wide = np.exp(-plates.border * (19 - 10 * heat)) * (0.62 + 0.7 * heat)
    thin = np.exp(-chips.border * 22) * smooth(0.35, 0.9, heat) * 0.65
    ripple = s.fbm(22, 3, salt=5)
    glow = np.maximum(wide, thin) * (1 + 0.28 * ripple) + 0.10 * smooth(0.7, 1.0, heat)
    glow = glow * np.exp(1.8 * s.detail) + _spark(s)

    def rock(t: Surface) -> np.ndarray:
        return t.fbm(16, 4, salt=6)

    light = np.clip(0.45 + 0.55 * s.lit(rock, 0.016) + 0.25 * s.fbm(7, 3, salt=7) + 0.9 * s.detail, 0, 1)
    crust = ramp(light, "0 #080606, 0.4 #1c1515, 0.75 #40322f, 1 #7d6a63")
    crust = mix(crust, "#7a1c06", 0.7 * smooth(0.05, 0.34, glow))
    return mix(crust, ramp(np.clip(glow, 0, 1), _HEAT), smooth(0.22, 0.46, glow))


@material(
    "flames",
    "Flames",
    "flame, fire, fiery, burning, inferno, ablaze, wildfire, flaming",
    detail_gain=0.2,
    luminance_keep=0.55,
    emissive=True,
)
def flames(s: Surface) -> np.ndarray:
    """Tongues that rise and tear: noise stretched along the height, hotter below, licking upwards."""
    tall = np.array([1.0, 0.36, 1.0], np.float32)
    q = s.warp(3.2, 0.10, salt=11, at=s.p * tall)
    q = s.warp(9.0, 0.028, salt=12, at=q)
    tongues = s.fbm(6.0, 4, salt=13, kind="ridge", at=q)
    body, wisps = s.fbm(4.2, 4, salt=14, at=q), s.fbm(17.0, 4, salt=15, kind="ridge", at=q)
    heat = -0.14 + 1.0 * tongues + 0.55 * body + 0.2 * (wisps - 0.35) + 0.20 * (1 - s.height)
    heat = heat + 0.8 * s.detail + 0.4 * _spark(s)
    colour = ramp(
        heat, "0 #0b0404, 0.16 #380704, 0.32 #8d1303, 0.5 #e04405, 0.68 #fb9013, 0.86 #fdcb40, 1 #fdf0b4"
    )
    return mix(colour, "#fdd870", 0.5 * smooth(0.72, 0.95, wisps) * smooth(0.35, 0.7, heat))


@material(
    "embers",
    "Embers and charcoal",
    "charcoal, ember, coal, ash, burnt, charred, scorched, smouldering",
    detail_gain=0.5,
    luminance_keep=0.5,
    emissive=True,
)
def embers(s: Surface) -> np.ndarray:
    """Cracked charcoal under grey ash, red heat breathing in the depth of the cracks."""
    q = s.warp(5, 0.03, salt=21)
    blocks = s.cells((8, 13, 8), salt=22, at=q)
    fine = s.cells(26, salt=23, at=q)
    grain = s.lit(lambda t: t.fbm(22, 3, salt=24), 0.012)
    light = np.clip(0.32 + 0.4 * grain + 0.5 * (blocks.pick - 0.5) * 0.5 + 0.8 * s.detail, 0, 1)
    coal = ramp(light, "0 #060606, 0.35 #1a1919, 0.7 #3c3a3a, 1 #767371")
    ash = smooth(0.10, 0.75, s.fbm(5, 5, salt=25, gain=0.6) + 0.5 * s.detail + 0.3 * grain)
    coal = mix(coal, "#a7a29c", 0.7 * ash)
    coal = shade(coal, 0.45 + 0.55 * smooth(0, 0.10, np.minimum(blocks.border, fine.border * 1.4)))
    heat = smooth(-0.05, 0.6, s.fbm(3.2, 3, salt=26) + 0.25 * s.detail)
    glow = heat * (np.exp(-blocks.border * 13) + 0.35 * np.exp(-fine.border * 16))
    return mix(coal, ramp(0.95 * glow, _HEAT), smooth(0.10, 0.5, glow))


@material(
    "lightning",
    "Lightning",
    "electric, electricity, plasma, thunder, thunderbolt, thunderstorm",
    detail_gain=0.4,
    luminance_keep=0.55,
    emissive=True,
)
def lightning(s: Surface) -> np.ndarray:
    """Branching blue-white arcs with violet halos over a dark storm."""
    q = s.warp(4.0, 0.07, salt=31, octaves=5)
    q = s.warp(16.0, 0.012, salt=36, octaves=3, at=q)
    trunk, twig = s.cells((2.6, 1.7, 2.6), salt=32, at=q), s.cells((6.5, 5, 6.5), salt=33, at=q)
    power = smooth(-0.45, 0.35, s.fbm(2.0, 2, salt=35) + 0.6 * s.detail)
    cloud = 0.40 + 0.36 * s.fbm(3.2, 5, salt=34) + 0.9 * s.detail
    storm = ramp(cloud, "0 #060818, 0.4 #151d46, 0.75 #2f3c80, 1 #6f81c8")
    arc = np.maximum(
        np.exp(-trunk.border * 34) * (0.6 + 0.6 * power), 0.85 * np.exp(-twig.border * 38) * power
    )
    arc = np.maximum(arc, _spark(s))
    halo = np.maximum(np.exp(-trunk.border * 12), 0.6 * np.exp(-twig.border * 13) * power)
    glow = mix(storm, "#6a4ff0", 0.72 * halo)
    return mix(glow, ramp(arc, "0 #5562f2, 0.5 #86bcfb, 1 #eef7fb"), smooth(0.15, 0.6, arc))
