"""One editor for every pipeline of diffusers: what differs between them is a row of the catalogue.

Strength, shared attention, noise on the surface, grids and rewards are put around the stock pipeline for one
call and taken off again. With none of them, what it gives is what the stock pipeline gives, to the bit.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ft2os.guidance.editors import grid, latents, noise, share, strength
from ft2os.guidance.editors.catalogue import Row
from ft2os.guidance.editors.door import Task, Tick, resized
from ft2os.guidance.editors.options import Options

_LOADING = 0.2  # the share of the first task that loading counts for


@dataclass(frozen=True)
class Call:
    """One call of the pipeline: rows of the task that are edited together, and at which strength."""

    rows: tuple[int, ...]
    strength: float


class Model:
    """An `Editor` made of a pipeline of diffusers.

    Parameters
    ----------
    row : Row
    options : Options
    load : callable
        Of a tick: gives the pipeline; called at the first edit.
    """

    def __init__(self, row: Row, options: Options, load: Callable[[Tick], Any]) -> None:
        self.row, self.options = row, options
        self.name, self.title, self.flags = row.name, row.title, row.flags
        self._grid = options.grid and row.flags.references > 0
        self._shared = options.shared and row.unet
        self._surface_noise = options.surface_noise and row.unet
        self._load = load
        self._pipe: Any = None

    def edit(self, task: Task, tick: Tick) -> list[np.ndarray | None]:
        """The views edited, in the size that the model works in."""
        begin = 0.0
        if self._pipe is None:
            self._pipe = self._load(lambda share: tick(_LOADING * share))
            begin = _LOADING
        calls = self._calls(task)
        edited: list[np.ndarray | None] = [None] * len(task.pictures)
        for i, call in enumerate(calls):
            done = begin + (1 - begin) * i / len(calls)
            within = (1 - begin) / len(calls)
            tick(done)
            pictures = self._edit(task, call, lambda share: tick(done + within * share))  # noqa: B023
            for at, picture in zip(call.rows, pictures):
                edited[at] = picture
        return edited

    def close(self) -> None:
        """Give the memory back."""
        self._pipe = None
        self.__dict__.pop("_reward", None)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @cached_property
    def _reward(self) -> tuple[Any, Any]:
        """The reward network, with its UNet put into the pipeline, and the pooled text that it wants."""
        from ft2os.guidance.editors import reward

        network = reward.load(Path(self.options.reward), self._pipe.unet)
        return network, reward.pooled(self._pipe)

    @property
    def _steps(self) -> int:
        return self.options.steps or int(self.row.steps.value or 1)

    def _calls(self, task: Task) -> list[Call]:
        """Views that begin at the same step, together as far as the editor and the options allow."""
        together = self.options.batch if self.flags.batch else 1
        if self._shared:
            together = max(1, len(task.pictures))
        if self._grid:
            together = grid.TILES - (task.anchor is not None)
        kept: dict[float, list[int]] = {}
        for at, seed in enumerate(task.seeds):
            kept.setdefault(self._strength(task.strength, seed), []).append(at)
        return [
            Call(tuple(rows[i : i + together]), begin)
            for begin, rows in kept.items()
            for i in range(0, len(rows), together)
        ]

    def _strength(self, of_task: float, seed: int) -> float:
        """The strength of a view, drawn from the options' range by its seed; of diffusion whole steps."""
        low, high = self.options.noise_low, self.options.noise_high
        drawn = low + (high - low) * float(np.random.default_rng(seed).random())
        wanted = of_task * drawn
        if wanted >= 1 or strength.is_flow(self._pipe.scheduler):
            return min(1.0, wanted)
        return strength.steps_at(self._steps, wanted) / self._steps

    def _edit(self, task: Task, call: Call, tick: Tick) -> list[np.ndarray]:
        """One call of the pipeline, with all that is wanted around it."""
        size = self._size(task.pictures[call.rows[0]].shape[:2])
        generators = [torch.Generator().manual_seed(task.seeds[at]) for at in self._seeded(call)]
        pipe = self._pipe
        stock = pipe.scheduler
        with ExitStack() as around, torch.no_grad():
            around.callback(setattr, pipe, "scheduler", stock)
            around.callback(_free_hooks, pipe)
            scheduler = strength.start_at(stock, call.strength)
            arguments = self._arguments(task, call, size, generators)
            start = self._start(task, call, size, generators, scheduler)
            if start is not None:
                arguments["latents"] = start
            total = strength.steps_at(self._steps, call.strength)
            pipe.scheduler = strength.watched(scheduler, lambda done: tick(min(1.0, done / total)))
            if self._shared and len(call.rows) > 1:
                around.enter_context(share.shared(pipe.unet, len(call.rows), self.options.key_views))
            if self.options.reward:
                network, words = self._reward
                scores = (self.options.following, self.options.preserving, self.options.quality)
                around.enter_context(network.on(pipe.unet, scores, words))
            pictures = pipe(**arguments).images
        return self._untiled(task, call, [np.asarray(picture, np.float32) for picture in pictures])

    def _seeded(self, call: Call) -> Sequence[int]:
        """The rows whose seeds draw the noise: a grid is one picture."""
        return call.rows[:1] if self._grid else call.rows

    def _size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The picture's height and width in the model: its own side on the longer one, whole multiples."""
        side = self.options.side or int(self.row.side.value or max(size))
        scale, unit = side / max(size), self.row.multiple
        if self._grid:
            unit *= grid.COLUMNS
        least = max(unit, self.row.least)
        height, width = (max(least, round(length * scale / unit) * unit) for length in size)
        return height, width

    def _arguments(
        self, task: Task, call: Call, size: tuple[int, int], generators: list[torch.Generator]
    ) -> dict[str, Any]:
        """The arguments of the call, those that this pipeline takes."""
        about = [
            _as_image(resized(picture, size)) for picture in self._tiled(task, call, size, task.originals)
        ]
        height, width = size
        native = int(self.row.side.value or 0)
        wanted = {
            **self.row.call,
            **self._guidance(),
            "prompt": task.prompt,
            "image": about[0],
            "height": height,
            "width": width,
            "num_inference_steps": self._steps,
            "generator": generators[0],
            "output_type": "np",
            "max_area": height * width,
            "_auto_resize": native == max(size),
        }
        if self._grid:
            wanted["prompt"] = grid.instruction(task.prompt, task.anchor is not None)
        elif self.flags.batch:
            wanted.update(prompt=[task.prompt] * len(about), image=about, generator=generators)
        elif self.flags.references and task.anchor is not None:
            wanted["image"] = [about[0], _as_image(resized(task.anchor, size))]
        taken = inspect.signature(type(self._pipe).__call__).parameters
        return {name: value for name, value in wanted.items() if name in taken}

    def _guidance(self) -> dict[str, float]:
        """The guidance that was set, under the names that the pipeline has for it."""
        asked = {"text": self.options.text_guidance, "image": self.options.image_guidance}
        return {
            self.row.guidance[kind]: value
            for kind, value in asked.items()
            if value and kind in self.row.guidance
        }

    def _start(
        self,
        task: Task,
        call: Call,
        size: tuple[int, int],
        generators: list[torch.Generator],
        scheduler: Any,
    ) -> torch.Tensor | None:
        """The latents to start from; None where the pipeline draws them itself."""
        on_surface = self._surface_noise and task.points is not None
        if call.strength >= 1 and not on_surface:
            return None
        pictures = self._tiled(task, call, size, task.pictures)
        own = latents.encode(self._pipe, self.row.latents, np.stack([resized(p, size) for p in pictures]))
        drawn = latents.draw(own, generators)
        if on_surface:
            drawn = self._on_surface(task, call, drawn)
        if call.strength >= 1:
            return drawn
        return strength.noised(scheduler, own, drawn, self._steps, call.strength)

    def _on_surface(self, task: Task, call: Call, drawn: torch.Tensor) -> torch.Tensor:
        """The views' own noise with the surface's where it is seen, which a round's views have in common."""
        assert task.points is not None
        seen = [noise.latent_points(points, (drawn.shape[2], drawn.shape[3])) for points in task.points]
        cell = noise.cell_size(seen)
        own = drawn.float().cpu().numpy()
        common = int(np.random.SeedSequence([task.seed, task.round]).generate_state(1)[0])
        fixed = [noise.on_surface(own[i], seen[at], cell, common) for i, at in enumerate(call.rows)]
        return torch.from_numpy(np.stack(fixed)).to(drawn)

    def _tiled(
        self, task: Task, call: Call, size: tuple[int, int], pictures: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """The pictures of a call: one a view, or all on one grid."""
        shown = [pictures[at] for at in call.rows]
        if not self._grid:
            return shown
        anchor = [] if task.anchor is None else [task.anchor]
        return [grid.tile([*anchor, *shown], (size[0] // grid.ROWS, size[1] // grid.COLUMNS))]

    def _untiled(self, task: Task, call: Call, pictures: list[np.ndarray]) -> list[np.ndarray]:
        if not self._grid:
            return pictures
        first = int(task.anchor is not None)
        return grid.untile(pictures[0], first + len(call.rows))[first:]


def _as_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def _free_hooks(pipe: Any) -> None:
    """Send parts that wait in the machine's memory back there, which a call that was stopped did not."""
    pipe.maybe_free_model_hooks()
