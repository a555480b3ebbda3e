"""Cameras: where they stand, and where a pixel's centre is."""

from tests.mutants.mutant import Mutant

_TESTS = ("tests/cameras/test_cameras.py", "tests/cameras/test_files.py")

MUTANTS = [
    Mutant(
        "backend/ft2os/cameras/inria.py",
        "viewmat[:3, 3] = -rotation.T @ centre",
        "viewmat[:3, 3] = -rotation @ centre",
        _TESTS,
    ),
    Mutant(
        "backend/ft2os/cameras/inria.py",
        'entry.get("cx", width / 2)',
        "width / 2",
        _TESTS,
    ),
    Mutant(
        "backend/ft2os/cameras/orbit.py",
        "distance = radius / np.sin(half)",
        "distance = radius / np.tan(half)",
        _TESTS,
    ),
    Mutant("backend/ft2os/cameras/orbit.py", "[2, 98]", "[0, 100]", _TESTS),
    Mutant(
        "backend/ft2os/cameras/camera.py",
        "K[:2] *= pixels / size",
        "K[:2, :2] *= pixels / size",
        _TESTS,
    ),
    Mutant(
        "backend/ft2os/cameras/camera.py",
        'or ".." in Path(name).parts',
        "",
        _TESTS,
    ),
    Mutant(
        "backend/ft2os/cameras/camera.py",
        "if np.linalg.det(rotation) < 0:",
        "if np.linalg.det(rotation) < -2:",
        _TESTS,
    ),
]
