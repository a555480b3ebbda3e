"""Colours for materials: palettes blended in OKLab, and the few mixing helpers that all materials share."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_STEPS = 1024

# Björn Ottosson, "A perceptual color space for image processing" (2020): linear sRGB -> LMS -> OKLab.
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def rgb(code: str) -> np.ndarray:
    """Turn a hexadecimal colour such as ``"#ff8800"`` into display-referred floats, [3]."""
    value = int(code.lstrip("#"), 16)
    return np.array([value >> 16 & 255, value >> 8 & 255, value & 255], np.float32) / 255


def _to_lab(colour: np.ndarray) -> np.ndarray:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _LMS.T) @ _LAB.T


def _from_lab(lab: np.ndarray) -> np.ndarray:
    linear = np.clip((lab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=256)
def _table(stops: str) -> np.ndarray:
    pairs = [stop.split() for stop in stops.split(",")]
    at = np.array([float(position) for position, _ in pairs])
    lab = _to_lab(np.stack([rgb(code) for _, code in pairs]).astype(np.float64))
    steps = np.linspace(0, 1, _STEPS)
    table = _from_lab(np.stack([np.interp(steps, at, lab[:, k]) for k in range(3)], 1)).astype(np.float32)
    table.setflags(write=False)
    return table


def ramp(t: np.ndarray, stops: str) -> np.ndarray:
    """Look values up in a palette, blended in OKLab so that no step looks muddy.

    Parameters
    ----------
    t : ndarray, [M]
        Clamped to 0..1.
    stops : str
        Ascending positions and hexadecimal colours, such as ``"0 #000000, 0.4 #cc2200, 1 #ffee88"``.

    Returns
    -------
    ndarray, float32, [M, 3]
    """
    return _table(stops)[(np.clip(t, 0, 1) * (_STEPS - 1)).astype(np.int32)]


def smooth(low: float | np.ndarray, high: float | np.ndarray, x: np.ndarray) -> np.ndarray:
    """Hermite step from 0 at `low` to 1 at `high` (`low` may be the larger)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: np.ndarray, b: np.ndarray | str, t: np.ndarray) -> np.ndarray:
    """Blend colours `a` [M, 3] towards `b` ([M, 3] or a hexadecimal colour) by `t` [M], clamped to 0..1."""
    target = rgb(b) if isinstance(b, str) else b
    return a + (target - a) * np.clip(t, 0, 1)[:, None].astype(np.float32)


def shade(colour: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Multiply colours [M, 3] by a luminance factor [M] that is never negative."""
    return colour * np.maximum(gain, 0).astype(np.float32)[:, None]


def shoulder(colour: np.ndarray) -> np.ndarray:
    """Bend each channel smoothly into 0.012..0.975 so that no highlight blows out and no shadow drowns."""
    knee, top, floor = 0.82, 0.975, 0.012
    over = np.maximum(colour - knee, 0)
    room = top - knee
    high = np.minimum(colour, knee) + room * over / (over + room)
    return np.where(high < 0.05, floor + np.maximum(high, 0) * ((0.05 - floor) / 0.05), high).astype(
        np.float32
    )
