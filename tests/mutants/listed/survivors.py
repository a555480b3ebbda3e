"""Mistakes that version 0.1.0's tests did not notice, outside the CLIP method."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(  # words that mean what is asked for stay among the negatives
        "backend/ft2os/guidance/negatives.py",
        "order[: len(self.texts) - near]",
        "order[: len(self.texts)]",
        ("tests/guidance/test_negatives.py",),
    ),
    Mutant("backend/ft2os/stylize/refit.py", "ALPHA = 0.3", "ALPHA = 0.0", ("tests/stylize/test_refit.py",)),
    Mutant(
        "backend/ft2os/stylize/floaters.py", "REACH = 2.0", "REACH = 6.0", ("tests/stylize/test_floaters.py",)
    ),
    Mutant(
        "backend/ft2os/stylize/image/paint.py",
        "_EVEN = 0.5",
        "_EVEN = 0.0",
        ("tests/stylize/test_image.py",),
    ),
    Mutant(
        "backend/ft2os/transforms.py", "TOLERANCE = 1e-3", "TOLERANCE = 0.1", ("tests/test_transforms.py",)
    ),
    Mutant(  # a stylization is begun in the middle of another one
        "backend/ft2os/worker/server.py",
        'LONG = ("stylize", "views")',
        'LONG = ("views",)',
        ("tests/worker/test_stylize.py", "tests/worker/test_server.py"),
    ),
]
