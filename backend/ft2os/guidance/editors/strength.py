"""Strength for pipelines that have none: an edit starts from the noised picture, part-way down the schedule.

Schedulers of diffusion leave out the first steps, as image-to-image pipelines of diffusers do. Schedulers of
flow matching begin at noise ``strength`` and take as many steps fewer: their timetables are shifted towards
noise so far (0.9 at half of the steps, at 1024²) that leaving out steps would keep nothing of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from torch import Tensor


def steps_at(steps: int, strength: float) -> int:
    """How many of the steps are taken at a strength, at least one."""
    return max(1, round(steps * strength))


def start_at(scheduler: Any, strength: float) -> Any:
    """A copy of a scheduler of diffusers whose ``set_timesteps`` begins at ``strength``, 0 to 1.

    At 1 it is the stock one to the bit.
    """
    later = type(scheduler).from_config(scheduler.config)
    if strength >= 1:
        return later
    set_timesteps = later.set_timesteps
    begin = _begin_flow if is_flow(later) else _begin_diffusion

    @wraps(set_timesteps)  # pipelines look at its signature
    def beginning(*args: Any, **kwargs: Any) -> None:
        begin(later, set_timesteps, strength, args, kwargs)

    later.set_timesteps = beginning
    return later


def is_flow(scheduler: Any) -> bool:
    """Whether it mixes picture and noise in a straight line (flow matching)."""
    return "FlowMatch" in type(scheduler).__name__


def watched(scheduler: Any, after_step: Callable[[int], None]) -> Any:
    """The scheduler itself, which then calls ``after_step(steps done)`` after each step; it may raise."""
    step, done = scheduler.step, 0

    @wraps(step)
    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal done
        result = step(*args, **kwargs)
        done += 1
        after_step(done)
        return result

    scheduler.step = counted
    return scheduler


def noised(
    scheduler: Any,  # of `start_at`
    latents: Tensor,  # [B, ...]
    noise: Tensor,  # [B, ...]
    steps: int,
    strength: float,
) -> Tensor:  # [B, ...]
    """The latents from which a pipeline starts: those of the picture, noised as much as the strength says."""
    if is_flow(scheduler):
        return (1 - strength) * latents + strength * noise
    scheduler.set_timesteps(steps, device=latents.device)
    first = scheduler.timesteps[:1].repeat(len(latents))
    # The pipeline multiplies what it is given by this number, since it expects noise alone.
    return scheduler.add_noise(latents, noise, first) / scheduler.init_noise_sigma


def _begin_diffusion(later: Any, set_timesteps: Callable, strength: float, args: tuple, kwargs: dict) -> None:
    set_timesteps(*args, **kwargs)
    steps = later.num_inference_steps
    skipped = (steps - steps_at(steps, strength)) * later.order
    if len(getattr(later, "sigmas", ())) == len(later.timesteps) + 1:
        later.sigmas = later.sigmas[skipped:]
    later.timesteps = later.timesteps[skipped:]


def _begin_flow(later: Any, set_timesteps: Callable, strength: float, args: tuple, kwargs: dict) -> None:
    if kwargs.get("sigmas") is not None:
        fewer = steps_at(len(kwargs["sigmas"]), strength)
        kwargs["sigmas"] = np.linspace(1.0, 1 / fewer, fewer)  # as the pipelines of diffusers ask for them
    else:
        args = (steps_at(args[0], strength), *args[1:])
    set_timesteps(*args, **kwargs)
    later.sigmas = later.sigmas * strength
    later.timesteps = later.timesteps * strength
