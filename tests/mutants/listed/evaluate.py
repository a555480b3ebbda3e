"""Measures of a look, on scenes whose answer is known."""

from tests.mutants.mutant import Mutant

_TESTS = ("tests/evaluate/test_measures.py",)

MUTANTS = [
    Mutant("backend/ft2os/evaluate/spill.py", "GROWN = 0.01", "GROWN = 0.3", _TESTS),
    Mutant("backend/ft2os/evaluate/spill.py", "sum(errors) / (3 * pixels)", "sum(errors) / pixels", _TESTS),
    Mutant("backend/ft2os/evaluate/spill.py", "int(np.argmax(means))", "int(np.argmin(means))", _TESTS),
    Mutant("backend/ft2os/evaluate/preservation.py", "overlap / union if", "overlap if", _TESTS),
    Mutant(
        "backend/ft2os/evaluate/consistency.py",
        "np.abs(sample[4] - reached) < tolerance",
        "np.abs(sample[4] - reached) < 1e9",
        _TESTS,
    ),
    Mutant("backend/ft2os/evaluate/consistency.py", "TURN_DEG = 8.0", "TURN_DEG = 0.0", _TESTS),
]
