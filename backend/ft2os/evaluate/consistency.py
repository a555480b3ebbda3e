"""View consistency: whether the object keeps its colours as the camera moves.

Each view gets a neighbour, the same camera turned a few degrees about the object. The neighbour's picture is
warped into the view by the depth of either (and the other way round), pixels that the other camera cannot see
are left out, and colours are compared, before and after. A capture's own highlights change with the view too,
so only what AFTER has beyond BEFORE speaks against a look. The warping itself costs a little: the same with
colours that cannot depend on the view gives that floor. Compare Lai et al., "Learning blind video temporal
consistency", 2018, where the warped difference comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from ft2os.cameras import Camera
from ft2os.evaluate.views import WINDOW, Tick, draw
from ft2os.gaussians import Gaussians
from ft2os.stylize.framing import crop_to_object

TURN_DEG = 8.0
_SOLID = 0.95  # alpha from which a pixel's colour and depth are the object's own
_SAME_SURFACE = 0.02  # of the object's size: a warped depth farther off than this is another surface
_BLUR = 1.0  # pixels; both sides are blurred alike, or resampling would look like a change


def measure(before: Gaussians, after: Gaussians, cameras: Sequence[Camera], tick: Tick) -> dict[str, object]:
    """Mean absolute difference of colours, in 0..1, between views and their warped neighbours.

    Parameters
    ----------
    before, after : Gaussians
        The object alone.
    cameras : sequence of Camera

    Returns
    -------
    dict
        ``before``, ``after``; ``excess``: after − before; ``floor_before``, ``floor_after``: the same with
        colours of degree 0; ``pairs``, ``turn_deg``; ``reason`` where nothing could be compared.
    """
    size = float(np.linalg.norm(np.ptp(np.percentile(before.means, [2, 98], axis=0), axis=0))) or 1e-6
    centre = np.median(before.means, axis=0)
    kinds = {"before": before, "after": after, "floor_before": _flat(before), "floor_after": _flat(after)}
    sums: dict[str, list[float]] = {name: [] for name in kinds}
    for i, camera in enumerate(cameras):
        tick("comparing neighbours", i, len(cameras))
        one, other = (crop_to_object(before, c, WINDOW) for c in (camera, turned(camera, centre)))
        if one is None or other is None:
            continue
        errors = {name: _both_ways(g, one, other, _SAME_SURFACE * size) for name, g in kinds.items()}
        measured = {name: error for name, error in errors.items() if error is not None}
        if len(measured) == len(kinds):
            for name, error in measured.items():
                sums[name].append(error)
    means = {name: float(np.mean(values)) if values else None for name, values in sums.items()}
    pairs = len(sums["before"])
    return {
        **means,
        "excess": float(np.mean(sums["after"]) - np.mean(sums["before"])) if pairs else None,
        "pairs": pairs,
        "turn_deg": TURN_DEG,
        "reason": None if pairs else "no view shows enough of the object to compare it with a neighbour",
    }


def turned(camera: Camera, centre: np.ndarray, degrees: float = TURN_DEG) -> Camera:
    """The camera moved around ``centre`` about its own upright axis, still looking the same way at it."""
    angle = np.radians(degrees)
    turn = np.eye(4)
    turn[[0, 0, 2, 2], [0, 2, 0, 2]] = np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
    at = camera.viewmat[:3, :3].astype(np.float64) @ centre + camera.viewmat[:3, 3]
    turn[:3, 3] = at - turn[:3, :3] @ at  # in camera space the centre stays where it is
    return replace(camera, viewmat=(turn @ camera.viewmat).astype(np.float32))


def _both_ways(g: Gaussians, one: Camera, other: Camera, tolerance: float) -> float | None:
    pictures = [_seen(g, camera) for camera in (one, other)]
    there = warped_difference(pictures[0], one, pictures[1], other, tolerance)
    back = warped_difference(pictures[1], other, pictures[0], one, tolerance)
    differences = np.concatenate([there, back])
    return float(differences.mean()) if len(differences) else None


def _seen(g: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The object's own colours without the background that shines through, slightly blurred; alpha; depth."""
    rgb, alpha, depth = draw(g, camera)
    share = gaussian_filter(alpha, _BLUR)[..., None]
    return gaussian_filter(rgb, (_BLUR, _BLUR, 0)) / np.maximum(share, 1e-3), alpha, depth


def warped_difference(
    picture: tuple[np.ndarray, np.ndarray, np.ndarray],
    camera: Camera,
    neighbour: tuple[np.ndarray, np.ndarray, np.ndarray],
    its_camera: Camera,
    tolerance: float,
) -> np.ndarray:
    """|colour − colour that the neighbour has there|, of the pixels that both cameras see.

    Parameters
    ----------
    picture, neighbour : tuple of ndarray
        Picture [H, W, 3], alpha [H, W] and depth [H, W] of each.
    tolerance : float
        Scene units by which depths may disagree on what is still the same surface.

    Returns
    -------
    ndarray, [P]
        The mean over the channels, one for each pixel that could be compared.
    """
    rgb, alpha, depth = picture
    y, x = np.nonzero(alpha > _SOLID)
    z = depth[y, x].astype(np.float64)
    u, v, reached = _into(camera, its_camera, x + 0.5, y + 0.5, z)
    inside = (reached > 0) & (u >= 0) & (v >= 0) & (u <= its_camera.width - 1) & (v <= its_camera.height - 1)
    y, x, u, v, reached = y[inside], x[inside], u[inside], v[inside], reached[inside]
    planes = (*np.moveaxis(neighbour[0], 2, 0), *neighbour[1:])
    sample = [map_coordinates(plane, [v, u], order=1) for plane in planes]
    seen = (sample[3] > _SOLID) & (np.abs(sample[4] - reached) < tolerance)
    return np.abs(rgb[y, x] - np.stack(sample[:3], axis=1))[seen].mean(axis=1)


def _into(
    camera: Camera, other: Camera, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Array positions (u, v) and depth in ``other`` of pixels (x, y) with depth z in ``camera``.  each [P]"""
    K, to = camera.K.astype(np.float64), other.K.astype(np.float64)
    local = np.stack([(x - K[0, 2]) / K[0, 0] * z, (y - K[1, 2]) / K[1, 1] * z, z, np.ones_like(z)])
    there = other.viewmat.astype(np.float64) @ np.linalg.inv(camera.viewmat.astype(np.float64)) @ local
    depth = np.where(there[2] > 1e-6, there[2], -1.0)
    return to[0, 0] * there[0] / depth + to[0, 2] - 0.5, to[1, 1] * there[1] / depth + to[1, 2] - 0.5, depth


def _flat(g: Gaussians) -> Gaussians:
    """The same with colours of degree 0, which no view changes."""
    return g.replace(sh=np.ascontiguousarray(g.sh[:, :1]))
