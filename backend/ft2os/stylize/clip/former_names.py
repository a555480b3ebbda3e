"""Names of version 0.1.0 in checkpoints, so that a run which it broke off goes on.

A checkpoint's digest is of the settings by their former names, and stays that: whoever changes a name here
makes every unfinished run foreign. What a checkpoint holds is written by present names and read by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

_SETTINGS = {
    "scene_camera_share": "given",
    "max_split_scale": "largest",
    "luminance_keep": "keep",
    "surface_views": "survey_views",
    "surface_pixels": "survey_pixels",
    "structure": "form",
}
_PRESETS = {"paper": "seed"}
_TENSORS = {
    "shape/pull": "shape/screen_gradients",
    **{
        f"{stage}/own{moment}": f"{stage}/offsets{moment}"
        for stage in ("colours", "finish")
        for moment in ("", "_exp_avg", "_exp_avg_sq")
    },
}
_TERMS = {"form": "structure"}
_START = {"keep": "luminance_keep"}


def settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their former names."""
    return _renamed(values, _SETTINGS)


def preset(name: str) -> str:
    """The former name of a preset."""
    return _PRESETS.get(name, name)


def present(
    tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A checkpoint's tensors and facts by present names, whichever they were written by."""
    facts = dict(facts)
    for name, names in (("terms", _TERMS), ("choice", _START)):
        if name in facts:
            facts[name] = _renamed(facts[name], names)
    return _renamed(tensors, _TENSORS), facts


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in values.items()}
