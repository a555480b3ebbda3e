"""Losses: signs, means and what carries a gradient."""

from tests.mutants.mutant import Mutant

_FAST = ("tests/losses/test_losses_fast.py",)
_GEOMETRY = ("tests/losses/test_geometry_losses.py",)

MUTANTS = [
    Mutant(
        "backend/ft2os/losses/contrastive.py",
        "torch.logsumexp(scores, dim=1)",
        "torch.logsumexp(scores.flatten(), dim=0)",
        ("tests/losses/test_losses.py",),
    ),
    Mutant(
        "backend/ft2os/losses/contrastive.py",
        "texts = torch.cat([prompt[None], negatives])",
        "texts = torch.cat([negatives, prompt[None]])",
        ("tests/losses/test_losses.py",),
    ),
    Mutant(
        "backend/ft2os/losses/direction.py",
        "(1 - change @ F.normalize(words, dim=0) / length)",
        "(1 + change @ F.normalize(words, dim=0) / length)",
        _FAST,
    ),
    Mutant("backend/ft2os/losses/direction.py", "+ soft**2)", "+ 1e-12)", _FAST),
    Mutant(
        "backend/ft2os/losses/structure.py",
        "1 - (weight * correlation)",
        "1 - correlation * (weight > 0)",
        _FAST,
    ),
    Mutant("backend/ft2os/losses/smooth.py", ".mean(dim=1)", ".sum(dim=1)", _FAST),
    Mutant(
        "backend/ft2os/losses/needle.py",
        "ordered[:, 0] / ordered[:, 1]",
        "ordered[:, 0] / ordered[:, 2]",
        _GEOMETRY,
    ),
    Mutant("backend/ft2os/losses/anchor.py", ") / extent)", "))", _GEOMETRY),
    Mutant("backend/ft2os/losses/spill.py", ".abs() * outside)", ".abs() * (1 - outside))", _GEOMETRY),
]
