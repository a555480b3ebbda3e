"""Materials and the words that name them."""

from tests.mutants.mutant import Mutant

_WORDS = ("tests/materials/test_words.py",)
_LOOKS = ("tests/materials/test_materials.py",)

MUTANTS = [
    Mutant(
        "backend/ft2os/materials/words.py",
        'NEGATIONS = frozenset(("no", "not",',
        'NEGATIONS = frozenset(("no",',
        _WORDS,
    ),
    Mutant("backend/ft2os/materials/words.py", "fire truck, fire engine,", "fire engine,", _WORDS),
    Mutant("backend/ft2os/materials/word_table.py", "_THRESHOLD = 0.6", "_THRESHOLD = 0.3", _WORDS),
    Mutant("backend/ft2os/materials/word_table.py", "int(cosines.argmax())", "int(cosines.argmin())", _WORDS),
    Mutant(
        "backend/ft2os/materials/material.py", "points / np.float32(scale * self.scale)", "points", _LOOKS
    ),
    Mutant("backend/ft2os/materials/material.py", "if name in MATERIALS:", "if False:", _LOOKS),
    Mutant(
        "backend/ft2os/materials/palette.py",
        "knee, top, floor = 0.82, 0.975, 0.012",
        "knee, top, floor = 1.0, 1.1, 0.0",
        _LOOKS,
    ),
    Mutant("backend/ft2os/materials/surface.py", "int(self.seed) * 7919", "0 * 7919", _LOOKS),
]
