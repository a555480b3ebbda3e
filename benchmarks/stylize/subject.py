"""What is stylized: a scene, an object in it and a judge; and synthetic objects and scenes of any size."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ft2os.cameras import orbit
from ft2os.cameras.camera import Camera
from ft2os.device import best_device
from ft2os.errors import RequestError
from ft2os.formats import Scene
from ft2os.gaussians import Gaussians
from ft2os.guidance import clip_judge
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.stylize import StylizeRequest
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import described

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "lava"
SEED = 0


@dataclass(frozen=True)
class Subject:
    """A scene split into object and rest, its cameras, and who judges.

    ``real`` says whether the judge has learnt anything; ``model`` and ``pretrained`` are what the CLIP
    method's settings of those names must be to get that judge. ``overrides`` shortens presets, by method and
    preset, for tests.
    """

    scene: Scene
    group: int
    target: Gaussians
    context: Gaussians
    cameras: list[Camera]
    judge: ClipJudge
    real: bool
    model: str | None
    pretrained: str | None
    overrides: dict[tuple[str, str], dict] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Where the judge computes."""
        return self.judge.device.type

    def request(self, method: str, preset: str, **changes) -> StylizeRequest:
        """What to ask of a method; ``changes`` replace fields of the request."""
        judged = "model" in described(METHODS[method].preset(preset).settings)
        overrides = {"model": self.model, "pretrained": self.pretrained} if judged else {}
        asked = {
            "target": self.target,
            "context": self.context,
            "prompt": PROMPT,
            "method": method,
            "preset": preset,
            "seed": SEED,
            "cameras": self.cameras,
            "overrides": overrides | self.overrides.get((method, preset), {}) | changes.pop("overrides", {}),
        }
        return StylizeRequest(**(asked | changes))

    def whole_steps(self, method: str, preset: str) -> int:
        """Steps of a preset of a method that takes steps."""
        return METHODS[method].settings(preset, self.request(method, preset).overrides).steps


def choose(scene: Scene, group: int, model: str | None = None) -> Subject:
    """The group of the scene as the object, and the judge that is here; a random one where none is."""
    real = clip_judge.available(model)
    name, pretrained = (model, None) if real else (model or clip_judge.DEFAULT_MODEL, clip_judge.RANDOM)
    judge = clip_judge.load(name, pretrained).to(best_device())
    mask = scene.mask(group)
    target, context = scene.gaussians.subset(mask), scene.gaussians.subset(~mask)
    cameras = scene.cameras or orbit(scene.gaussians, 24, size=(640, 480))
    return Subject(scene, group, target, context, list(cameras), judge, real, name, pretrained)


def default_scene() -> Path:
    """The composite scene of the test data where it is named, else the demo scene."""
    data = os.environ.get("FT2OS_TEST_DATA")
    return Path(data) / "grouped" / "composite_gg" if data else ROOT / "demo" / "scene"


def default_group(scene: Scene) -> int:
    """The truck or the robot; the largest group in a scene that has neither."""
    for group, name in scene.labels.items():
        if any(word in name for word in ("truck", "toy robot")):
            return group
    if not scene.group_ids():
        raise RequestError(f"{scene.path} has no groups.", "Name a grouped scene with --scene.")
    return max(scene.group_ids(), key=lambda group: scene.mask(group).sum())


def resized(gaussians: Gaussians, count: int) -> Gaussians:
    """``count`` Gaussians of the same shape: rows drawn at random, moved by a part of their own size.

    Their sizes change with the square root of the number, so that the surface stays as covered as it was. It
    is made up, for measuring what a size costs.
    """
    rng = np.random.default_rng(SEED)
    more = count > len(gaussians)
    rows = rng.choice(len(gaussians), count, replace=more)
    found = gaussians.subset(np.sort(rows))
    shrink = np.float32(min(2.0, (len(gaussians) / count) ** 0.5))
    nudge = rng.normal(size=(count, 3)).astype(np.float32) * found.scales.mean(axis=1, keepdims=True)
    return found.replace(means=found.means + (nudge if more else 0), scales=found.scales * shrink)
