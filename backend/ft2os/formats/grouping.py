"""Gaussian Grouping: from identity features to group ids, and the files of its output folder.

A 1×1 convolution turns 16 identity values into class logits; a Gaussian belongs to the likeliest class if
that one has more than 95 % (Ye et al., "Gaussian Grouping", ECCV 2024), else to none.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np

from ft2os import budget
from ft2os.errors import FileError
from ft2os.files import brief, read_bytes
from ft2os.formats import torch_file
from ft2os.formats.scene import UNASSIGNED
from ft2os.pieces import Beat, no_beat

NAME = "gaussian-grouping"  # what a scene of its PLY calls its format
TITLE = "Gaussian Grouping PLY"
CONFIDENCE = 0.95
_FEATURES = 16
_LOGITS = 1 << 22  # at once: 16 MB


def classify(identity: np.ndarray, weight: np.ndarray, bias: np.ndarray, beat: Beat = no_beat) -> np.ndarray:
    """Group id of each Gaussian, −1 below `CONFIDENCE`.

    Parameters
    ----------
    identity : ndarray, float32, [N, 16]
    weight : ndarray, float32, [C, 16]
    bias : ndarray, float32, [C]
    beat : callable, optional
        Called all the while; what it raises ends the work.

    Returns
    -------
    ndarray, int32, [N]
    """
    group = np.empty(len(identity), np.int32)
    step = max(1, _LOGITS // len(bias))
    for start in range(0, len(identity), step):
        beat()
        rows = slice(start, start + step)
        with np.errstate(over="ignore", invalid="ignore"):  # a share of NaN is no confidence
            logits = identity[rows] @ weight.T + bias
            best = logits.argmax(axis=1)
            # The best class's softmax is 1 / Σ exp(logit − best logit).
            share = 1.0 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
        group[rows] = np.where(share > CONFIDENCE, best, UNASSIGNED)
    return group


def read_classifier(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """``weight`` [C, 16] and ``bias`` [C] of a ``classifier.pth``.

    Raises
    ------
    FileError
        If the file holds anything but such a state_dict.
    """
    state = torch_file.read_tensors(path, ("weight", "bias"))
    weight, bias = state.get("weight"), state.get("bias")
    if (
        weight is None
        or bias is None
        or not 0 < bias.size <= budget.MOST_CLASSES
        or weight.size != bias.size * _FEATURES
        or weight.shape[:2] != (bias.size, _FEATURES)
    ):
        raise FileError(
            f"{path.name} is not Gaussian Grouping's classifier.",
            "Remove it to open the scene without groups, or copy the right one here.",
        )
    weight = weight.reshape(bias.size, _FEATURES).astype(np.float32)
    bias = bias.reshape(-1).astype(np.float32)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise FileError(f"{path.name} holds NaN or infinite values.", "Copy the classifier here again.")
    return weight, bias


def read_cfg_args(path: Path) -> dict[str, object]:
    """The settings in a ``cfg_args`` file: the text of a Python ``Namespace(...)``, parsed, never evaluated.

    Raises
    ------
    FileError
        If it is anything else.
    """
    try:
        text = read_bytes(path, budget.MOST_SETTINGS).decode("utf-8")
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "Namespace":
            raise ValueError("it is not a Namespace(...)")
        if call.args or any(k.arg is None for k in call.keywords):
            raise ValueError("it has values without names")
        return {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg is not None}
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise FileError(f"{path} cannot be understood: {brief(error)}.", "Mend or remove it.") from error
