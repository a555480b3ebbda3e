"""What goes into a stylization and what comes out of it: the request, the progress, the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os import prompts
from ft2os.errors import RequestError

if TYPE_CHECKING:  # the command line and the panel read the methods at their start, and need none of these
    from ft2os.cameras.camera import Camera
    from ft2os.gaussians import Gaussians
    from ft2os.looks import Look

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
        May be empty where the method does without words.
    object_name : str, optional
        The object's own noun, which says nothing of the material ("truck with flames").
    method : str
        A key of `ft2os.stylize.methods.METHODS`.
    preset : str
        One that the method has.
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
        If the prompt is too long or no text, the object has no Gaussians, or their values are no numbers.
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
        prompts.checked(self.prompt)
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
    """True where a Gaussian's values make no sense: Blender's attributes may hold anything.  [N] bool"""
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
        Makes the result as it is now. It takes a while, so it is called only to show a growing look.
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
