"""Curves of a run as inline SVG, small ones side by side, each with its own range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ft2os.evaluate.words import markup

_WIDTH, _HEIGHT = 320, 120
_POINTS = 320


def curve(name: str, values: Sequence[float]) -> str:
    """One curve as a figure: where it starts, where it ends, and how it got there.

    Long runs are thinned by averaging neighbours; the raw ones lie faintly behind.
    """
    raw = np.asarray(values, np.float64)
    smooth = _smoothed(raw)
    low, high = float(raw.min()), float(raw.max())
    behind = f'<polyline class="raw" points="{_points(raw, low, high)}"/>'
    line = f'<polyline points="{_points(smooth, low, high)}"/>'
    label = f"{name}: {len(raw):,} steps, from {smooth[0]:.4g} to {smooth[-1]:.4g}"
    return (
        f'<figure class="curve"><figcaption><b>{markup(name)}</b> '
        f"<span>{smooth[0]:.4g} → {smooth[-1]:.4g}</span></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{markup(label)}">'
        f"{behind}{line}</svg>"
        f'<div class="ends"><span>1</span><span>{len(raw):,} steps</span></div></figure>'
    )


def _smoothed(values: np.ndarray) -> np.ndarray:
    """A running mean over a fiftieth of the run, narrower at its ends."""
    reach = len(values) // 100
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    left, right = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(values))
    return (total[right] - total[left]) / (right - left)


def _points(values: np.ndarray, low: float, high: float) -> str:
    """The curve's corners, at most `_POINTS`, in the picture's units."""
    parts = np.array_split(values, min(len(values), _POINTS))
    thinned = np.array([part.mean() for part in parts])
    x = np.linspace(2, _WIDTH - 2, len(thinned)) if len(thinned) > 1 else np.array([_WIDTH / 2])
    y = _HEIGHT - 6 - (_HEIGHT - 12) * (thinned - low) / max(high - low, 1e-30)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
