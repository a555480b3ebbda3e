"""A .blend of version 0.1.0 opens with everything: looks, strengths, keyframes, choices, unfinished runs.

``data/make_file_of_0_1_0.py`` says how the file was made. A .blend stores enums as numbers and properties by
name, so a number that moves or a property that is renamed loses what an artist chose, without a word.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.blender.helpers import make_active, room, splats
from tests.blender.test_go_on import clip_folder, offered  # noqa: F401  the fixture is used by name
from tests.blender.test_queue import drive, manager, names

DATA = Path(__file__).parent / "data"
UNFINISHED = {"ball": "df465ad51660422ea7bf32e4c37e458b", "small ball": "8f5129529677462296499c72962163bf"}

needs_backend = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


@pytest.fixture
def old(tmp_path) -> dict[str, bpy.types.Object]:
    """The file's splat objects by name, its source and its unfinished runs where the artist had them."""
    shutil.copy(DATA / "source_of_0_1_0.ply", tmp_path)
    blend = shutil.copy(DATA / "file_of_0_1_0.blend", tmp_path)
    place = room("jobs.manager").user_folder("checkpoints")
    for name in UNFINISHED.values():
        for suffix in (".safetensors", ".json"):
            shutil.copyfile(DATA / f"{name}{suffix}", place / f"{name}{suffix}")
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    yield splats()
    for name in UNFINISHED.values():
        room("jobs.checkpoints").drop(name)


def shown_name(settings: bpy.types.PropertyGroup, name: str) -> str:
    """What the panel writes for the chosen entry of a menu."""
    return bpy.types.UILayout.enum_item_name(settings, name, getattr(settings, name))


def test_the_objects_have_their_points(old):
    assert {name: len(obj.data.points) for name, obj in old.items()} == {
        "ball": 150, "small ball": 75, "Rest": 5,
    }  # fmt: skip
    assert bpy.data.scenes["material standard"].render.engine == "FT2OS_SPLATS"


def test_every_look_is_there_with_its_facts(old):
    facts = {
        name: [(look.name, look.title, look.method, look.prompt, look.seed) for look in obj.ft2os.looks]
        for name, obj in old.items()
    }
    assert facts == {
        "ball": [
            ("lava", "Lava", "material", "lava", 3),
            ("strokes", "strokes", "image", "", 4),
            ("lava (cancelled)", "lava", "clip", "lava", 6),
        ],
        "small ball": [
            ("ice", "Ice", "material", "ice", 5),
            ("lava (cancelled)", "lava", "clip", "lava", 6),
        ],
        "Rest": [],
    }
    assert {name: obj.ft2os.active_look for name, obj in old.items()} == {
        "ball": 2, "small ball": 1, "Rest": -1,
    }  # fmt: skip
    for look in (look for obj in old.values() for look in obj.ft2os.looks):
        stats = room("scene.looks").stats(look)
        assert stats["gaussians"] == len(look.pointcloud.points)


def test_every_look_can_be_read_with_all_its_attributes(old):
    read = room("scene.looks").read_look
    material, strokes, cancelled = (read(look) for look in old["ball"].ft2os.looks)
    _, paper = (read(look) for look in old["small ball"].ft2os.looks)
    for look in (material, strokes, cancelled, paper):
        assert np.isfinite(look.dc).all()
        assert np.isin(look.parent, np.arange(150)).all()
    assert material.dc0.shape == material.dc.shape
    assert material.target is None
    assert set(cancelled.target) == {"means", "quats", "scales", "opacities"}  # geometry had begun
    assert not np.array_equal(cancelled.target["means"], cancelled.means)
    assert paper.sh.shape == (len(paper.parent), 3, 3)  # the published settings move the bands too
    red, _, blue = material.dc.mean(axis=0)
    assert red > blue + 0.5  # lava
    red, _, blue = strokes.dc.mean(axis=0)
    assert blue > red  # blue strokes


def test_strengths_and_their_keyframes_live_on(old):
    lava, strokes, _ = old["ball"].ft2os.looks
    assert strokes.strength == 0.25
    scene = bpy.data.scenes["material standard"]
    for frame, strength in ((1, 0.0), (6, 0.5), (11, 1.0)):
        scene.frame_set(frame)
        assert lava.strength == pytest.approx(strength, abs=1e-3)


# What the panel writes. A scene is called by the names of 0.1.0, where the preset "paper" was called "seed".
METHODS = {"material": "Material", "image": "Image", "clip": "CLIP"}
PRESETS = {"draft": "Draft", "standard": "Standard", "high": "High", "seed": "Paper"}
DEFAULTS = {
    "use_keep": False, "keep": 0.7, "size": 1.0, "start": "Automatic", "start_material": "",
    "geometry": "Automatic", "geometry_amount": 0.5, "regularisation": 0.0,
}  # fmt: skip
ADVANCED = {
    "material draft": {"use_keep": True, "keep": 0.25},
    "material standard": {"size": 2.5},
    "material high": {"use_keep": True, "keep": 1.0, "size": 0.5},
    "image draft": {"size": 3.0},
    "image standard": {"use_keep": True, "keep": 0.0},
    "image high": {"use_keep": True, "keep": 0.5, "size": 1.5},
    "clip draft": {"start": "Object"},
    "clip standard": {
        "start": "Material", "start_material": "ice", "geometry": "On", "geometry_amount": 0.75,
    },
    "clip high": {"geometry": "Off", "use_keep": True, "keep": 0.125},
    "clip seed": {"regularisation": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("index", range(len(ADVANCED)), ids=list(ADVANCED))
def test_a_scene_asks_for_what_it_asked_for(old, index):
    name = list(ADVANCED)[index]
    settings = bpy.data.scenes[name].ft2os
    method, preset = name.split()
    assert shown_name(settings, "method") == METHODS[method]
    assert shown_name(settings, "preset") == PRESETS[preset]
    assert (settings.prompt, settings.seed, settings.live) == (f"lava {index}", 100 + index, index % 2 == 0)
    assert settings.style_image == ("" if method == "material" else "//strokes.png")
    turned = settings.advanced
    kept = {key: getattr(turned, key) for key in DEFAULTS if key not in ("start", "geometry")}
    kept |= {key: shown_name(turned, key) for key in ("start", "geometry")}
    kept = {key: round(value, 6) if isinstance(value, float) else value for key, value in kept.items()}
    assert kept == DEFAULTS | ADVANCED[name]


def test_untouched_points_still_leave_with_the_bits_of_their_source(old, tmp_path):
    for obj in old.values():
        obj.ft2os.active_look = -1
    bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "out.ply"))
    assert (tmp_path / "out.ply").read_bytes() == (DATA / "source_of_0_1_0.ply").read_bytes()


def test_unfinished_runs_are_offered(old):
    for name, checkpoint in UNFINISHED.items():
        assert old[name].ft2os.unfinished == checkpoint
        show_only(old[name])
        assert offered()
    show_only(old["Rest"])
    assert not offered()


@pytest.fixture
def judge(clip_folder, monkeypatch):  # noqa: F811
    """The judge by the name that the runs had: a run may only go on before the same one."""
    place = room("jobs.manager").user_folder("judge")
    shutil.copytree(clip_folder, place, dirs_exist_ok=True)
    monkeypatch.setenv("FT2OS_CLIP", "../judge")
    manager().close_client()
    yield
    shutil.rmtree(place)


@needs_backend
@pytest.mark.parametrize("name", UNFINISHED)
def test_an_unfinished_run_goes_on(old, judge, name):
    """The kept requests speak as 0.1.0 did: preset ``seed``, settings ``keep``, ``largest``, ``given``.

    The digests in their checkpoints are of the settings by those names.
    """
    obj = old[name]
    before = len(obj.ft2os.looks)
    kept = json.loads((DATA / f"{UNFINISHED[name]}.json").read_text())
    assert (kept["preset"], sorted(kept["overrides"])) == {
        "ball": ("standard", ["geometry", "given", "keep", "largest", "limit"]),
        "small ball": ("seed", []),
    }[name]
    show_only(obj)
    job = room("ops.job").StylizeJob(bpy.context, obj, checkpoint=obj.ft2os.unfinished)
    room("ops.queue").jobs[:] = [job]
    drive([job])
    assert job.error is None
    assert names(obj)[before:] == ["lava"]
    assert not obj.ft2os.unfinished
    assert not offered()
    cancelled, whole = (room("scene.looks").stats(look)["losses"] for look in list(obj.ft2os.looks)[-2:])
    assert len(whole) > len(cancelled) > 0
    assert whole[: len(cancelled)] == cancelled  # it went on, and did not begin anew


def show_only(obj: bpy.types.Object) -> None:
    """Alone, as when the runs were begun: what is around an object belongs to its run."""
    for other in splats().values():
        other.hide_set(other != obj)
    make_active(obj)
