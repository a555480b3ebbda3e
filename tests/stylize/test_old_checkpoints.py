"""Runs that version 0.1.0 broke off go on: their checkpoints, and the requests that were kept beside them.

``tests/blender/data/make_file_of_0_1_0.py`` says how they were made. What they call by former names, the
preset ``seed``, settings and terms, is understood, and the digest of a request has not changed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from safetensors import safe_open

from ft2os.errors import CancelledError, RequestError
from ft2os.formats import load_scene
from ft2os.gaussians import Gaussians
from ft2os.stylize import StylizeRequest, stylize
from tests import tiny_clip
from tests.scenes import LABELS

DATA = Path(__file__).parents[1] / "blender" / "data"
PAPER, FORMED = "8f5129529677462296499c72962163bf", "df465ad51660422ea7bf32e4c37e458b"


@pytest.fixture
def objects(tmp_path, monkeypatch) -> dict[str, Gaussians]:
    """The objects by name; the judge is known by the name that it had, relative to the worker's folder."""
    (tmp_path / "worker").mkdir()
    tiny_clip.write(tmp_path / "judge")
    monkeypatch.chdir(tmp_path / "worker")
    monkeypatch.setenv("FT2OS_CLIP", "../judge")
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))
    gaussians = load_scene(DATA / "source_of_0_1_0.ply").gaussians
    return {name: gaussians.subset(gaussians.group == number) for number, name in LABELS.items()}


def kept_request(objects, name, tmp_path, **changes) -> StylizeRequest:
    kept = json.loads((DATA / f"{name}.json").read_text())
    fields = {key: kept[key] for key in ("prompt", "object_name", "method", "preset", "seed", "overrides")}
    target = objects[kept["object_name"]]
    path = shutil.copy(DATA / f"{name}.safetensors", tmp_path / "run.safetensors")
    return StylizeRequest(**{"target": target, **fields, "checkpoint": path, "resume": True, **changes})


def facts_of(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["facts"])


@pytest.mark.parametrize("name", [PAPER, FORMED])
def test_a_run_of_0_1_0_goes_on_where_it_stood(objects, tmp_path, name):
    before = facts_of(DATA / f"{name}.safetensors")
    request, seen = kept_request(objects, name, tmp_path), []
    with pytest.raises(CancelledError) as caught:
        stylize(request, progress=seen.append, cancelled=lambda: sum(p.loss is not None for p in seen) >= 2)
    stats = caught.value.partial.stats
    count = len(before["losses"])
    assert stats["losses"][:count] == before["losses"]
    assert count + 2 <= stats["steps"] <= count + 3
    went_on = facts_of(request.checkpoint)
    assert went_on["digest"] == before["digest"]
    if name == FORMED:
        assert went_on["terms"].keys() == before["terms"].keys() - {"form"} | {"structure"}
        assert went_on["terms"]["structure"] == before["terms"]["form"]  # no colours have moved since
        assert len(went_on["terms"]["needle"]) == stats["steps"]
        assert stats["start"]["luminance_keep"] == before["choice"]["keep"]
        assert stats["start"]["from"] == "lava"


def test_what_was_written_by_former_names_is_read_by_present_ones(objects, tmp_path):
    """As many numbers as before, so that nothing is left behind under a name that nobody reads."""
    from ft2os.stylize.clip import checkpoint

    path = DATA / f"{FORMED}.safetensors"
    kept = checkpoint.load(path, facts_of(path)["digest"])
    with safe_open(path, "pt") as file:
        written = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
    assert len(kept.tensors) == len(written)
    for now, then in (
        ("colours/offsets", "colours/own"),
        ("colours/offsets_exp_avg", "colours/own_exp_avg"),
        ("colours/offsets_exp_avg_sq", "colours/own_exp_avg_sq"),
        ("shape/screen_gradients", "shape/pull"),
    ):
        np.testing.assert_array_equal(kept.tensors[now].numpy(), written[then])
    assert not {"form", "keep"} & {*kept.facts["terms"], *kept.facts["choice"]}


@pytest.mark.parametrize("changes", [{"prompt": "ice"}, {"seed": 7}, {"overrides": {"keep": 0.4}}])
def test_another_request_is_still_another(objects, tmp_path, changes):
    with pytest.raises(RequestError, match="another run"):
        stylize(kept_request(objects, FORMED, tmp_path, **changes))
