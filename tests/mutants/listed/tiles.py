"""The CPU rasterizer and the linear form. A mistake in a kernel has all kernels compiled anew."""

from tests.mutants.mutant import Mutant

_DRAWN = ("tests/tiles/test_tiles_render.py",)

MUTANTS = [
    Mutant("backend/ft2os/tiles/numeric.py", "EPS2D = 0.3", "EPS2D = 0.0", _DRAWN),
    Mutant(
        "backend/ft2os/tiles/blend.py",
        "hit = (alpha >= ALPHA_MIN) & (T > 0)",
        "hit = (alpha >= ALPHA_MIN)",
        _DRAWN,
    ),
    Mutant(
        "backend/ft2os/tiles/solve.py",
        "gradient = strength * (ahead - start)",
        "gradient = 0 * (ahead - start)",
        ("tests/tiles/test_linear.py",),
    ),
    Mutant(
        "backend/ft2os/tiles/solve.py",
        "reshape(-1, 3) - over(background, view.alpha)",
        "reshape(-1, 3)",
        ("tests/tiles/test_linear.py",),
    ),
    Mutant(
        "backend/ft2os/tiles/solve.py",
        "mask * (multiply(view.W, ahead) - target)",
        "(multiply(view.W, ahead) - target)",
        ("tests/tiles/test_linear.py",),
    ),
]
