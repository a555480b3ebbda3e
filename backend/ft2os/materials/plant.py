"""Wood and growing things: wood, bark, moss, grass, autumn leaves, flowers, ivy, coral, mushrooms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ft2os.materials.material import material
from ft2os.materials.palette import mix, ramp, shade, smooth
from ft2os.materials.surface import Surface


@material(
    "wood",
    "Wood",
    "wooden, oak, timber, plank, carved wood, walnut, pine, lumber",
    detail_gain=0.85,
    luminance_keep=0.6,
)
def wood(s: Surface) -> np.ndarray:
    """One carved block: growth rings around a slanted heart, fibres, pores, a knot or two."""
    axis = np.array([[1, 0.22, 0], [-0.22, 1, 0.12], [0, -0.12, 1]], np.float32)
    q = s.warp((1.6, 0.6, 1.6), 0.06, salt=1) @ axis + np.array([0.31, 0, 0.24], np.float32)
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


@material("bark", "Bark", "tree trunk, treebark, driftwood", detail_gain=1.3, luminance_keep=0.55)
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


@material("moss", "Moss", "mossy, overgrown, lichen, peat, algae, fern", detail_gain=0.9, luminance_keep=0.55)
def moss(s: Surface) -> np.ndarray:
    """Cushions of star moss in many greens over damp dark earth."""
    q = s.warp(6, 0.025, salt=21)

    def cushion(t: Surface) -> np.ndarray:
        w = t.warp(6, 0.025, salt=21)
        big, small = t.cells(7.5, salt=22, at=w), t.cells(24, salt=23, at=w)
        return 1 - big.distance + 0.5 * (1 - small.distance) + 0.35 * t.fbm(34, 3, salt=24)

    high, light = cushion(s), s.lit(cushion, 0.018)
    hue = s.cells(7.5, salt=22, at=q).pick
    tone = 0.10 + 0.52 * high + 0.45 * light + 0.16 * s.fbm(2.6, 3, salt=25) + 0.65 * s.detail
    green = ramp(tone, "0 #0d1506, 0.28 #26400e, 0.52 #4f7618, 0.76 #88a82a, 1 #ccd66a")
    colour = mix(green, ramp(tone, "0 #101a0c, 0.5 #37692e, 1 #9fcb7c"), smooth(0.45, 0.75, hue))
    return mix(colour, "#8f7a34", 0.4 * smooth(0.5, 0.95, s.fbm(9, 4, salt=26)))


@material(
    "grass", "Grass", "lawn, meadow, grassy, turf, hay, straw, reed", detail_gain=1.3, luminance_keep=0.5
)
def grass(s: Surface) -> np.ndarray:
    """Blades that cross at three depths, pale at the tips, dark between."""
    blade, shadow = np.zeros(len(s.p), np.float32), np.zeros(len(s.p), np.float32)
    for layer in range(3):
        lean = np.array([[1, 0.5 * (layer - 1), 0], [0, 1, 0], [0.4 * (1 - layer), 0, 1]], np.float32)
        q = s.warp(3, 0.05, salt=31 + layer) @ lean
        line = s.fbm((24, 3.0, 24), 2, salt=35 + layer, kind="ridge", at=q)
        shadow = np.maximum(shadow, smooth(0.2, 0.6, line))
        blade = np.maximum(blade, smooth(0.45, 0.95, line) * (0.55 + 0.225 * layer))
    tone = 0.10 + 0.26 * shadow + 0.50 * blade + 0.20 * s.fbm(2.4, 3, salt=39) + 0.6 * s.detail
    colour = ramp(tone, "0 #0a1a05, 0.3 #1f4b0d, 0.55 #40801b, 0.78 #7fb838, 1 #cfe586")
    return mix(colour, "#b9a94e", 0.45 * smooth(0.35, 0.9, s.fbm((12, 2, 12), 3, salt=40)))


class _Leaf(NamedTuple):
    """One layer of leaves at M points; outside of them ``inside`` is negative."""

    inside: np.ndarray  # [M] distance to the outline in leaf lengths
    rib: np.ndarray  # [M] 0..1, the middle and side veins
    pick: np.ndarray  # [M] 0..1, the leaf's own
    shade: np.ndarray  # [M] -1..1, one half of the leaf lit and the other not


def _leaf(s: Surface, freq: float, salt: int, lobes: float, size: float = 0.56) -> _Leaf:
    """Leaves lying on the surface, each turned its own way: heart-shaped, or with five lobes.

    ``lobes`` is how deep the bays between the lobes are, 0..1.
    """
    cell = s.cells(freq, salt=salt, at=s.warp(freq * 1.3, 0.05 / freq, salt=salt + 1, octaves=2))
    across, up = s.unrolled(cell.offset)
    cos, sin = np.cos(6.2832 * cell.other), np.sin(6.2832 * cell.other)
    x, y = cos * across + sin * up, cos * up - sin * across
    angle = np.arctan2(y, x + 0.12)
    radius = np.hypot(x + 0.12, y)
    # From the stalk at angle π the outline bulges into lobes and runs to a tip at angle 0.
    wave = np.abs(np.cos(2.5 * angle)) ** 0.8
    outline = (1 - lobes + lobes * wave) * (0.62 + 0.38 * np.cos(0.5 * angle) ** 2)
    outline = size * (0.85 + 0.3 * cell.pick) * outline
    inside = np.minimum(outline - radius, 2 * cell.border)
    spoke = radius * np.abs(np.sin((angle + 0.62832) % 1.25664 - 0.62832))
    middle = np.exp(-np.abs(y) * 26)
    side = np.exp(-(spoke if lobes > 0.2 else np.abs(np.sin(13 * (x - 0.8 * np.abs(y)))) * 0.08) * 34)
    rib = np.maximum(middle, 0.65 * side) * smooth(0.0, 0.06, inside)
    return _Leaf(inside, rib, cell.pick, np.tanh(9 * y))


@material(
    "autumn_leaves",
    "Autumn leaves",
    "autumn, fall leaf, foliage, dry leaf",
    detail_gain=1.2,
    luminance_keep=0.55,
    scale=1.25,
)
def autumn_leaves(s: Surface) -> np.ndarray:
    """Fallen maple leaves in heaps, red through yellow, with ribs, brown edges and shadows beneath."""
    earth = 0.35 + 0.3 * s.fbm(8, 3, salt=51) + 0.5 * s.detail
    colour = ramp(earth, "0 #210a06, 0.5 #5a1c0c, 1 #94401a")
    for layer, freq in enumerate((8.0, 6.8, 5.6, 5.0)):
        leaf = _leaf(s, freq, 52 + 4 * layer, lobes=0.5)
        tone = leaf.pick + 0.14 * s.fbm(7, 3, salt=53) + 0.05 * leaf.shade
        paint = ramp(tone, "0 #6d1210, 0.2 #b3220f, 0.42 #dc5413, 0.62 #eb8d1c, 0.8 #f1bd38, 1 #b99a2e")
        paint = mix(paint, "#4a1a0a", 0.6 * smooth(0.07, 0.0, leaf.inside + 0.03 * s.fbm(20, 2, salt=54)))
        paint = mix(paint, paint * np.array([1.2, 1.15, 0.9], np.float32) + 0.07, 0.8 * leaf.rib)
        paint = shade(paint, 0.96 + 0.14 * leaf.shade)
        colour = shade(colour, 1 - 0.6 * smooth(-0.13, 0.0, leaf.inside))
        colour = mix(colour, paint, smooth(-0.012, 0.012, leaf.inside))
    return shade(colour, 1 + 0.3 * s.detail)


@material(
    "ivy",
    "Ivy",
    "vine, jungle, leafy, leaves, leaf, rainforest, hedge, bush",
    detail_gain=1.2,
    luminance_keep=0.55,
    scale=1.25,
)
def ivy(s: Surface) -> np.ndarray:
    """Dense leaves over one another, dark and glossy or young and light, with pale veins."""
    colour = ramp(0.3 + 0.3 * s.fbm(9, 3, salt=61), "0 #04120a, 0.5 #0c2a12, 1 #1d4a1c")
    for layer, freq in enumerate((8.5, 7.2, 6.2, 5.6)):
        leaf = _leaf(s, freq, 62 + 4 * layer, lobes=0.34)
        tone = 0.06 + 0.13 * layer + 0.5 * leaf.pick + 0.10 * s.fbm(8, 3, salt=63) + 0.4 * s.detail
        paint = ramp(tone, "0 #0c2b12, 0.3 #1b551f, 0.6 #35842c, 0.85 #6fb13f, 1 #b0d46c")
        paint = shade(paint, 1.0 + 0.2 * leaf.shade)
        paint = mix(paint, "#dcedb0", 0.75 * leaf.rib)
        colour = shade(colour, 1 - 0.65 * smooth(-0.13, 0.0, leaf.inside))
        colour = mix(colour, paint, smooth(-0.012, 0.012, leaf.inside))
    return colour


@material(
    "flowers",
    "Flowers",
    "flower, floral, blossom, bloom, petal, daisy, tulip, bouquet, cherry blossom, sakura",
    detail_gain=1.3,
    luminance_keep=0.5,
)
def flowers(s: Surface) -> np.ndarray:
    """Round blossoms with petals and golden hearts on dark leaves."""
    leaf = _leaf(s, 7.0, 71, lobes=0.1)
    ground = ramp(0.35 + 0.3 * s.fbm(7, 3, salt=73) + 0.3 * leaf.rib, "0 #0d2610, 0.5 #2f6a2a, 1 #79a84a")
    colour = shade(ground, 0.45 + 0.6 * smooth(-0.05, 0.1, leaf.inside))
    for layer, freq in enumerate((7.6, 4.8)):
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


@material("coral", "Coral", "reef, coral reef, anemone, brain coral", detail_gain=1.3, luminance_keep=0.55)
def coral(s: Surface) -> np.ndarray:
    """Meandering ridges of a brain coral, rose on orange, with pores and pale crests."""
    q = s.warp(3.2, 0.07, salt=81)
    maze = s.fbm(9, 2, salt=82, at=q)
    wave = np.abs(np.sin(4.2 * maze))
    light = s.lit(lambda t: np.abs(np.sin(4.2 * t.fbm(9, 2, salt=82, at=t.warp(3.2, 0.07, salt=81)))), 0.012)
    pore = s.cells(46, salt=83)
    tone = 0.10 + 0.62 * wave + 0.28 * light + 0.10 * s.fbm(3, 3, salt=84) + 0.6 * s.detail
    colour = ramp(tone, "0 #5f1227, 0.3 #c23c45, 0.55 #f0735f, 0.8 #fbac8e, 1 #fce3d2")
    colour = mix(
        colour, colour * np.array([0.95, 0.7, 1.25], np.float32), smooth(-0.1, 0.7, s.fbm(2, 3, salt=85))
    )
    return shade(colour, 1 - 0.4 * smooth(0.26, 0.12, pore.distance) * (pore.pick > 0.4))
