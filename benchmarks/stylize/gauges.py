"""Clocks and scales: seconds with the device waited for; peak memory of a phase; where a step's time goes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

import psutil
import torch
from torch.optim import optimizer

from ft2os.device import CUDA, best_device

SAMPLE_S = 0.01


def now() -> float:
    """Seconds, once the GPU has done what it was told."""
    if best_device() == CUDA:
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of some runs, after one that does not count: the others were disturbed."""
    action()
    found = []
    for _ in range(repeats):
        start = now()
        action()
        found.append(now() - start)
    return min(found)


class Memory:
    """Memory while a block runs: ``peak`` of the process or the GPU, and ``added`` over what was held before.

    The highest mark that the system keeps only rises, so a thread looks every 10 ms, which can miss what is
    shorter. What earlier phases freed is given back to the system first, as far as that goes.
    """

    def __enter__(self) -> Memory:
        gc.collect()
        if sys.platform == "linux":
            with contextlib.suppress(OSError, AttributeError):  # glibc's; others have no such call
                ctypes.CDLL("libc.so.6").malloc_trim(0)
        self._cuda = best_device() == CUDA
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
            self.before = self.peak = torch.cuda.memory_allocated()
            return self
        self._process = psutil.Process()
        self.before = self.peak = self._process.memory_info().rss
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._cuda:
            self.peak = torch.cuda.max_memory_allocated()
        else:
            self._ended.set()
            self._thread.join()

    @property
    def added(self) -> int:
        """Bytes over what was held before."""
        return self.peak - self.before

    def row(self) -> dict[str, int]:
        """As two numbers of a report's row."""
        return {"peak_bytes": self.peak, "added_bytes": self.added}

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.peak = max(self.peak, self._process.memory_info().rss)


PARTS = {
    "render": "drawing the views",
    "judge": "the judge looking",
    "backward_judge": "the way back through the judge",
    "backward_render": "the way back through the drawing and the other terms",
    "optimiser": "Adam",
    "other": "crops, losses, pictures for the user",
}


class Breakdown:
    """Where the time of steps goes, told by hooks on the judge, the optimiser and the functions that draw.

    Parameters
    ----------
    network : torch.nn.Module
        The judge's image tower.
    drawing : list of (module, name)
        Functions that draw; they are timed in their place while this is open.
    """

    def __init__(self, network: torch.nn.Module, drawing: list[tuple[object, str]]) -> None:
        self._network, self._drawing = network, drawing
        self._spent: dict[str, float] = defaultdict(float)
        self._open: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._steps = -1

    def __enter__(self) -> Breakdown:
        undo = self._undo = contextlib.ExitStack()
        network, begin, end = self._network, self._begin, self._end
        for handle in (
            network.register_forward_pre_hook(lambda *_: begin("judge")),
            network.register_forward_hook(lambda *_: end("judge")),
            network.register_full_backward_pre_hook(lambda *_: begin("backward_judge")),
            network.register_full_backward_hook(lambda *_: end("backward_judge")),
            optimizer.register_optimizer_step_pre_hook(lambda *_: begin("optimiser")),
            optimizer.register_optimizer_step_post_hook(lambda *_: end("optimiser")),
        ):
            undo.callback(handle.remove)
        for place, name in self._drawing:
            undo.enter_context(self._timed(place, name, "render"))
        undo.enter_context(self._timed(torch.Tensor, "backward", "backward"))
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def step(self) -> None:
        """A step has ended; the first one only starts the clock."""
        self._steps += 1
        self._last = {**self._spent, "total": now()}
        self._first = self._first or self._last

    def row(self) -> dict:
        """Seconds a step by part, their sum, and the largest part."""
        if self._steps < 1:
            return {"steps": 0}
        spent = {
            name: (value - self._first.get(name, 0.0)) / self._steps for name, value in self._last.items()
        }
        total, back = spent.pop("total"), spent.pop("backward", 0.0)
        found = dict.fromkeys(PARTS, 0.0) | {name: spent[name] for name in PARTS if name in spent}
        found["backward_render"] = max(0.0, back - found["backward_judge"])
        found["other"] = max(0.0, total - sum(found.values()))
        judge = found["judge"] + found["backward_judge"]
        largest = max(found, key=found.get)
        return {
            "steps": self._steps,
            "seconds": total,
            "parts": found,
            "largest": largest,
            "largest_share": found[largest] / total,
            "judge_share": judge / total,
        }

    def _begin(self, name: str) -> None:
        self._open[name] = now()

    def _end(self, name: str) -> None:
        if name in self._open:
            self._spent[name] += now() - self._open.pop(name)

    @contextlib.contextmanager
    def _timed(self, place: object, name: str, part: str) -> Iterator[None]:
        plain = getattr(place, name)

        def timed(*args, **kwargs):
            self._begin(part)
            try:
                return plain(*args, **kwargs)
            finally:
                self._end(part)

        setattr(place, name, timed)
        try:
            yield
        finally:
            setattr(place, name, plain)
