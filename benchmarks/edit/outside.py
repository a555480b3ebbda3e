"""``python -m benchmarks.edit.outside``: the folder of views, edited by an outside program (ImageMagick).

The look must show what the program does from sides that nobody edited: its picture of a view that was held
back is what the program makes of that view. Beside it stands the plain solve of the same edits without the
way through the folder, at the size that is fitted; the folder may cost 1 dB.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import ft2os.threads  # noqa: F401  # settles the thread pools, which counts only before torch

# isort: split
import numpy as np
from PIL import Image

from benchmarks.edit.subject import REPORTED, load
from ft2os import looks
from ft2os.cameras import orbit
from ft2os.cameras.camera import Camera
from ft2os.colour import to_uint8
from ft2os.gaussians import Gaussians
from ft2os.guidance import editors
from ft2os.stylize import StylizeRequest, prepare, stylize
from ft2os.stylize.edit.artist_views import write_views
from ft2os.stylize.edit.views import EditViews
from ft2os.stylize.framing import crop_to_object
from ft2os.stylize.view_buffers import FOV_DEG
from ft2os.tiles import render
from ft2os.tiles.solve import solve_colours

PROGRAMS = ("-modulate 90,180,150", "-paint 3", "-sepia-tone 80%", "-edge 2 -negate")
_VIEWS, _DRAWN, _FITTED = 20, 512, 208
_SOLID = 0.8  # alpha from which a pixel is judged


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subject", default="truck", choices=REPORTED)
    parser.add_argument("--programs", default=";".join(PROGRAMS), metavar="ARGUMENTS;…")
    arguments = parser.parse_args()
    program = next((found for name in ("magick", "convert") if (found := shutil.which(name))), None)
    if program is None:
        parser.exit(1, "ImageMagick is not installed.\n")
    scene, group, _ = REPORTED[arguments.subject]
    target = load(scene, group)
    held = _held(target)
    for options in arguments.programs.split(";"):
        with tempfile.TemporaryDirectory() as folder:
            scores = measure(target, held, [program, *shlex.split(options)], Path(folder))
        told = ", ".join(f"{name} {score:.2f} dB" for name, score in scores.items())
        print(f"{arguments.subject}  {options}: {told}", flush=True)


def measure(target: Gaussians, held: list[Camera], program: list[str], folder: Path) -> dict[str, float]:
    """PSNR on the held-back views of the object as it was, the plain solve and the folder's look."""
    write_views(target, folder / "views", views=_VIEWS, pixels=_DRAWN)
    for path in (folder / "views").glob("view_*.png"):
        _edit(program, path)
    wanted, alphas = zip(*(_held_back(target, camera, program, folder) for camera in held))
    request = StylizeRequest(target, "", method="edit", overrides={"editor": str(folder / "views")})
    look = looks.apply(target, stylize(request).look, 1.0)
    shown = {"as it was": target, "plain solve": _solved(target, folder / "views"), "folder": look}
    return {
        name: _psnr([_picture(gaussians, camera)[0] for camera in held], wanted, alphas)
        for name, gaussians in shown.items()
    }


def _held(target: Gaussians) -> list[Camera]:
    """Twelve views between the rings."""
    rings = [orbit(target, 9, (_FITTED, _FITTED), FOV_DEG, at)[1::2] for at in (20.0, 5.0, 50.0)]
    return [crop_to_object(target, camera, _FITTED) or camera for ring in rings for camera in ring]


def _held_back(
    target: Gaussians, camera: Camera, program: list[str], folder: Path
) -> tuple[np.ndarray, np.ndarray]:
    """What the program makes of a view that nobody fits, and the view's alpha; at the size that is fitted."""
    picture, _ = _picture(target, camera.resized(_DRAWN, _DRAWN))
    path = folder / "held.png"
    Image.fromarray(to_uint8(picture)).save(path)
    _edit(program, path)
    return _read(path), _picture(target, camera)[1]


def _solved(target: Gaussians, folder: Path) -> Gaussians:
    """The plain solve of the edits, with the cameras of the folder."""
    cameras = [camera.resized(_FITTED, _FITTED) for camera in editors.cameras_of(str(folder)) or ()]
    prepared = prepare.prepare(
        target, views=_VIEWS, pixels=_FITTED, max_split_scale=0.006, limit=72_000, refit=24, cameras=cameras
    )
    views = EditViews.of(prepared)
    edits = [_read(folder / f"{camera.name}.png") for camera in cameras]
    targets = [edit * alpha[..., None] for edit, alpha in zip(edits, views.alpha)]
    colours = solve_colours(
        views.linear, targets, prepared.neutral, prior_weight=0.01, iterations=28, weights=views.weights
    )
    request = StylizeRequest(target, "plain", method="edit")
    return looks.apply(target, prepared.look(request, colours, {}), 1.0)


def _picture(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    drawn = render(
        gaussians, camera.viewmat[None], camera.K[None], camera.width, camera.height, background=(0.5,) * 3
    )
    return drawn.rgb[0], drawn.alpha[0]


def _edit(program: list[str], path: Path) -> None:
    subprocess.run([program[0], str(path), *program[1:], str(path)], check=True)


def _read(path: Path) -> np.ndarray:
    picture = Image.open(path).convert("RGB").resize((_FITTED, _FITTED), Image.Resampling.LANCZOS)
    return np.asarray(picture, np.float32) / 255


def _psnr(shown, wanted, alphas) -> float:
    errors = [((a - b)[alpha > _SOLID] ** 2).mean() for a, b, alpha in zip(shown, wanted, alphas)]
    return float(-10 * np.log10(np.mean(errors)))


if __name__ == "__main__":
    main()
