"""A contact sheet of all materials: ``python -m ft2os.materials.sheet OUT.png [NAME ...]``.

Each tile shows a ball with a face and panel lines as luminance detail, lit flat, so that one sees the
material itself and whether the face survives it.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import numpy as np

from ft2os.colour import to_uint8
from ft2os.files import replacing
from ft2os.materials import MATERIALS, Material

log = logging.getLogger(__name__)


def ball(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Surface points [M, 3] and detail [M] of the visible half of a ball, and its mask [size, size]."""
    v, u = (np.mgrid[0:size, 0:size] + 0.5) / size * 2 - 1
    u, v = u * 1.04, v * 1.04
    mask = u * u + v * v < 1
    z = -np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    points = np.stack([u, v, z], -1)[mask] * 0.5
    x, y = u[mask], v[mask]
    eyes = np.exp(-((((np.abs(x) - 0.3) / 0.09) ** 2 + ((y + 0.15) / 0.12) ** 2) ** 2))
    mouth = np.exp(-(((np.hypot(x, y - 0.05) - 0.36) / 0.045) ** 2)) * (y > 0.22)
    panel = np.exp(-(((np.hypot(x, y) - 0.82) / 0.02) ** 2))
    shine = np.exp(-(((x + 0.35) / 0.2) ** 2 + ((y + 0.55) / 0.12) ** 2))
    detail = 0.25 * shine - 0.45 * np.clip(eyes + mouth, 0, 1) - 0.25 * panel
    return points.astype(np.float32), detail.astype(np.float32), mask


def tile(material: Material, size: int = 224, seed: int = 0, detail_gain: float = 1.0) -> np.ndarray:
    """Picture [size, size, 3] of one material, float32, on mid grey."""
    points, detail, mask = ball(size)
    picture = np.full((size, size, 3), 0.42, np.float32)
    picture[mask] = material.colour(points, 0.5 - points[:, 1], detail * detail_gain, seed=seed)
    return picture


def sheet(names: list[str], columns: int = 7, size: int = 224) -> np.ndarray:
    """Tiles side by side, [rows * size, columns * size, 3] uint8, names in the order given."""
    rows = -(-len(names) // columns)
    page = np.full((rows * size, columns * size, 3), 0.42, np.float32)
    for k, name in enumerate(names):
        start = time.perf_counter()
        r, c = divmod(k, columns)
        page[r * size : (r + 1) * size, c * size : (c + 1) * size] = tile(MATERIALS[name], size)
        log.info("%-14s %.0f ms", name, 1000 * (time.perf_counter() - start))
    return to_uint8(page)


def main(arguments: list[str]) -> None:
    """Write the sheet; extra arguments choose materials."""
    from PIL import Image, ImageDraw

    out, names = Path(arguments[0]), arguments[1:] or list(MATERIALS)
    size, columns = 224, min(7, len(names))
    image = Image.fromarray(sheet(names, columns, size))
    pen = ImageDraw.Draw(image)
    for k, name in enumerate(names):
        r, c = divmod(k, columns)
        pen.text((c * size + 4, r * size + 2), name, fill=(255, 255, 255))
    with replacing(out) as temporary:
        image.save(temporary, format="PNG")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
