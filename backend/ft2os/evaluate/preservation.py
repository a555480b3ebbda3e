"""Preservation: whether the object keeps its shape, details and outline under the new look. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft2os.colour import LUMA
from ft2os.evaluate.views import Drawn
from ft2os.stylize.measure import CLIPPED, luminance_ssim

SOLID = 0.5  # alpha from which a pixel is the object's: its outline
INNER = 0.9  # alpha from which a pixel shows nothing but the object


def measure(windows: Sequence[Drawn]) -> dict[str, float | str | None]:
    """Over windows of the object alone.

    Returns
    -------
    dict
        ``depth_change``: mean of |after − before| / before of the expected depth, where both show the
        object; ``depth_change_of_size``: the same shift over the object's own breadth, since a far camera
        makes any change small beside the distance; ``outline_iou``: overlap of both outlines over their
        union; ``luminance_ssim``: structural similarity of the brightness (Wang et al. 2004).
    """
    relative, of_size, ssim, overlap, union = [], [], [], 0, 0
    for d in windows:
        solid_a, solid_b = d.covered_before > SOLID, d.covered_after > SOLID
        overlap += int((solid_a & solid_b).sum())
        union += int((solid_a | solid_b).sum())
        inner = (d.covered_before > INNER) & (d.covered_after > INNER)
        if not inner.any():
            continue
        before, after = d.depth_before[inner].astype(np.float64), d.depth_after[inner].astype(np.float64)
        shift = np.abs(after - before)
        breadth = _breadth(solid_a, float(np.median(before)), d.camera.K)
        relative.append(float((shift / before).mean()))
        of_size.append(float(shift.mean() / breadth))
        ssim.append(float(luminance_ssim(d.before @ LUMA, d.after @ LUMA)[inner].mean()))
    return {
        "depth_change": _mean(relative),
        "depth_change_of_size": _mean(of_size),
        "outline_iou": overlap / union if union else None,
        "luminance_ssim": _mean(ssim),
        "reason": None if relative else "no view shows the object well enough",
    }


def clipped(windows: Sequence[Drawn]) -> dict[str, dict[str, float | None]]:
    """Shares of the object's pixels at the brightest value a screen has.

    Returns
    -------
    dict
        ``white``: all channels there, so that nothing is left to see; ``any``: at least one; each with
        ``before`` and ``after``.
    """
    shares: dict[str, dict[str, float | None]] = {"white": {}, "any": {}}
    for when in ("before", "after"):
        pixels = [getattr(d, when)[getattr(d, f"covered_{when}") > INNER] for d in windows]
        at_top = np.concatenate(pixels or [np.zeros((0, 3))]) >= CLIPPED
        shares["white"][when] = float(at_top.all(axis=1).mean()) if len(at_top) else None
        shares["any"][when] = float(at_top.any(axis=1).mean()) if len(at_top) else None
    return shares


def _breadth(mask: np.ndarray, depth: float, K: np.ndarray) -> float:
    """The object's longer visible side in scene units, from its box in the picture."""
    rows, columns = np.nonzero(mask)
    return depth * max(float(np.ptp(columns) + 1) / K[0, 0], float(np.ptp(rows) + 1) / K[1, 1])


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
