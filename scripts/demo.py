"""The whole way an artist goes, without a window: ``make demo`` runs this in Blender's own Python.

Installs the built extension into a scratch Blender, imports the demo scene through the import operator,
selects one group's object, sets a prompt, runs the stylize operator against the real backend process, renders
before and after through the F12 engine and leaves ``before.png``, ``after.png``, ``demo.blend`` and
``stylized.ply``. Nothing is stored: another prompt, group or seed gives another picture.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SCENE = REPOSITORY / "demo" / "scene" / "scene.ply"
BACKDROP = (0.72, 0.78, 0.84)  # linear: a pale, slightly cool studio wall
MODULE = "bl_ext.user_default.ft2os_blender"


class Stopwatch:
    """Prints what is being done and how long it took."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def step(self, label: str, action):
        before = time.perf_counter()
        result = action()
        print(f"  {label:<34} {time.perf_counter() - before:6.1f} s", flush=True)
        return result

    @property
    def total(self) -> float:
        return time.perf_counter() - self.start


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    parser.add_argument("--backend", type=Path, required=True, help="a Python with ft2os installed")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prompt", default="lava")
    parser.add_argument("--group", default="truck")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scene", type=Path, default=SCENE)
    parser.add_argument("--camera", default="", help="name of the camera to render through")
    parser.add_argument("--size", type=int, default=800, help="pixels of the picture's longer side")
    return parser.parse_args()


def start_blender(user: Path, backend: Path):
    """Import bpy with a user folder of its own, so that nothing of the user's Blender is touched."""
    shutil.rmtree(user, ignore_errors=True)
    user.mkdir(parents=True)
    os.environ["BLENDER_USER_RESOURCES"] = str(user.resolve())
    os.environ["FT2OS_PYTHON"] = str(Path(os.path.abspath(backend)))
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy


def install(bpy, zip_path: Path) -> None:
    bpy.ops.extensions.package_install_files(
        filepath=str(zip_path.resolve()), repo="user_default", enable_on_install=True
    )
    if MODULE not in bpy.context.preferences.addons:  # FINISHED is answered even for a missing file
        sys.exit(f"{zip_path} could not be installed into Blender {bpy.app.version_string}.")


def select_group(bpy, name: str):
    """Make the object of a group active, the way a click does."""
    splats = [o for o in bpy.data.objects if o.type == "POINTCLOUD"]
    chosen = next((o for o in splats if o.name.casefold() == name.casefold()), None)
    if chosen is None:
        sys.exit(f"There is no group {name!r}. The scene has: {', '.join(sorted(o.name for o in splats))}.")
    bpy.ops.object.select_all(action="DESELECT")
    chosen.select_set(True)
    bpy.context.view_layer.objects.active = chosen
    return chosen


def stylize(bpy, prompt: str, seed: int) -> None:
    settings = bpy.context.scene.ft2os
    settings.prompt = prompt
    settings.seed = seed
    try:
        bpy.ops.ft2os.stylize()  # without a window this runs the job to its end
    except RuntimeError as error:
        sys.exit(str(error).strip().removeprefix("Error: "))


def render(bpy, path: Path) -> None:
    bpy.context.scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)


def choose_camera(bpy, name: str, size: int) -> None:
    cameras = sorted((o for o in bpy.data.objects if o.type == "CAMERA"), key=lambda o: o.name)
    scene = bpy.context.scene
    scene.camera = next((o for o in cameras if o.name.startswith(name)), cameras[0]) if name else cameras[0]
    longer = max(scene.render.resolution_x, scene.render.resolution_y)
    scene.render.resolution_percentage = 100
    scene.world = scene.world or bpy.data.worlds.new("Studio")
    scene.world.color = BACKDROP
    for node in scene.world.node_tree.nodes if scene.world.node_tree else ():  # a new world of 5.0 has nodes
        if node.type == "BACKGROUND":
            node.inputs["Color"].default_value = (*BACKDROP, 1.0)
    scene.render.resolution_x = round(scene.render.resolution_x * size / longer)
    scene.render.resolution_y = round(scene.render.resolution_y * size / longer)


def main() -> None:
    args = arguments()
    out = args.out
    out.mkdir(parents=True, exist_ok=True)
    watch = Stopwatch()
    print(f"ft2os demo: {args.group!r} in the style of {args.prompt!r}", flush=True)
    bpy = watch.step("start Blender", lambda: start_blender(out / "user", args.backend))
    watch.step("install the extension", lambda: install(bpy, args.zip))
    watch.step("import the scene", lambda: bpy.ops.ft2os.import_scene(filepath=str(args.scene.resolve())))
    chosen = select_group(bpy, args.group)
    choose_camera(bpy, args.camera, args.size)
    bpy.context.scene.render.engine = "FT2OS_SPLATS"
    watch.step("render before", lambda: render(bpy, out / "before.png"))
    watch.step(f"stylize {chosen.name} ({len(chosen.data.points):,} Gaussians)",
               lambda: stylize(bpy, args.prompt, args.seed))  # fmt: skip
    watch.step("render after", lambda: render(bpy, out / "after.png"))
    watch.step("save the .blend", lambda: bpy.ops.wm.save_as_mainfile(
        filepath=str((out / "demo.blend").resolve()), copy=True))  # fmt: skip
    watch.step("export the PLY", lambda: bpy.ops.ft2os.export_scene(
        filepath=str((out / "stylized.ply").resolve())))  # fmt: skip
    print(f"  {'in all':<34} {watch.total:6.1f} s")
    for name in ("before.png", "after.png", "demo.blend", "stylized.ply"):
        print(f"  {out / name}")


if __name__ == "__main__":
    main()
