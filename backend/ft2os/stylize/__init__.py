"""Stylization: an object's Gaussians and a prompt go in, a look comes out.

This module is the door: the request, the result, the progress, and which method serves it. The methods are
imported when they are asked for: ``material`` needs numba, ``clip`` needs torch.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ft2os import prompts
from ft2os.cameras.camera import Camera
from ft2os.errors import RequestError
from ft2os.gaussians import Gaussians
from ft2os.looks import Look
from ft2os.stylize import patience, units

METHODS = {
    "material": "ft2os.stylize.material",
    "clip": "ft2os.stylize.clip",
    "image": "ft2os.stylize.image",
}
PRESETS = ("draft", "standard", "high")  # of every method; ``clip`` has the paper's too, ``seed``
MAX_SEED = 2**31 - 1  # what Blender's integers and the kernels' hashes hold


@dataclass(frozen=True)
class StylizeRequest:
    """What to do to which object.

    Parameters
    ----------
    target : Gaussians
        The object alone.
    context : Gaussians, optional
        The rest of the scene. Only ``clip`` with geometry looks at it, to keep off it; colours never do.
    prompt : str
        May be empty where there is a style image.
    object_name : str, optional
        The object's own noun, which says nothing of the material ("truck with flames").
    method : str
        A key of `METHODS`.
    preset : str
        One of `PRESETS`, or another that the method has.
    seed : int
    overrides : dict
        Settings of the method by name.
    cameras : list of Camera, optional
        The scene's own cameras. ``clip`` judges from those that see the object (from an orbit without any);
        the others ignore them and look from rings of their own, since a texture goes all around.
    style_image : Path, optional
        A picture whose style the object should take.
    checkpoint : Path, optional
        Where a long run keeps its state as it goes, so that it can go on after a crash or a cancel. The file
        is gone once the run has ended well.
    resume : bool
        Go on from ``checkpoint``, if it is there; the same run to the bit as one that was never broken off.

    Raises
    ------
    RequestError
        If there is neither a prompt nor a style image, the prompt is too long or no text, the object has no
        Gaussians, or their values are no numbers.
    """

    target: Gaussians
    prompt: str
    context: Gaussians | None = None
    object_name: str | None = None
    method: str = "material"
    preset: str = "standard"
    seed: int = 0
    overrides: dict = field(default_factory=dict)
    cameras: list[Camera] | None = None
    style_image: Path | None = None
    checkpoint: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if not prompts.checked(self.prompt) and self.style_image is None:
            raise RequestError(
                "The prompt is empty.", "Say what the object should become, for example: lava."
            )
        if not len(self.target):
            raise RequestError("The object has no Gaussians.", "Choose another group.")
        for gaussians, whose in ((self.target, "the object's"), (self.context, "the surroundings'")):
            bad = 0 if gaussians is None else int(_unusable(gaussians).sum())
            if bad:
                raise RequestError(
                    f"{bad:,} of {whose} Gaussians hold no usable number (NaN, infinite, a negative size, "
                    "an opacity beyond 0 to 1) or no rotation.",
                    "Delete those points, or import the file again.",
                )


def _unusable(gaussians: Gaussians) -> np.ndarray:
    """True where a Gaussian is none: Blender's attributes may hold anything.  [N] bool"""
    opacities = gaussians.opacities
    return gaussians.invalid() | (opacities < 0) | (opacities > 1) | (gaussians.scales < 0).any(axis=1)


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Parameters
    ----------
    stage : str
    step, total : int
    eta_s : float, optional
        Seconds that remain.
    loss : float, optional
    preview : ndarray, uint8, [H, W, 3], optional
    metrics : dict
        The terms of the loss by name.
    partial : callable, optional
        Makes the result as it is now; dear, so only for who wants the colours of a preview.
    """

    stage: str
    step: int
    total: int
    eta_s: float | None = None
    loss: float | None = None
    preview: np.ndarray | None = None
    metrics: dict = field(default_factory=dict)
    partial: Callable[[], StylizeResult] | None = None


@dataclass(frozen=True)
class StylizeResult:
    """The look and the figures of the run."""

    look: Look
    stats: dict


def stylize(
    request: StylizeRequest,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StylizeResult:
    """Make a look.

    Parameters
    ----------
    request : StylizeRequest
    progress : callable, optional
        Called at every step.
    cancelled : callable, optional
        FormRequest at every step.

    Raises
    ------
    RequestError
        If the method, its preset or one of its settings does not exist.
    UnknownPromptError
        If the prompt names no material, for the method ``material``.
    MissingError
        If packages or weights that the method needs are not on this machine.
    CancelledError
        With the partial result, if there is one.
    """
    if request.method not in METHODS:
        raise RequestError(
            f"There is no method {request.method!r}.", f"Choose one of {', '.join(sorted(METHODS))}."
        )
    if not 0 <= request.seed <= MAX_SEED:
        raise RequestError(
            f"The seed {request.seed} is out of range.", f"Use a whole number from 0 to {MAX_SEED}."
        )
    name = METHODS[request.method]
    method = patience.until_cancelled(lambda: importlib.import_module(name), cancelled)
    try:
        return units.in_own_units(method.run, request, progress, cancelled)
    finally:
        # A run's parts refer to one another, and so its pictures, hundreds of megabytes, would stay until
        # Python looks for such circles by itself.
        gc.collect()
