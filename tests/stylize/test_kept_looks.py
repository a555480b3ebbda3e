"""Every method makes the looks that it made: what they are like in numbers, kept in ``kept_looks.json``.

An artist who stylizes an old scene again expects the look that she had. Where a method is changed on purpose,
``python -m tests.stylize.test_kept_looks`` writes the file anew, and the change is there to be reviewed.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ft2os import process
from ft2os.gaussians import Gaussians, concatenate
from ft2os.looks import Look
from ft2os.stylize import Progress, StylizeRequest, stylize
from tests import strokes, tiny_clip, tiny_vgg
from tests.scenes import ball

KEPT = Path(__file__).with_name("kept_looks.json")
SMALL = {"views": 6, "pixels": 72, "limit": 2500}
SEEN = {"surface_views": 6, "surface_pixels": 72, "limit": 1500, "views": 4}
JUDGED = SEEN | {"batch": 4, "steps": 3, "bank": 32, "contrast": 4, "candidates": 3}
STATS = ("gaussians", "floaters", "ssim", "clipped", "clipped_any", "score", "form_amount", "geometry")
STEPS = ("steps", "views", "judged_views", "batch", "losses")
CASES = {  # method, preset, prompt, overrides; the picture where a method takes one
    "draft": ("material", "draft", "lava", SMALL),
    "standard": ("material", "standard", "old gold", {**SMALL, "refit": 6}),
    "sharpened": ("material", "high", "jade", {**SMALL, "refit": 4, "refine_steps": 3}),
    "spikes": ("material", "draft", "spiky ice", SMALL),
    "fur": ("material", "draft", "furry", SMALL),
    "melting": ("material", "draft", "melting chocolate", SMALL),
    "inflated": ("material", "draft", "inflated gold", {**SMALL, "luminance_keep": 0.3, "scale": 2.0}),
    "picture": ("image", "draft", "", SMALL),
    "strokes": ("image", "standard", "lava", {**SMALL, "refit": 4, "steps": 3}),
    "ranked": ("clip", "standard", "serendipity", JUDGED),
    "deformed": ("clip", "draft", "spiky gold", {**JUDGED, "views": 0, "geometry_steps": 4}),
    "paper": ("clip", "paper", "lava", {"steps": 3, "batch": 3}),
}
pytest.importorskip("torch")


def object_of_many_sizes() -> Gaussians:
    """A ball with a brighter top, a handle and a speck, of Gaussians of many sizes."""
    body, handle, speck = (
        ball(500, 1, radius=0.8),
        ball(60, 1, seed=4, centre=(0.9, 0.0, 0.2)),
        ball(2, 1, centre=(4, 0, 0)),
    )
    whole = concatenate([body, handle, speck])
    sizes = np.random.default_rng(1).uniform(0.5, 1.8, (len(whole), 1)).astype(np.float32)
    sh = whole.sh.copy()
    sh[:, 0] -= 0.6 * whole.means[:, 1:2]
    return whole.replace(scales=whole.scales * sizes, sh=sh)


def files(folder: Path) -> dict[str, str]:
    """A CLIP and a VGG16 of random weights and a style picture; the environment in which they are found."""
    strokes.write(folder / "stars.png")
    tiny_vgg.write(folder)
    clip = tiny_clip.write(folder / "judge")
    return {"FT2OS_CLIP": str(clip), "FT2OS_WEIGHTS": str(folder), "FT2OS_CACHE": str(folder / "cache")}


def fingerprint(name: str, folder: Path) -> dict[str, list[float]]:
    """What a look is like: of each column of its arrays the mean, the spread and three quantiles; figures."""
    method, preset, prompt, overrides = CASES[name]
    picture = folder / "stars.png" if method == "image" else None
    request = StylizeRequest(
        object_of_many_sizes(),
        prompt,
        method=method,
        preset=preset,
        seed=3,
        overrides=overrides,
        style_image=picture,
    )
    told: list[Progress] = []
    result = stylize(request, progress=told.append)
    prints = {key: _print(array) for key, array in _arrays(result.look).items()}
    figures = {key: result.stats[key] for key in (*STATS, *STEPS) if result.stats.get(key) is not None}
    figures["memory"] = result.stats["memory"]["needed"]
    figures |= {f"term {name}": values for name, values in result.stats.get("terms", {}).items()}
    if method != "clip":  # whose stages depend on the words that are known already
        figures |= {f"bar {step.stage}": step.step for step in told}
        prints["last picture"] = _print(told[-1].preview)
    return prints | {key: np.atleast_1d(value).astype(float).tolist() for key, value in figures.items()}


def _arrays(look: Look) -> dict[str, np.ndarray]:
    names = ("parent", "dc", "dc0", "means", "quats", "scales", "opacities", "sh")
    arrays = {name: getattr(look, name) for name in names} | {
        f"target {name}": array for name, array in (look.target or {}).items()
    }
    return {name: array for name, array in arrays.items() if array is not None and array.size}


def _print(array: np.ndarray) -> list[float]:
    columns = np.abs(array).reshape(len(array), -1).astype(np.float64)  # q and −q are the same turn
    told = [columns.mean(axis=0), columns.std(axis=0), *np.quantile(columns, [0.1, 0.5, 0.9], axis=0)]
    return np.concatenate(told).round(6).tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("judges")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in files(where).items():
            patch.setenv(name, value)
        patch.setenv(process.MEMORY_ENV, str(8 << 30))
        yield where


def test_all_are_kept() -> None:
    assert json.loads(KEPT.read_text("utf-8")).keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_look_is_what_it_was(name: str, folder) -> None:
    kept, now = json.loads(KEPT.read_text("utf-8"))[name], fingerprint(name, folder)
    assert now.keys() == kept.keys()
    for key, values in kept.items():
        # Processors add up in another order; an optimiser's first steps make more of it.
        np.testing.assert_allclose(now[key], values, rtol=0.01, atol=0.002, err_msg=key)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.environ |= files(Path(place)) | {process.MEMORY_ENV: str(8 << 30)}
        looks = {name: fingerprint(name, Path(place)) for name in CASES}
    lines = [f"{json.dumps(name)}: {json.dumps(look, separators=(',', ':'))}" for name, look in looks.items()]
    KEPT.write_text("{" + ",\n".join(lines) + "}\n", "utf-8")
