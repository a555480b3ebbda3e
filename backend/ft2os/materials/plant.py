"""Wood and growing things: wood, bark, moss, grass, autumn leaves, flowers, ivy, coral, mushrooms."""

from __future__ import annotations

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


@material(
    "wood",
    "Wood",
    "wooden, oak, timber, plank, carved wood, walnut, pine, lumber",
    detail_gain=0.85,
    keep=0.6,
)
def wood(s: Surface) -> np.ndarray:
    """One carved block: growth rings around a slanted heart, fibres, pores, a knot or two."""
    axis = np.float32([[1, 0.22, 0], [-0.22, 1, 0.12], [0, -0.12, 1]])
    q = s.warp((1.6, 0.6, 1.6), 0.06, salt=1) @ axis + np.float32([0.31, 0, 0.24])
    knot = s.cells((1.6, 1.1, 1.6), salt=2, at=q)
    pull = np.exp(-((knot.distance / 0.20) ** 2)) * (knot.pick > 0.45)
    ring = np.hypot(q[:, 0], q[:, 2]) * 17 + 3.4 * pull + 0.5 * s.fbm((3, 1, 3), 3, salt=3, at=q)
    phase = ring - np.floor(ring)
    late = np.where(phase < 0.8, (phase / 0.8) ** 2.2, (1 - phase) / 0.2)
    fibre = s.fbm((70, 3.2, 70), 3, salt=4, at=q)
    year = np.modf(np.abs(np.sin(np.floor(ring) * 12.99) * 437.58))[0]
    tone = (
        0.24 + 0.42 * late + 0.14 * (year - 0.5) + 0.20 * fibre + 0.12 * s.fbm(2, 3, salt=5) - 0.45 * s.detail
    )
    colour = ramp(tone + 0.35 * pull, "0 #e2b983, 0.3 #c18a4f, 0.55 #99602c, 0.8 #653616, 1 #351907")
    pores = smooth(0.42, 0.75, s.fbm((90, 7, 90), 2, salt=6, at=q))
    return mix(colour, "#2c1406", 0.55 * pores)


@material("bark", "Bark", "tree trunk, treebark, driftwood", detail_gain=1.3, keep=0.55)
def bark(s: Surface) -> np.ndarray:
    """Deeply furrowed plates that run upwards, with lichen on the ridges."""

    def ridges(t: Surface) -> np.ndarray:
        q = t.warp((6, 3, 6), 0.03, salt=11)
        return smooth(0.0, 0.28, t.cells((12, 2.4, 12), salt=12, at=q).border) + 0.5 * t.fbm(
            (26, 9, 26), 3, salt=13
        )

    depth, light = ridges(s), s.lit(ridges, 0.012)
    tone = 0.14 + 0.50 * depth + 0.5 * light + 0.12 * s.fbm(4, 3, salt=14) + 0.6 * s.detail
    colour = ramp(tone, "0 #120b06, 0.3 #3b281a, 0.6 #6f5640, 0.85 #9c866c, 1 #c9b99f")
    lichen = smooth(0.30, 0.7, s.fbm(5, 5, salt=15, gain=0.62)) * smooth(0.4, 0.9, depth)
    return mix(colour, ramp(tone + 0.1, "0 #3b4a2a, 0.6 #8a9a68, 1 #cdd6b0"), 0.8 * lichen)


@material("moss", "Moss", "mossy, overgrown, lichen, peat, algae, fern", detail_gain=0.9, keep=0.55)
def moss(s: Surface) -> np.ndarray:
    """Cushions of star moss in many greens over damp dark earth."""
    q = s.warp(6, 0.025, salt=21)

    def cushion(t: Surface) -> np.ndarray:
        w = t.warp(6, 0.025, salt=21)
        big, small = t.cells(7.5, salt=22, at=w), t.cells(24, salt=23, at=w)
        return 1 - big.distance + 0.5 * (1 - small.distance) + 0.35 * t.fbm(34, 3, salt=24)

    high, light = cushion(s), s.lit(cushion, 0.018)
    hue = s.cells(7.5, salt=22, at=q).pick
    tone = 0.02 + 0.52 * high + 0.45 * light + 0.16 * s.fbm(2.6, 3, salt=25) + 0.65 * s.detail
    green = ramp(tone, "0 #0d1506, 0.28 #26400e, 0.52 #4f7618, 0.76 #88a82a, 1 #ccd66a")
    colour = mix(green, ramp(tone, "0 #101a0c, 0.5 #37692e, 1 #9fcb7c"), smooth(0.45, 0.75, hue))
    return mix(colour, "#8f7a34", 0.4 * smooth(0.5, 0.95, s.fbm(9, 4, salt=26)))


@material("grass", "Grass", "lawn, meadow, grassy, turf, hay, straw, reed", detail_gain=1.3, keep=0.5)
def grass(s: Surface) -> np.ndarray:
    """Blades that cross at three depths, pale at the tips, dark between."""
    blade, shadow = np.zeros(len(s.p), np.float32), np.zeros(len(s.p), np.float32)
    for layer in range(3):
        lean = np.float32([[1, 0.5 * (layer - 1), 0], [0, 1, 0], [0.4 * (1 - layer), 0, 1]])
        q = s.warp(3, 0.05, salt=31 + layer) @ lean
        line = s.fbm((24, 3.0, 24), 2, salt=35 + layer, kind="ridge", at=q)
        shadow = np.maximum(shadow, smooth(0.2, 0.6, line))
        blade = np.maximum(blade, smooth(0.45, 0.95, line) * (0.55 + 0.225 * layer))
    tone = 0.10 + 0.26 * shadow + 0.50 * blade + 0.20 * s.fbm(2.4, 3, salt=39) + 0.6 * s.detail
    colour = ramp(tone, "0 #0a1a05, 0.3 #1f4b0d, 0.55 #40801b, 0.78 #7fb838, 1 #cfe586")
    return mix(colour, "#b9a94e", 0.45 * smooth(0.35, 0.9, s.fbm((12, 2, 12), 3, salt=40)))


def _leaves(s: Surface, freq: float, salt: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Overlapping leaves: random tint, distance inside the outline, mid-rib and side veins."""
    leaf = s.cells(freq, salt=salt, at=s.warp(freq * 1.6, 0.14 / freq, salt=salt + 1))
    angle = leaf.other * 6.283 + s.seed
    along = np.stack([np.cos(angle), np.sin(angle), np.cos(angle * 2.7)], 1).astype(np.float32)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    lengthwise = (s.p * along).sum(1) * freq
    side = np.stack([-along[:, 1], along[:, 0], np.zeros(len(s.p), np.float32)], 1)
    across = (s.p * side).sum(1) * freq
    centre = across - np.floor(across) - 0.5
    rib = np.exp(-np.abs(centre) * 26) * smooth(0.0, 0.12, leaf.border)
    vein = np.abs(np.sin(11 * lengthwise + 9 * np.abs(centre)))
    return leaf.pick, leaf.border, rib, np.exp(-vein * 9) * smooth(0.02, 0.12, leaf.border)


@material(
    "autumn_leaves", "Autumn leaves", "autumn, fall leaf, foliage, dry leaf", detail_gain=1.3, keep=0.55
)
def autumn_leaves(s: Surface) -> np.ndarray:
    """Fallen leaves, red through yellow, with ribs, curled dark edges and spots."""
    tint, border, rib, vein = _leaves(s, 10.5, 51)
    tone = tint + 0.16 * s.fbm(9, 4, salt=53)
    colour = ramp(tone, "0 #571111, 0.2 #a52015, 0.42 #d4531a, 0.62 #e58e22, 0.8 #efc23f, 1 #8f8a2c")
    colour = mix(colour, colour * np.float32([1.25, 1.2, 1.0]) + 0.05, 0.7 * rib + 0.32 * vein)
    colour = mix(
        colour, "#3a150a", 0.65 * smooth(0.35, 0.75, s.fbm(20, 3, salt=54)) * smooth(0.3, 0.05, border)
    )
    return shade(colour, 0.42 + 0.62 * smooth(-0.01, 0.08, border) + 0.22 * (tint - 0.5) + 0.3 * s.detail)


@material(
    "ivy", "Ivy", "vine, jungle, leafy, leaves, leaf, rainforest, hedge, bush", detail_gain=1.3, keep=0.55
)
def ivy(s: Surface) -> np.ndarray:
    """Dense dark-green leaves with pale veins and shadows between."""
    tint, border, rib, vein = _leaves(s, 12.0, 61)
    tone = 0.18 + 0.55 * tint + 0.14 * s.fbm(8, 4, salt=63) + 0.5 * s.detail
    colour = ramp(tone, "0 #0b2410, 0.3 #1b4d1d, 0.6 #37792b, 0.85 #6ba63f, 1 #a9cf6a")
    colour = mix(colour, "#cfe3a4", 0.55 * rib + 0.28 * vein)
    return shade(colour, 0.22 + 0.85 * smooth(-0.02, 0.2, border))


@material(
    "flowers",
    "Flowers",
    "flower, floral, blossom, bloom, petal, daisy, tulip, bouquet, cherry blossom, sakura",
    detail_gain=1.3,
    keep=0.5,
)
def flowers(s: Surface) -> np.ndarray:
    """Round blossoms with petals and golden hearts on dark leaves."""
    _, border, _, vein = _leaves(s, 12, 71)
    ground = ramp(0.35 + 0.3 * s.fbm(7, 3, salt=73) + 0.3 * vein, "0 #0d2610, 0.5 #2f6a2a, 1 #79a84a")
    colour = shade(ground, 0.35 + 0.7 * smooth(0, 0.2, border))
    for layer, freq in enumerate((9.0, 5.5)):
        bloom = s.cells(freq, salt=74 + layer, jitter=0.8)
        # Petals: the outline swells and shrinks with the angle around the flower's centre.
        lobe = np.abs(s.fbm(freq * 2.6, 2, salt=78 + layer))
        r = bloom.distance * (0.86 + 0.5 * lobe)
        petal = ramp(
            bloom.pick,
            "0 #c2185b, 0.25 #f06292, 0.45 #f8bbd0, 0.62 #f3eef6, 0.78 #ba68c8, 0.9 #f6c343, 1 #e64a19",
        )
        petal = shade(petal, 0.62 + 0.85 * r + 0.25 * smooth(0.05, 0.25, lobe) + 0.5 * s.detail)
        colour = shade(colour, 1 - 0.55 * smooth(0.62, 0.42, r))
        colour = mix(colour, petal, smooth(0.47, 0.42, r))
        heart = ramp(0.4 + 0.6 * s.fbm(60, 2, salt=77), "0 #7a3f06, 0.5 #e0a11b, 1 #fbe27a")
        colour = mix(colour, heart, smooth(0.15, 0.115, bloom.distance))
    return colour


@material("coral", "Coral", "reef, coral reef, anemone, brain coral", detail_gain=1.3, keep=0.55)
def coral(s: Surface) -> np.ndarray:
    """Meandering ridges of a brain coral, rose on orange, with pores and pale crests."""
    q = s.warp(3.2, 0.07, salt=81)
    maze = s.fbm(9, 2, salt=82, at=q)
    wave = np.abs(np.sin(4.2 * maze))
    light = s.lit(lambda t: np.abs(np.sin(4.2 * t.fbm(9, 2, salt=82, at=t.warp(3.2, 0.07, salt=81)))), 0.012)
    pore = s.cells(46, salt=83)
    tone = 0.10 + 0.62 * wave + 0.28 * light + 0.10 * s.fbm(3, 3, salt=84) + 0.6 * s.detail
    colour = ramp(tone, "0 #5f1227, 0.3 #c23c45, 0.55 #f0735f, 0.8 #fbac8e, 1 #fce3d2")
    colour = mix(colour, colour * np.float32([0.95, 0.7, 1.25]), smooth(-0.1, 0.7, s.fbm(2, 3, salt=85)))
    return shade(colour, 1 - 0.4 * smooth(0.26, 0.12, pore.distance) * (pore.pick > 0.4))
