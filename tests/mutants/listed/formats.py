"""Scene files: what a number means, and what is refused."""

from tests.mutants.mutant import Mutant

_PACKED = ("tests/formats/test_quantised.py", "tests/formats/test_every_format.py")

MUTANTS = [
    Mutant(
        "backend/ft2os/formats/quantised.py",
        "np.where(quats[rows, largest] < 0, -1, 1)",
        "np.where(quats[rows, largest] < 0, 1, 1)",
        _PACKED,
    ),
    Mutant(
        "backend/ft2os/formats/quantised.py",
        "np.rint(values)",
        "values",
        _PACKED,
    ),
    Mutant(
        "backend/ft2os/formats/splat.py",
        'rows["rgba"][:, 3] = to_byte(gaussians.opacities * 255)',
        'rows["rgba"][:, 3] = 255',
        _PACKED,
    ),
    Mutant(
        "backend/ft2os/formats/splat.py",
        "_MIDDLE = 128",
        "_MIDDLE = 127",
        _PACKED,
    ),
    Mutant(
        "backend/ft2os/formats/grouping.py",
        "CONFIDENCE = 0.95",
        "CONFIDENCE = 0.5",
        ("tests/formats/test_grouping.py",),
    ),
    Mutant(
        "backend/ft2os/formats/grouping.py",
        "rows = slice(start, start + step)",
        "rows = slice(start, start + step - 1)",
        ("tests/formats/test_grouping.py",),
    ),
    Mutant(
        "backend/ft2os/formats/columns.py",
        "_put(out, ROTATION, g.quats, raw, known, normalise, whole=True)",
        "_put(out, ROTATION, g.quats, raw, known, normalise)",
        ("tests/formats/test_ply.py",),
    ),
    Mutant(
        "backend/ft2os/formats/columns.py",
        "_put(out, OPACITY, g.opacities[:, None], raw, known, sigmoid, logit)",
        "_put(out, OPACITY, g.opacities[:, None], raw, known)",
        ("tests/formats/test_ply.py",),
    ),
    Mutant(
        "backend/ft2os/formats/columns.py",
        ".reshape(len(columns), 3, -1).transpose(0, 2, 1)",
        ".reshape(len(columns), -1, 3)",
        ("tests/formats/test_ply.py",),
    ),
    Mutant(
        "backend/ft2os/formats/save.py",
        "gaussians = gaussians.replace(quats=normalise(gaussians.quats))",
        "pass",
        ("tests/formats/test_budget.py",),
    ),
]
