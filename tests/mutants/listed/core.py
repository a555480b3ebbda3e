"""Gaussians, looks, transforms, spherical harmonics."""

from tests.mutants.mutant import Mutant

_LOOKS = ("tests/test_looks.py",)
_TURNS = ("tests/test_transforms.py",)

MUTANTS = [
    Mutant("backend/ft2os/sh.py", "-a1 * s1, a1 * z, -a1 * c1", "-a1 * s1, a1 * z, a1 * c1", _TURNS),
    Mutant(
        "backend/ft2os/transforms.py",
        "quats=_quat_product(quat_from_rotation(rotation), gaussians.quats),",
        "quats=gaussians.quats,",
        _TURNS,
    ),
    Mutant("backend/ft2os/transforms.py", "scales=gaussians.scales * np.float32(scale),", "", _TURNS),
    Mutant("backend/ft2os/transforms.py", "sh=rotate_sh(gaussians.sh, rotation),", "", _TURNS),
    Mutant("backend/ft2os/transforms.py", "if determinant < 0:", "if determinant < -1e9:", _TURNS),
    Mutant("backend/ft2os/looks.py", "FADE = 0.2", "FADE = 0.0", _LOOKS),
    Mutant(
        "backend/ft2os/looks.py",
        "sh[replaced, 1:] *= 1.0 - s",
        "pass",
        ("tests/test_looks.py::test_what_gives_way_takes_the_looks_mean_colour",),
    ),
    Mutant("backend/ft2os/looks.py", "np.where((a * b).sum(1, keepdims=True) < 0, -b, b)", "b", _LOOKS),
    Mutant("backend/ft2os/looks.py", '_mix(np.log(look.scales), np.log(goal["scales"]), s)', "0", _LOOKS),
    Mutant("backend/ft2os/looks.py", "gain = 2.0 /", "gain = 1.0 /", _LOOKS),
]
