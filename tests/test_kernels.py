"""How kernels run: every share once, on threads of their own, errors brought back, nothing compiled twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import ft2os
from ft2os import threads, warm
from ft2os.kernels import CAREFUL, OPTIONS, njit, ready, run

COMPILED = """
import sys
from ft2os.warm import compile_all

def compiled():
    kernels = {id(k): k for module in list(sys.modules.values()) if module.__name__.startswith("ft2os.")
               for k in vars(module).values() if hasattr(k, "signatures")}
    return {k.py_func.__module__ + "." + k.__name__: len(k.signatures) for k in kernels.values()}

compile_all()
before = compiled()
assert {name.split(".")[1] for name in before} >= {"tiles", "materials"}, before
import numpy as np
from ft2os import tiles
from ft2os.cameras.camera import stack
from ft2os.materials import MATERIALS
from ft2os.tiles import linear, rasterizer, solve
from tests.splat_scenes import camera, cloud
scene, view = cloud(n=30), camera()
drawn = tiles.render(scene, *stack([view]), 70, 52)
(matrix,) = linear.build(scene, [view])
solve.solve_colours([matrix], [drawn.rgb[0]], linear.view_colours(scene, view))
whole = rasterizer.Parameters(scene.means, scene.quats, scene.scales, scene.opacities, scene.sh[None], 3)
done = rasterizer.forward(whole, *stack([view]), 70, 52)
rasterizer.backward(done, np.ones_like(done.blended.features), np.ones_like(done.blended.rest))
for material in MATERIALS.values():
    material.colour(scene.means, scene.opacities, scene.scales[:, 0])
assert compiled() == before, {k: v for k, v in compiled().items() if before.get(k) != v}
"""


def called(shares: int | None) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []

    def kernel(share: int, of: int, word: str) -> None:
        found.append((share, of, word + threading.current_thread().name))

    run(kernel, "", shares=shares)
    return sorted(found)


def test_every_share_of_the_work_is_done_once(monkeypatch):
    assert [(share, of) for share, of, _ in called(5)] == [(i, 5) for i in range(5)]
    assert all(name.startswith("ft2os-kernel") for _, _, name in called(5))
    assert [(share, of) for share, of, _ in called(None)] == [
        (i, threads.workers()) for i in range(threads.workers())
    ]
    monkeypatch.setenv("FT2OS_THREADS", "1")
    assert called(None) == [(0, 1, threading.current_thread().name)]  # one needs no other thread


def test_what_goes_wrong_on_a_thread_is_told():
    def kernel(share: int, shares: int) -> None:
        if share == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(kernel, shares=2)


def test_there_are_as_many_threads_as_asked_for_and_only_once(monkeypatch):
    monkeypatch.setattr(threads, "_executor", None)
    monkeypatch.setenv("FT2OS_THREADS", "3")
    made = threads.executor()
    assert made._max_workers == 3
    assert threads.executor() is made
    threads._forget_executor()
    assert threads.executor() is not made


def test_others_go_on_while_a_kernel_works():
    """The worker's heartbeat does, and every other kernel: it lets go of the interpreter."""

    @njit(**OPTIONS)
    def busy(x, n):
        for _ in range(n):
            x = np.float64(3.7) * x * (1 - x)
        return x

    busy(0.3, 1)
    steps = []
    caller = threading.Thread(target=lambda: steps.append(busy(0.3, 60_000_000)))
    caller.start()
    counted = 0
    while caller.is_alive():
        counted += 1
    caller.join()
    assert len(steps) == 1
    assert counted > 1000


def test_the_careful_kernels_let_go_too_and_know_nan():
    assert CAREFUL["nogil"]

    @njit(**CAREFUL)
    def known(x):
        return x == x

    assert known(1.0)
    assert not known(np.nan)


def test_arrays_become_what_kernels_take():
    given = np.arange(6, dtype=np.float32)
    assert ready(given) is given
    assert ready(given[::2]).tolist() == [0, 2, 4]
    assert ready(given[::2]).flags.c_contiguous
    assert ready([1, 2]).dtype == np.float32
    assert ready(given, np.int64).dtype == np.int64
    given.flags.writeable = False
    copied = ready(given)
    assert copied.flags.writeable
    assert copied.tolist() == given.tolist()


def test_all_kernels_are_compiled_at_once():
    """Nothing is left for the first picture, the first solve or the first material."""
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", COMPILED],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_compiling_says_what_it_took():
    began = time.perf_counter()
    told = warm.compile_all()
    assert 0 < told <= time.perf_counter() - began


def test_it_is_a_step_that_can_be_seen():
    done = subprocess.run([sys.executable, "-m", "ft2os.warm"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("Compiling the kernels")
    assert last.startswith("Kernels are ready after ")


@pytest.fixture
def settled(tmp_path):
    """What a new process finds settled: ``settled(code)`` prints it, of a copy of the package."""
    shutil.copytree(Path(ft2os.__file__).parent, tmp_path / "copy" / "ft2os", dirs_exist_ok=True)
    left_out = ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY", "FT2OS_CACHE")
    environment = {k: v for k, v in os.environ.items() if k not in left_out}
    environment |= {"PYTHONPATH": str(tmp_path / "copy"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def ask(code: str, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment | more, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return ask


def test_kernels_are_kept_for_as_long_as_their_modules_are_the_same(settled, tmp_path):
    """Also a kernel that only inlines what has changed must be compiled anew."""
    where = "from ft2os import threads; import os; print(os.environ['NUMBA_CACHE_DIR'])"
    first = settled(where)
    assert settled(where) == first
    for name, anew in (
        ("looks.py", False),
        ("tiles/solve.py", False),
        ("tiles/sh.py", True),
        ("kernels.py", True),
    ):
        with (tmp_path / "copy" / "ft2os" / name).open("a") as module:
            module.write("\n# another\n")
        now = settled(where)
        assert (now != first) == anew, name
        first = now


def test_the_environment_is_settled_before_numba_and_after(settled, tmp_path):
    policy = "import ft2os.threads, os; print(os.environ['OMP_WAIT_POLICY'])"
    assert settled(policy) == "PASSIVE"
    assert settled(policy, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"  # whoever sets it knows why
    late = "import numba; from ft2os import threads; print(numba.config.CACHE_DIR)"
    assert str(tmp_path / "cache") in settled(late)
    assert settled(late, NUMBA_CACHE_DIR=str(tmp_path)) == str(tmp_path)
