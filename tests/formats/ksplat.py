"""A writer of .ksplat for the tests: three levels, full and part-filled buckets, empty sections."""

from __future__ import annotations

import struct

import numpy as np

from ft2os.gaussians import Gaussians

CAPACITY = 64
BLOCK = 5.0  # side of a bucket's block, world units
STEPS = 32767
LOW, HIGH = -1.25, 1.5  # of the bands' bytes


def encode(gaussians: Gaussians, level: int) -> bytes:
    """A file of one used section of two; the last bucket is part-filled."""
    n, degree = len(gaussians), gaussians.degree
    full, rest = divmod(n, CAPACITY)
    buckets = full + (rest > 0)
    head = bytearray(4096)
    head[0:2] = 0, 1
    struct.pack_into("<5I", head, 4, 2, 1, n, n, level)
    struct.pack_into("<2f", head, 36, LOW, HIGH)
    section = bytearray(2 * 1024)
    struct.pack_into("<4If", section, 0, n, n, CAPACITY, buckets, BLOCK)
    struct.pack_into("<H", section, 20, 12)
    struct.pack_into("<I", section, 24, STEPS if level else 1)
    struct.pack_into("<2I", section, 32, full, int(rest > 0))
    struct.pack_into("<H", section, 40, degree)
    bucket = np.arange(n) // CAPACITY
    centres = np.array([gaussians.means[bucket == b].mean(axis=0) for b in range(buckets)], "<f4")
    body = [struct.pack("<I", rest)] if rest else []
    body += [centres.tobytes(), _rows(gaussians, level, centres[bucket]).tobytes()]
    return bytes(head) + bytes(section) + b"".join(body)


def _rows(g: Gaussians, level: int, centres: np.ndarray) -> np.ndarray:
    number = "<f4" if level == 0 else "<f2"
    place = "<f4" if level == 0 else "<u2"
    width = 3 * (g.sh.shape[1] - 1)
    band = {0: "<f4", 1: "<f2", 2: "u1"}[level]
    rows = np.empty(
        len(g),
        [("p", place, 3), ("s", number, 3), ("r", number, 4), ("c", "u1", 4), ("b", band, width)],
    )
    rows["p"] = g.means if level == 0 else np.rint((g.means - centres) / (BLOCK / 2 / STEPS) + STEPS)
    rows["s"], rows["r"] = g.scales, g.quats
    rows["c"][:, :3] = np.clip(np.rint(g.base_colours * 255), 0, 255)
    rows["c"][:, 3] = np.rint(g.opacities * 255)
    bands = [
        g.sh[:, d * d : (d + 1) ** 2].transpose(0, 2, 1).reshape(len(g), -1) for d in range(1, g.degree + 1)
    ]
    flat = np.concatenate(bands, axis=1) if bands else np.empty((len(g), 0))
    rows["b"] = np.rint((flat - LOW) / (HIGH - LOW) * 255) if level == 2 else flat
    return rows
