"""Opacity and its logit, in numpy and in the precision of what comes in.

Formats count in float64 (``formats.columns``), looks and the colour solve in float32: their results are kept
to the bit, so the precision is the caller's choice.
"""

from __future__ import annotations

import numpy as np

MARGIN = 1e-6  # opacities this near to 0 and 1 have no logit that float32 could hold apart


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Opacities of logits of any shape."""
    return 1.0 / (1.0 + np.exp(-logits))


def logit(opacities: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Logits of opacities of any shape, which are first held within ``margin`` of 0 and 1."""
    held = np.clip(opacities, margin, 1 - margin)
    return np.log(held / (1.0 - held))
