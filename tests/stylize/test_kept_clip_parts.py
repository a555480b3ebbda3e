"""The parts of the CLIP method give what they gave: ``kept_clip_parts.json``, written by running this module.

The judge is one that sees colours, so that its numbers are the same everywhere.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.cameras import orbit  # noqa: E402
from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.gaussians import Gaussians  # noqa: E402
from ft2os.stylize import StylizeRequest  # noqa: E402
from ft2os.stylize.clip import augment, fast, start, views  # noqa: E402
from ft2os.stylize.clip.about import CLIP  # noqa: E402
from ft2os.stylize.clip.linear_views import LinearViews  # noqa: E402
from ft2os.stylize.clip.loaded import load  # noqa: E402
from ft2os.stylize.clip.objective import Judgement  # noqa: E402
from ft2os.stylize.clip.stage_weights import stage_weights  # noqa: E402
from ft2os.stylize.clip.texts import Texts  # noqa: E402
from ft2os.stylize.prepare import prepare  # noqa: E402
from tests import kept  # noqa: E402
from tests.colour_judge import ColourJudge  # noqa: E402
from tests.scenes import ball  # noqa: E402

KEPT = Path(__file__).with_name("kept_clip_parts.json")
NEGATIVES = {"negatives": "any,thing"}
SMALL = NEGATIVES | {"surface_views": 5, "surface_pixels": 48, "limit": 500, "views": 4, "refit": 3}


@cache
def _object() -> Gaussians:
    return ball(150, 1, 2, radius=0.7)


def _judge() -> ColourJudge:
    return ColourJudge({"thing": (0.2, 0.5, 0.6), "russet": (0.75, 0.35, 0.25), "close-up": (0.6, 0.6, 0.3)})


def _request(prompt: str = "russet", preset: str = "standard", **overrides: object) -> StylizeRequest:
    return StylizeRequest(
        _object(),
        prompt,
        object_name="ball",
        method="clip",
        preset=preset,
        seed=4,
        overrides=SMALL | overrides,
        cameras=orbit(_object(), 7, size=(90, 60), elevation_deg=10),
    )


def _judgement(request: StylizeRequest) -> Judgement:
    settings = CLIP.settings(request.preset, request.overrides)
    return Judgement(_judge(), Texts(request, settings, _judge()), settings)


def _run(
    *, context: Gaussians | None = None, prompt: str = "russet", **overrides: object
) -> dict[str, object]:
    request = _request(prompt, **overrides)
    told = []
    result = fast.run(load(request, CLIP.settings(request.preset, request.overrides), _judge()), told.append)
    look, stats = result.look, result.stats
    arrays = {"dc": look.dc, "dc0": look.dc0, "opacities": look.opacities}
    arrays |= {f"target {name}": np.abs(array) for name, array in (look.target or {}).items()}
    pictures = [step.preview for step in told if step.preview is not None]
    return arrays | {
        "losses": stats["losses"],
        **{f"term {name}": values for name, values in stats["terms"].items()},
        "judged": [stats["judged_views"], stats["views"], stats["gaussians"], stats["geometry"]],
        "memory": [stats["memory"]["needed"]],
        **{f"bar {step.stage}": [step.step, step.total] for step in told},
        "last picture": pictures[-1],
    }


def _cameras() -> dict[str, object]:
    g, given = _object(), orbit(_object(), 9, size=(90, 60), elevation_deg=10)
    trained = views.training_cameras(g, given, 8, 40, 0.75, np.random.default_rng(2))
    alone = views.training_cameras(g, None, 6, 40, 0.75, np.random.default_rng(3))
    around = views.object_views(g, None, 32)
    return {
        **{
            f"{name} {what}": array
            for name, cameras in (("trained", trained), ("alone", alone), ("around", around))
            for what, array in zip(("viewmats", "Ks"), stack(cameras), strict=True)
        },
        "backgrounds": views.backgrounds(12, 5),
        "extent": [views.scene_extent(given), views.scene_extent(given[:1])],
        "schedule": np.concatenate(views.schedule(7, 3, 2, None, np.random.default_rng(0))),
        "so many steps": np.concatenate(views.schedule(7, 3, 2, 4, np.random.default_rng(0))),
    }


def _crops() -> dict[str, object]:
    rng = np.random.default_rng(1)
    masks = np.zeros((3, 24, 32), bool)
    masks[0, 4:12, 18:30] = masks[1, 12:20, 2:9] = True
    sources, homographies = augment.windows(masks, 7, (0.2, 0.6), 0.15, rng)
    images = torch.from_numpy(rng.uniform(0, 1, (3, 3, 24, 32)).astype(np.float32))
    return {
        "sources": sources,
        "homographies": homographies,
        "crops": augment.crop(images, sources, homographies, 16).numpy(),
    }


def _choice(prompt: str, **overrides: object) -> dict[str, object]:
    request = _request(prompt, **overrides)
    settings = CLIP.settings(request.preset, request.overrides)
    prepared = prepare(_object(), views=5, pixels=40, max_split_scale=0.1, limit=400)
    choice = start.choose(
        start.Candidates(["lava", "ice"], "similar"),
        request,
        settings,
        _judgement(request),
        prepared,
        lambda _: None,
    )
    assert choice.brush is not None
    return {
        "scores": list(choice.scores.values()),
        "is lava": [choice.brush.material.name == "lava"],
        "figures": [choice.stats()["scale"], choice.stats()["luminance_keep"]],
    }


def _stages() -> dict[str, object]:
    told = {}
    for preset in ("draft", "standard", "high"):
        settings = CLIP.settings(preset, NEGATIVES)
        for strength in (0.0, 0.4, 1.0):
            told[f"{preset} {strength}"] = list(stage_weights(settings, strength, _judge()).values())
    return told


def _linear() -> dict[str, object]:
    cameras = [c.cropped(15, 0, 60, 32) for c in orbit(_object(), 3, size=(90, 60))]
    seen = LinearViews(_object(), cameras, views.backgrounds(3, 1), "cpu")
    colours = torch.from_numpy(np.random.default_rng(0).uniform(-0.2, 1.4, (150, 3)).astype(np.float32))
    told = {"images": seen.images(colours, [2, 0]).numpy(), "masks": seen.masks([1, 2])}
    seen.close()
    return told


def _scores() -> dict[str, object]:
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 1, (4, 3, 20, 20)).astype(np.float32))
    judgement, masks = _judgement(_request()), np.ones((4, 20, 20), bool)
    originals = judgement.embed(images.flip(0))
    terms = judgement.terms(images, 3, masks, np.random.default_rng(5), originals)
    return {"scores": judgement.score(images).numpy()} | {k: v.numpy() for k, v in terms.items()}


CASES: dict[str, kept.Case] = {
    "cameras": _cameras,
    "crops": _crops,
    "named": partial(_run, prompt="russet lava", steps=5, candidates=1),
    "chosen": partial(_run, prompt="russet lava", steps=3, candidates=4, batch=5),
    "from the original": partial(_run, start="original", steps=5),
    "from the original, few views": partial(_run, start="original", steps=3, views=0, batch=3),
    "another shape": partial(_run, prompt="russet spiky gold", steps=4, geometry_steps=5),
    "another shape, no form": partial(
        _run, start="original", geometry=0.5, steps=3, geometry_steps=6, crops=0.25
    ),
    "choice": partial(_choice, "russet"),
    "choice of a size": partial(_choice, "russet", scale=2.0, luminance_keep=0.4, candidates=2),
    "stages": _stages,
    "linear views": _linear,
    "scores": _scores,
}


@pytest.mark.parametrize("name", CASES)
def test_a_part_gives_what_it_gave(name: str) -> None:
    kept.check(KEPT, name, CASES[name])


if __name__ == "__main__":
    kept.write(KEPT, CASES)
