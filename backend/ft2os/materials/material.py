"""The `Material` type and the registry that the families fill as they are imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ft2os.errors import RequestError
from ft2os.materials.palette import shade, shoulder
from ft2os.materials.surface import Surface

_BRIGHTEST = np.float32(0.28)  # where bright detail levels off

Paint = Callable[[Surface], np.ndarray]

MATERIALS: dict[str, Material] = {}


@dataclass(frozen=True)
class Material:
    """A solid texture with a name.

    Parameters
    ----------
    name : str
        Key in `MATERIALS`; lower case.
    title : str
        What the interface shows.
    words : tuple of str
        Other names, singular and lower case; those with a blank match as phrases.
    paint : callable
        ``Surface -> [M, 3]`` display-referred colours; may leave 0..1, `colour` bends them back.
    detail_gain : float
        How strongly the object's luminance detail modulates the finished colour (1: one to one).
    luminance_keep : float
        Share of the object's luminance structure that has to stay readable, 0..1, for whoever stylizes.
    emissive : bool
        Whether the material glows: its bright parts are not shaded by the object's shadows.
    scale : float
        Pattern size that suits most objects; multiplies the `scale` given to `colour`.
    """

    name: str
    title: str
    words: tuple[str, ...]
    paint: Paint
    detail_gain: float
    luminance_keep: float
    emissive: bool
    scale: float

    def colour(
        self,
        points: np.ndarray,  # [M, 3]
        height: np.ndarray,  # [M]
        detail: np.ndarray,  # [M]
        *,
        seed: int = 0,
        scale: float = 1.0,
        normals: np.ndarray | None = None,  # [M, 3]
    ) -> np.ndarray:  # [M, 3]
        """Colours of surface points; the same arguments give the same bits.

        Parameters
        ----------
        points : ndarray, [M, 3]
            Object units: centred, largest extent 1, y down.
        height : ndarray, [M]
            0 at the bottom, 1 at the top.
        detail : ndarray, [M]
            Signed luminance detail of the object, about -0.5..0.5.
        seed : int
        scale : float
            Pattern size; 2 makes everything twice as large.
        normals : ndarray, [M, 3], optional
            Unit outward normals. Without them directions from the object's centre stand in.

        Returns
        -------
        ndarray, float32, [M, 3]
            Display-referred, within 0.012..0.975: nothing is clipped.

        Raises
        ------
        RequestError
            If shapes disagree or the scale is not a positive number.
        """
        points = np.asarray(points, np.float32)
        height, detail = np.asarray(height, np.float32), np.asarray(detail, np.float32)
        if points.ndim != 2 or points.shape[1] != 3 or not (height.shape == detail.shape == points.shape[:1]):
            raise RequestError(
                f"Points {points.shape}, height {height.shape}, detail {detail.shape} disagree.",
                "Give points as [M, 3] and the others as [M].",
            )
        if not scale > 0:
            raise RequestError(f"A pattern cannot have the size {scale}.", "Give a positive scale.")
        if normals is None:
            normals = points / (np.linalg.norm(points, axis=1, keepdims=True) + 1e-6)
        # Highlights are compressed: what is white in the original would bleach every palette to its end.
        detail = np.where(detail > 0, _BRIGHTEST * np.tanh(detail / _BRIGHTEST), np.maximum(detail, -0.6))
        surface = Surface(
            points / np.float32(scale * self.scale), height, detail, np.asarray(normals, np.float32), seed
        )
        painted = np.asarray(self.paint(surface), np.float32)
        return shoulder(shade(painted, np.exp(1.2 * self.detail_gain * detail)))


def material(
    name: str,
    title: str,
    words: str,
    *,
    detail_gain: float = 0.8,
    luminance_keep: float = 0.5,
    emissive: bool = False,
    scale: float = 1.0,
) -> Callable[[Paint], Paint]:
    """Register the decorated paint function; `words` are separated by commas (the rest: see `Material`)."""

    def register(paint: Paint) -> Paint:
        if name in MATERIALS:
            raise ValueError(f"two materials are called {name}")
        synonyms = tuple(word.strip() for word in words.split(","))
        MATERIALS[name] = Material(name, title, synonyms, paint, detail_gain, luminance_keep, emissive, scale)
        return paint

    return register
