"""Stylization: an object's Gaussians and a prompt go in, a look comes out.

This module is the entry point. ``methods`` lists the methods, ``request`` has the types that go in and out. A
method is imported when a request names it: ``material`` needs numba, ``clip`` needs torch.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from dataclasses import replace

from ft2os.errors import RequestError
from ft2os.stylize import methods, patience, units
from ft2os.stylize.request import MAX_SEED, Progress, StylizeRequest, StylizeResult

__all__ = ["MAX_SEED", "Progress", "StylizeRequest", "StylizeResult", "stylize"]


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
        Asked at every step.

    Raises
    ------
    RequestError
        If the method, its preset or a setting does not exist, or the method lacks words or a picture.
    UnknownPromptError
        If the prompt names no material, for the method ``material``.
    MissingError
        If packages or weights that the method needs are not on this machine.
    CancelledError
        With the partial result, if there is one.
    """
    method = methods.find(request.method)
    if not 0 <= request.seed <= MAX_SEED:
        raise RequestError(
            f"The seed {request.seed} is out of range.", f"Use a whole number from 0 to {MAX_SEED}."
        )
    method.check_inputs(request.prompt, request.style_image is not None)
    settings = method.settings(request.preset, request.overrides)
    preset = method.preset(request.preset).name
    if preset != request.preset:
        request = replace(request, preset=preset)
    module = patience.until_cancelled(
        lambda: importlib.import_module(f"ft2os.stylize.{method.name}.run"), cancelled
    )
    # Of a method whose request goes on in files of the artist's, in the scene's units.
    if hasattr(module, "complete"):
        request = module.complete(request, settings)

    def run(
        request: StylizeRequest,
        progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> StylizeResult:
        return module.run(request, settings, progress, cancelled)

    try:
        return units.in_own_units(run, request, progress, cancelled)
    finally:
        # A run's parts refer to one another, and so its pictures, hundreds of megabytes, would stay until
        # Python looks for such circles by itself.
        gc.collect()
