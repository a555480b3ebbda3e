"""What goes wrong on a GPU only: devices that mix, layouts that are misread, precision, memory."""

from tests.mutants.mutant import Mutant

_ENGINE = ("tests/gpu/test_engine.py",)
_RUNS = ("tests/gpu/test_runs.py",)
_RULES = ("tests/gpu/test_pretended_cuda.py",)

MUTANTS = [
    Mutant("backend/ft2os/render/cuda.py", "pixels % width + 0.5", "pixels % width", _ENGINE),
    Mutant(
        "backend/ft2os/render/cuda.py",
        "before = logs.cumsum(0) - logs",
        "before = logs.cumsum(0)",
        _ENGINE,
    ),
    Mutant(
        "backend/ft2os/render/cuda.py",
        "torch.where((radii > 0).all(-1), depths, torch.zeros_like(depths))[0]",
        "depths[0]",
        _ENGINE,
    ),
    Mutant(
        "backend/ft2os/render/cuda.py",
        "absgrad=screen_gradients is not None",
        "absgrad=False",
        _ENGINE,
    ),
    Mutant(
        "backend/ft2os/render/cpu.py",
        "torch.from_numpy(x).to(ctx.home)",
        "torch.from_numpy(x)",
        _ENGINE,
    ),
    Mutant(
        "backend/ft2os/stylize/clip/objective.py",
        "images.to(self._judge.device)",
        "images",
        _RUNS,
    ),
    Mutant(
        "backend/ft2os/stylize/geometry/deform.py",
        "self.backgrounds[self.number].to(self.device)",
        "self.backgrounds[self.number]",
        _RUNS,
    ),
    Mutant("backend/ft2os/device.py", "(device)[0] >= 8", "(device)[0] >= 7", _RULES),
    Mutant("backend/ft2os/device.py", "free + torch.cuda.memory_reserved()", "free", _RULES),
]
