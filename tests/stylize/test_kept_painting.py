"""Painting with a picture gives what it gave: ``kept_painting.json``, written by running this module."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.guidance import perceptual  # noqa: E402
from ft2os.stylize import feature_match  # noqa: E402
from ft2os.stylize.feature_match import Matcher, Schedule, Terms  # noqa: E402
from ft2os.stylize.image import paint  # noqa: E402
from ft2os.stylize.image.about import IMAGE, Settings  # noqa: E402
from ft2os.stylize.image.run import _job, _sizes, _trimmed  # noqa: E402
from ft2os.stylize.painting import Painted  # noqa: E402
from ft2os.stylize.prepare import PreparedObject, prepare  # noqa: E402
from tests import kept  # noqa: E402
from tests.scenes import ball  # noqa: E402

KEPT = Path(__file__).with_name("kept_painting.json")


@cache
def _prepared() -> PreparedObject:
    return prepare(ball(180, 0, 5, radius=0.8), views=4, pixels=56, max_split_scale=0.05, limit=900)


def _picture(height: int = 60, width: int = 90) -> np.ndarray:
    """Waves in blue and ochre with some grain."""
    y, x = np.mgrid[0:height, 0:width]
    wave = 0.5 + 0.5 * np.sin(0.4 * x + 3 * np.sin(0.1 * y))[..., None]
    grain = np.random.default_rng(0).normal(scale=0.04, size=(height, width, 3))
    colours = wave * np.array([0.8, 0.6, 0.2]) + (1 - wave) * np.array([0.1, 0.2, 0.5])
    return np.clip(colours + grain, 0, 1).astype(np.float32)


def _palette() -> dict[str, object]:
    own = np.random.default_rng(2).beta(2, 3, (700, 3))
    found = paint.palette(own, _picture())
    return {
        "steps": found.steps,
        "ramp": found.ramp,
        "matrix": found.matrix,
        "mean": found.mean,
        "goal": found.goal,
        "transported": found.transported(own),
        "colours": found.colours(own),
        "of light and dark alone": found.colours(own, hue=0.0),
    }


def _strokes() -> dict[str, object]:
    rng = np.random.default_rng(3)
    points, normals = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    coarse, detail = paint.Strokes(_picture(), size=1.4, seed=2).at(
        points, normals, rng.uniform(0, 1, (60, 3))
    )
    return {"coarse": coarse, "detail": detail}


def _painted(**settings: float) -> dict[str, object]:
    made, shares = _prepared(), []
    under = Painted(made.neutral, [s.original for s in made.surface_views])
    painted = paint.paint(
        made, _picture(), under, seed=1, on_progress=lambda share, _: shares.append(share), **settings
    )
    colours = paint.solve(made, painted)
    settled = paint.settle(made, colours, _picture(), 0.6)
    return {
        "shares": shares,
        "start": painted.start,
        "targets": np.stack(painted.targets),
        "solved": colours,
        "settled": settled.start,
        "settled targets": np.stack(settled.targets),
    }


def _paints() -> dict[str, object]:
    flat = np.repeat(np.repeat(np.array([[[0.1, 0.2, 0.3], [0.9, 0.5, 0.1]]], np.float32), 30, 0), 20, 1)
    return {
        "many": np.sort(paint._paints(_picture(220, 130)), axis=0),
        "few": paint._paints(flat),
        "smaller": paint.resized(_picture(), 45),
        "narrow": paint.resized(_picture(20, 90), 45),
        "trimmed": _trimmed(_picture(200, 300)),
    }


def _matched(**terms: float) -> dict[str, object]:
    torch.manual_seed(0)
    network = perceptual.Vgg16()
    rng = np.random.default_rng(1)
    for convolution in network.features.values():
        shape = tuple(convolution.weight.shape)
        scale = np.sqrt(2 / np.prod(shape[1:]))
        convolution.weight.data = torch.from_numpy(rng.normal(scale=scale, size=shape).astype(np.float32))
        torch.nn.init.zeros_(convolution.bias)
    network.eval().requires_grad_(False)
    made, said = _prepared(), []
    matcher = Matcher(network, [_picture(), _picture(64, 64)], samples=120, seed=3)
    colours = feature_match.run(
        made.surface_views,
        made.neutral,
        [0.5 * s.original for s in made.surface_views],
        matcher,
        Terms(**terms),
        Schedule(5, 0.03, shrink=2, seed=4),
        lambda step, loss, values, now: said.append((step, loss, values)),
        style=_picture(),
        means=made.fine.means,
    )
    return {
        "colours": colours,
        "steps": [step for step, _, _ in said],
        "losses": [loss for _, loss, _ in said],
        **{name: [values[name] for _, _, values in said] for name in said[0][2]},
    }


def _needed() -> dict[str, object]:
    told = {}
    for preset in IMAGE.presets:
        for matched in (False, True):
            job = _job(3000, preset.settings, matched)
            told[f"{preset.name} {matched}"] = [*job.parts(1).values(), job.gaussians, job.views, job.pixels]
        told[f"{preset.name} sizes"] = _sizes(preset.settings)
    told["least and most"] = [*_sizes(Settings(stroke=0.1, pixels=32)), *_sizes(Settings(stroke=10))]
    return told


CASES: dict[str, kept.Case] = {
    "palette": _palette,
    "strokes": _strokes,
    "painted": _painted,
    "painted otherwise": partial(_painted, size=2.0, luminance_keep=0.9),
    "paints": _paints,
    "matched": partial(_matched, match=1.0, content=0.3, hold=0.5, statistics=2.0, smooth=3.0),
    "matched alone": partial(_matched, match=1.0),
    "needed": _needed,
}


@pytest.mark.parametrize("name", CASES)
def test_a_part_gives_what_it_gave(name: str) -> None:
    kept.check(KEPT, name, CASES[name])


if __name__ == "__main__":
    kept.write(KEPT, CASES)
