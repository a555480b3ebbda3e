"""What judges a picture: what goes in, and what is remembered."""

from tests.mutants.mutant import Mutant

_JUDGE = ("tests/guidance/test_clip_judge.py",)
_CACHE = ("tests/guidance/test_text_cache.py",)

MUTANTS = [
    Mutant(
        "backend/ft2os/guidance/clip_judge.py",
        "(images - self._mean.to(images)) / self._std.to(images)",
        "(images - self._mean.to(images))",
        _JUDGE,
    ),
    Mutant(
        "backend/ft2os/guidance/clip_judge.py",
        "model.eval().requires_grad_(False)",
        "model.eval()",
        _JUDGE,
    ),
    Mutant(
        "backend/ft2os/guidance/negatives.py",
        "if word.lower() not in asked]",
        "]",
        ("tests/guidance/test_negatives.py",),
    ),
    Mutant(
        "backend/ft2os/guidance/negatives.py",
        "words()[::every][:size]",
        "words()[:size]",
        ("tests/guidance/test_negatives.py",),
    ),
    Mutant(
        "backend/ft2os/guidance/text_cache.py",
        'digest.update("\\n".join(texts).encode())',
        "pass",
        _CACHE,
    ),
    Mutant(
        "backend/ft2os/guidance/text_cache.py",
        "and torch.isfinite(kept).all()",
        "",
        _CACHE,
    ),
    Mutant(
        "backend/ft2os/guidance/perceptual.py",
        "x = (images - self.mean) / self.std",
        "x = images",
        ("tests/guidance/test_perceptual.py",),
    ),
]
