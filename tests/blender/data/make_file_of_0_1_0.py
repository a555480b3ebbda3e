"""How file_of_0_1_0.blend and the two unfinished runs beside it were made: with 0.1.0 and Blender 4.2.

In a work tree of version 0.1.0 (commit 45f1bd6), with its zip built, and a Python that runs its backend::

    FT2OS_PYTHON=backend-python PYTHONPATH=. .venv-blender-4.2/bin/python make_file_of_0_1_0.py ZIP OUT

An artist's session on two balls: looks of every method, an unfinished run on each, and a scene for every
method and preset with its own advanced settings. The judge is the CLIP of random weights of the tests, named
by a path relative to the worker's folder, because that name decides whether an unfinished run may go on.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_WORK = Path(tempfile.mkdtemp(prefix="old-"))
os.environ["BLENDER_USER_RESOURCES"] = str(_WORK / "user")  # read when bpy is imported

import bpy  # noqa: E402
import numpy as np  # noqa: E402

MODULE = "bl_ext.user_default.ft2os_blender"
COARSE = {"largest": 0.2, "limit": 240}  # so that what is saved stays small
ADVANCED = {  # by scene: what differs from the defaults
    "material draft": {"use_keep": True, "keep": 0.25},
    "material standard": {"size": 2.5},
    "material high": {"use_keep": True, "keep": 1.0, "size": 0.5},
    "image draft": {"size": 3.0},
    "image standard": {"use_keep": True, "keep": 0.0},
    "image high": {"use_keep": True, "keep": 0.5, "size": 1.5},
    "clip draft": {"start": "original"},
    "clip standard": {"start": "named", "start_material": "ice", "geometry": "ON", "geometry_amount": 0.75},
    "clip high": {"geometry": "OFF", "use_keep": True, "keep": 0.125},
    "clip seed": {"regularisation": 0.5},
}


def room(name: str):
    return importlib.import_module(f"{MODULE}.{name}")


def main(zip_path: str, out: Path) -> None:
    work = _WORK
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
    write_judge()
    settings = bpy.context.scene.ft2os
    blend = work / "file_of_0_1_0.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))  # paths become relative to it
    ball, small = import_balls(work)
    add_overrides(COARSE)
    stylize(ball, settings, method="material", prompt="lava", seed=3)
    stylize(ball, settings, method="image", prompt="", picture=draw_picture(work), seed=4)
    stylize(small, settings, method="material", prompt="ice", seed=5)
    key_strength(ball)

    ball.ft2os.unfinished = ""
    turned = settings.advanced
    turned.use_keep, turned.keep, turned.geometry, turned.geometry_amount = True, 0.5, "ON", 0.75
    add_overrides({**COARSE, "given": 0.5})
    break_off(ball, settings, "standard", lambda: stage() == "geometry")
    for name in ("use_keep", "keep", "geometry", "geometry_amount"):
        turned.property_unset(name)
    add_overrides({})
    break_off(small, settings, "seed", lambda: factor() > 0.02)

    make_scenes(settings)
    bpy.data.batch_remove([space for space in bpy.data.workspaces if space != bpy.context.window.workspace])
    bpy.data.orphans_purge(do_recursive=True)
    out.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
    shutil.copy(blend, out)
    shutil.copy(work / "source_of_0_1_0.ply", out)
    for obj in (ball, small):
        for suffix in (".safetensors", ".json"):
            shutil.copy(room("jobs.checkpoints").path(obj.ft2os.unfinished).with_suffix(suffix), out)
    room("jobs.manager").manager.close()


def write_judge() -> None:
    """The random CLIP beside the worker's folder."""
    folder = room("jobs.manager").user_folder("judge")
    code = f"from pathlib import Path; from tests import tiny_clip; tiny_clip.write(Path({str(folder)!r}))"
    subprocess.run([os.environ["FT2OS_PYTHON"], "-c", code], check=True)
    os.environ["FT2OS_CLIP"] = "../judge"


def import_balls(work: Path) -> list[bpy.types.Object]:
    from tests import scenes

    path = work / "source_of_0_1_0.ply"
    scenes.write_ply(path, scenes.two_groups())
    (work / "labels.json").write_text(json.dumps({str(k): v for k, v in scenes.LABELS.items()}))
    bpy.ops.ft2os.import_scene(filepath=str(path))
    bpy.context.scene.name = "material standard"
    bpy.context.scene.render.engine = "FT2OS_SPLATS"
    return [bpy.data.objects[name] for name in ("ball", "small ball")]


def draw_picture(work: Path) -> Path:
    """Blue strokes on white."""
    image = bpy.data.images.new("strokes", 96, 96)
    x = np.arange(96)
    blue = ((x[:, None] + x[None]) // 6 % 2).astype(np.float32)
    image.pixels[:] = np.stack([1 - blue, 1 - 0.7 * blue, 0 * blue + 1, 0 * blue + 1], axis=-1).ravel()
    image.filepath_raw, image.file_format = str(work / "strokes.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return work / "strokes.png"


def add_overrides(more: dict) -> None:
    """Beside the panel's own settings: what a script of an artist asks for."""
    request = room("ops.request")
    panel = getattr(request.overrides, "panel", request.overrides)
    request.overrides = lambda settings: panel(settings) | more
    request.overrides.panel = panel


def only(obj: bpy.types.Object) -> None:
    """Select an object and hide the others: what is around an object belongs to its run."""
    for other in bpy.context.view_layer.objects:
        if other.type == "POINTCLOUD":
            other.hide_set(other != obj)
            other.select_set(other == obj)
    bpy.context.view_layer.objects.active = obj


def stylize(obj, settings, *, method: str, prompt: str, seed: int, picture: Path | None = None) -> None:
    only(obj)
    settings.method, settings.prompt, settings.seed = method, prompt, seed
    settings.preset = "draft"
    settings.style_image = f"//{picture.name}" if picture else ""
    bpy.ops.ft2os.stylize()


def key_strength(obj: bpy.types.Object) -> None:
    item = obj.ft2os.looks[0]
    for frame, strength in ((1, 0.0), (11, 1.0)):
        item.strength = strength
        item.keyframe_insert("strength", frame=frame)
    obj.ft2os.looks[1].strength = 0.25


def break_off(obj, settings, preset: str, until) -> None:
    """A run of the CLIP method, cancelled when ``until`` holds."""
    only(obj)
    settings.method, settings.prompt, settings.style_image, settings.seed = "clip", "lava", "", 6
    settings.preset = preset
    job = room("ops.job").StylizeJob(bpy.context, obj)
    while not job.poll() and not until():
        time.sleep(0.002)
    assert not job.finished, "it was over before it was cancelled"
    job.cancel()
    while not job.poll():
        time.sleep(0.01)
    assert obj.ft2os.unfinished, job.error


def stage() -> str:
    jobs = bpy.context.window_manager.ft2os.jobs
    return jobs[0].stage.lower() if len(jobs) else ""


def factor() -> float:
    jobs = bpy.context.window_manager.ft2os.jobs
    return jobs[0].factor if len(jobs) else 0.0


def make_scenes(first) -> None:
    """A scene for every method and preset; the first one is the balls' own."""
    for index, (name, advanced) in enumerate(ADVANCED.items()):
        own = name == "material standard"
        scene = bpy.context.scene if own else bpy.data.scenes.new(name)
        settings = first if own else scene.ft2os
        method, preset = name.split()
        settings.method = method
        settings.preset = preset
        settings.prompt, settings.seed, settings.live = f"lava {index}", 100 + index, index % 2 == 0
        if method != "material":
            settings.style_image = "//strokes.png"
        for key, value in advanced.items():
            setattr(settings.advanced, key, value)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
