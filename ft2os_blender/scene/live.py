"""Which objects have a look that grows while a job runs; display and renderer read it here.

A growing look is on the screen and nowhere else; ``growing`` puts it there and takes it off.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np


@dataclass(frozen=True)
class Growing:
    """A look that is being made.

    Parameters
    ----------
    path : str
        The worker's file of it, for the rendered viewport.
    shown : ndarray, [N, 4]
        Colours of the object's points, see ``display.mean_colours``.
    """

    path: str
    shown: np.ndarray


by_uid: dict[int, Growing] = {}  # by the object's session_uid


def of(obj: bpy.types.Object) -> Growing | None:
    """The look that grows on an object; None without one, or where points were added or deleted since."""
    growing = by_uid.get(obj.original.session_uid)
    return growing if growing is not None and len(growing.shown) == len(obj.data.points) else None
