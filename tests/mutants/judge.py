"""Whether the tests notice a mistake: the baseline first, then every mistake, two at a time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeVar

from tests.mutants.mutant import Mistake
from tests.mutants.tree import Tree

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 4.0  # times the baseline's seconds: beyond that a mistake has made something endless
LEAST_S, MOST_S = 60.0, 180.0  # but a mistake in a kernel has all kernels compiled anew
_FAILED, _BROKEN = 1, 2  # pytest's exit codes: a test failed; a module could not be imported


class Misfit(Exception):
    """The tests do not pass without a mistake, or cannot be run at all."""


@dataclass(frozen=True)
class Verdict:
    """``noticed`` by a failing test, by time running out, or not at all."""

    mistake: Mistake
    noticed: str
    seconds: float


def warm(trees: Sequence[Tree]) -> None:
    """Compile every tree's kernels, which takes half a minute the first time."""
    with ThreadPoolExecutor(len(trees)) as executor:
        list(executor.map(Tree.warm, trees))


def baseline(
    trees: Sequence[Tree],
    tests: Sequence[str],
    told: Callable[[str, float], None] = lambda test, seconds: None,
) -> dict[str, float]:
    """Seconds of each entry of ``tests``, which all must pass.

    Raises
    ------
    Misfit
        If one does not.
    """

    def timed(tree: Tree, test: str) -> tuple[str, float]:
        start = time.monotonic()
        code, output = tree.run([test], fresh=False)
        if code != 0:
            raise Misfit(f"{test} does not pass as it is:\n{output[-4000:]}")
        told(test, time.monotonic() - start)
        return test, time.monotonic() - start

    return dict(_share(trees, tests, timed))


def judge(
    trees: Sequence[Tree],
    mistakes: Sequence[Mistake],
    seconds: dict[str, float],
    told: Callable[[Verdict], None] = lambda verdict: None,
) -> list[Verdict]:
    """A verdict for every mistake, in their order.

    Raises
    ------
    Misfit
        If the named tests cannot be run.
    """

    def one(tree: Tree, mistake: Mistake) -> Verdict:
        start = time.monotonic()
        with tree.with_mistake(mistake):
            noticed = _noticed(tree, mistake.tests, seconds)
        verdict = Verdict(mistake, noticed, time.monotonic() - start)
        told(verdict)
        return verdict

    return _share(trees, mistakes, one)


def _noticed(tree: Tree, tests: Sequence[str], seconds: dict[str, float]) -> str:
    """How the mistake that the tree has was noticed; '' if it was not."""
    cheap_first = sorted(tests, key=seconds.__getitem__)
    inside = [test for test in cheap_first if test.startswith("tests/blender/")]
    for some in ([test for test in cheap_first if test not in inside], inside):
        if not some:
            continue
        limit = min(max(PATIENCE * sum(seconds[test] for test in some), LEAST_S), MOST_S)
        try:
            code, output = tree.run(some, fresh=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return f"endless after {limit:.0f} s"
        if code in (_FAILED, _BROKEN):
            return next(
                (line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))), "broken"
            )
        if code != 0 and code > 0:
            raise Misfit(f"pytest cannot run {' '.join(some)} (exit code {code}):\n{output[-4000:]}")
        if code < 0:
            return f"died by signal {-code}"
    return ""


def _share(trees: Sequence[Tree], items: Sequence[T], work: Callable[[Tree, T], R]) -> list[R]:
    """The results of ``work`` on every item, in order; each tree has one at a time."""
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def step(item: T) -> R:
        tree = free.get()
        try:
            return work(tree, item)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as executor:
        pending = [executor.submit(step, item) for item in items]
        try:
            return [one.result() for one in pending]
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise
