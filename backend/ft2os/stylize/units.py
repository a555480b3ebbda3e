"""Objects of any size, anywhere: odd ones are stylized near the origin at about unit size, and moved back.

The kernels have a near plane, and float32 has seven digits: an object of a tenth of a millimetre, or one that
stands a thousand times its size from the origin, would not be seen, or seen in steps. Sizes change by powers
of two, which costs no bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ft2os.errors import CancelledError, RequestError

if TYPE_CHECKING:
    from ft2os.cameras.camera import Camera
    from ft2os.gaussians import Gaussians
    from ft2os.stylize.request import Progress, StylizeRequest, StylizeResult

_USUAL = (0.03, 3e3)  # sizes, as `middle_and_size` measures them, at which nothing is changed
_AWAY = 1e3  # sizes from the origin, likewise
_THINNEST = np.float32(1e-30)
_MOST = 1e30  # of any coordinate afterwards: strays may not become infinite


def middle_and_size(gaussians: Gaussians) -> tuple[np.ndarray, float]:
    """Where an object is [3] and how large, roughly; medians, so that a few strays say nothing.

    The size is the distance from the middle, or the Gaussians' own width where that is more.
    """
    means = gaussians.means.astype(np.float64)
    middle = np.median(means, axis=0)
    away, wide = np.abs(means - middle).max(axis=1), gaussians.scales.max(axis=1)
    size = max(np.median(away), np.median(wide)) or max(away.max(), wide.max())
    return middle, float(size)


@dataclass(frozen=True)
class Units:
    """Where the origin is in the scene, and how many of these units make one of the scene's."""

    origin: np.ndarray  # [3], float64
    scale: float

    @classmethod
    def of(cls, target: Gaussians) -> Units | None:
        """Units that suit an object; None where the scene's do.

        Raises
        ------
        RequestError
            If it has no size at all.
        """
        middle, size = middle_and_size(target)
        if not size:
            raise RequestError(
                "The object has no size: its Gaussians have no width and are all in one place.",
                "Choose another group, or give them a scale.",
            )
        usual, here = _USUAL[0] <= size <= _USUAL[1], np.abs(middle).max() <= _AWAY * size
        if usual and here:
            return None
        scale = 1.0 if usual else 2.0 ** -round(math.log2(size))
        return cls(np.zeros(3) if here else middle, scale)

    def request(self, request: StylizeRequest) -> StylizeRequest:
        """A request of the scene in these units."""
        return replace(
            request,
            target=self.gaussians(request.target),
            context=self.gaussians(request.context) if request.context else None,
            cameras=[self._camera(camera) for camera in request.cameras] if request.cameras else None,
        )

    def result(self, result: StylizeResult) -> StylizeResult:
        """A result in these units in the scene's."""
        look = result.look
        back = {"means": self._back(look.means), "scales": self._shrunk(look.scales)}
        target = dict(look.target or {})
        for name, move in (("means", self._back), ("scales", self._shrunk)):
            if name in target:
                target[name] = move(target[name])
        return replace(result, look=replace(look, **back, target=target or None))

    def gaussians(self, gaussians: Gaussians) -> Gaussians:
        """Gaussians of the scene in these units."""
        means = (gaussians.means.astype(np.float64) - self.origin) * self.scale
        scales = gaussians.scales.astype(np.float64) * self.scale
        return gaussians.replace(means=_float32(means), scales=_float32(scales))

    def _camera(self, camera: Camera) -> Camera:
        """The camera that sees the same picture in these units."""
        viewmat = camera.viewmat.astype(np.float64)
        viewmat[:3, 3] = self.scale * (viewmat[:3, :3] @ self.origin + viewmat[:3, 3])
        return replace(camera, viewmat=viewmat.astype(np.float32))

    def camera_back(self, camera: Camera) -> Camera:
        """The camera of these units that sees the same picture in the scene."""
        viewmat = camera.viewmat.astype(np.float64)
        viewmat[:3, 3] = viewmat[:3, 3] / self.scale - viewmat[:3, :3] @ self.origin
        return replace(camera, viewmat=viewmat.astype(np.float32))

    def _back(self, means: np.ndarray) -> np.ndarray:
        return _float32(means.astype(np.float64) / self.scale + self.origin)

    def _shrunk(self, scales: np.ndarray) -> np.ndarray:
        return _float32(scales.astype(np.float64) / self.scale)


def in_own_units(
    run: Callable[..., StylizeResult],
    request: StylizeRequest,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> StylizeResult:
    """Call a method's ``run`` in units that suit the object; the result is in the scene's units.

    Raises
    ------
    RequestError
        As `Units.of`, and whatever ``run`` raises.
    """
    units = Units.of(request.target)
    request = replace(request, target=_thick(request.target))
    if units is None:
        return run(request, progress, cancelled)

    def moved(step: Progress) -> None:
        partial = step.partial
        if progress is not None:
            progress(replace(step, partial=partial and (lambda: units.result(partial()))))

    try:
        return units.result(run(units.request(request), moved if progress else None, cancelled))
    except CancelledError as error:
        if error.partial is not None:
            error.partial = units.result(error.partial)
        raise


def _thick(target: Gaussians) -> Gaussians:
    """The target with a width along every axis, however small: methods move the logarithm of it."""
    flat = target.scales <= 0
    return target.replace(scales=np.where(flat, _THINNEST, target.scales)) if flat.any() else target


def _float32(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -_MOST, _MOST).astype(np.float32)
