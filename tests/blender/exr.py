"""Reads uncompressed OpenEXR files: Blender itself shows no pixels of a pass to Python."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np


def read_exr(path: Path) -> dict[str, np.ndarray]:
    """Channels by name, float32 [H, W], top row first."""
    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 20000630
    at, header = 8, {}
    while data[at]:
        name, at = _text(data, at)
        _, at = _text(data, at)
        (size,) = struct.unpack_from("<i", data, at)
        header[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    at += 1
    assert header["compression"] == b"\0"
    x0, y0, x1, y1 = struct.unpack("<4i", header["dataWindow"])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    kinds = _channels(header["channels"])
    line = np.dtype([(name, kind, (width,)) for name, kind in kinds])
    offsets = struct.unpack_from(f"<{height}q", data, at)
    rows = np.concatenate([np.frombuffer(data, line, 1, offset + 8) for offset in offsets])
    return {name: rows[name].astype(np.float32) for name, _ in kinds}


def _channels(block: bytes) -> list[tuple[str, str]]:
    at, found = 0, []
    while block[at]:
        name, at = _text(block, at)
        found.append((name, ("<u4", "<f2", "<f4")[struct.unpack_from("<i", block, at)[0]]))
        at += 16
    return found


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1
