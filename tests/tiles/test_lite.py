"""The rasterizer without torch, and its compiled kernels."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ft2os import tiles
from ft2os.cameras.camera import stack
from ft2os.tiles import sh
from tests.reference import harmonics
from tests.splat_scenes import camera, cloud

NO_TORCH = """
import sys
sys.modules["torch"] = None  # importing torch raises ImportError
from ft2os import tiles
from ft2os.cameras.camera import stack
from ft2os.tiles import linear, solve
from tests.splat_scenes import camera, cloud
scene, view = cloud(n=50), camera()
drawn = tiles.render(scene, *stack([view]), 70, 52)
(matrix,) = linear.build(scene, [view])
found = solve.solve_colours([matrix], [drawn.rgb[0]], linear.view_colours(scene, view))
assert drawn.alpha.max() > 0.5 and found.shape == (50, 3)
assert not any(name.split(".")[0] == "gsplat" for name in sys.modules)
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, cwd=root,
        env=os.environ | {"PYTHONPATH": path} | environment,
    )  # fmt: skip


def test_draws_builds_and_solves_where_importing_torch_raises():
    result = run(NO_TORCH)
    assert result.returncode == 0, result.stderr


def test_one_compilation_is_all_there_is():
    """After ``compile_kernels`` nothing that a caller passes makes a second specialisation."""
    tiles.compile_kernels()
    from ft2os.tiles import binning, blend, linear

    kernels = (binning._count, binning._scatter, blend._blend, linear._weights, linear._multiply)
    before = [len(k.signatures) for k in kernels]
    scene = cloud()
    scene.means.flags.writeable = False
    tiles.render(
        scene, *stack([camera(), camera(1.0)]), 70, 52, depth_limit=np.full((52, 70), 3.0), antialiased=True
    )
    (view,) = linear.build(scene, [camera()], prune=1e-3)
    view.gradient(np.ones((52, 70, 3)))
    assert [len(k.signatures) for k in kernels] == before == [1] * len(kernels)


def test_kernels_may_be_called_from_several_threads_at_once():
    scene, cameras = cloud(), stack([camera()])
    expected = tiles.render(scene, *cameras, 70, 52).rgb
    results = []
    callers = [
        threading.Thread(target=lambda: results.append(tiles.render(scene, *cameras, 70, 52).rgb))
        for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 6
    assert all(np.array_equal(r, expected) for r in results)


def test_the_picture_does_not_depend_on_the_number_of_threads():
    code = NO_TORCH + "import hashlib; print(hashlib.sha256(drawn.rgb.tobytes()).hexdigest())"
    one, three = (run(code, FT2OS_THREADS=n).stdout for n in ("1", "3"))
    assert one == three
    assert len(one.strip()) == 64


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_gets_threads_of_its_own():
    code = """
import os
from tests.splat_scenes import camera, cloud
from ft2os import tiles
from ft2os.cameras.camera import stack
draw = lambda: tiles.render(cloud(), *stack([camera()]), 70, 52).rgb
expected = draw()
child = os.fork()
if child == 0:
    os._exit(0 if (draw() == expected).all() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    result = run(code, FT2OS_THREADS="2")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("degree", range(5))
def test_harmonics_are_the_cartesian_ones(degree):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(degree)
    dirs = rng.normal(size=(200, 3)).astype(np.float32)
    values = rng.normal(size=(200, 25, 3)).astype(np.float32)
    unit = torch.nn.functional.normalize(torch.from_numpy(dirs).double(), dim=-1)
    Y = harmonics(degree, unit).numpy()
    expected = np.einsum("nk,nkc->nc", Y, values[:, : Y.shape[1]])
    np.testing.assert_allclose(sh.evaluate(values, dirs, degree), expected, rtol=0, atol=1e-5)
